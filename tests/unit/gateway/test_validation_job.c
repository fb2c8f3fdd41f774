/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/jobs/job_look.h"
#include "store/database.h"

LEAK_CHECKED_SUITE(validation_job);

enum { ACCOUNTS = 1000, SLOTS = 100, MOST_IN_A_LOOK = 256 };

/* Accounts 1 to ACCOUNTS, of strangers, each with a challenge that is due for a name of its own. */
static void add_accounts(const struct database *database)
{
    database_run(
        database,
        arena_printf(
            database->arena,
            "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d)"
            " INSERT INTO accounts (id, endpoint, status, key, thumbprint, contacts, terms_agreed, "
            "created_at)"
            " SELECT id, 'default', 'valid', 'x', id, '[]', 0, 0 FROM n;"
            "INSERT INTO authorizations (id, account_id, identifier_type, identifier, wildcard, subdomains, "
            "status,"
            " created_at, expires_at, token, offered, challenge_type, challenge_status, attempt_count,"
            " next_attempt_at, gateway_id) SELECT id + 100000, id, 'dns', id || '.test', 0, 0, 'pending', 0, "
            "%lld, 'x', "
            "1, "
            "'http-01',"
            " 'processing', 0, 0, 1 FROM accounts;",
            ACCOUNTS, (long long)NOW * 2));
}

/* Three quarters of the slots are held: strangers get none, and are passed over. Nobody is hidden behind
 * them. */
Test(validation_job, S8_a_look_is_bounded_and_the_next_goes_on_behind_it)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    add_accounts(&database);
    const struct config config = {.validation.max_concurrent = SLOTS};
    struct jobs *jobs = calloc(1, sizeof *jobs);
    struct store_reader *reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    jobs->parts.config = &config;
    jobs->validation_shares = (struct job_shares){.slots = SLOTS, .count = 3 * SLOTS / 4};
    /* A wake that is under way: nothing is posted to an outbound thread, which is not there. */
    jobs->due = JOBS_DUE_CHALLENGES;
    struct job_kind *kind = &jobs->kinds[JOB_VALIDATION];
    *kind = (struct job_kind){.shares = &jobs->validation_shares,
                              .max_under_way = SLOTS,
                              .under_way = jobs->validation_shares.count};
    int64_t at = 0;
    for (int look = 1; look <= 8; look++) {
        struct job_look state = {.jobs = jobs, .kind = kind, .arena = database.arena, .now = NOW};
        validation_job_plan(&state);
        validation_job_load_due(&state, reader);
        validation_job_take(&state);
        cr_expect(!state.failed);
        int64_t expected = (at + MOST_IN_A_LOOK - 1) % ACCOUNTS + 1;
        cr_expect_eq(jobs->last_account, expected, "look %d: %lld", look, (long long)jobs->last_account);
        cr_expect(kind->left_waiting);
        at = jobs->last_account;
    }
    cr_expect_eq(kind->under_way, 3 * SLOTS / 4);
    store_reader_close(reader);
    free(jobs);
    database_disconnect(&database);
    database_end(&database);
}
