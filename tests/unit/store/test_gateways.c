/* SPDX-License-Identifier: Apache-2.0 */
/* Work belongs to one gateway, and another one takes it over from one that is gone. */
#include "database.h"
#include "store/attempts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(gateways);

/* A second gateway. database_connect makes the row of the first one, which is this process. */
enum { OTHER = 77, OTHER_NUMBER = 2 };

static int64_t own;

static void begin(struct database *database)
{
    database_begin(database);
    database_connect(database);
    own = gateway_identity()->id;
    database_run(database,
                 arena_printf(database->arena,
                              "INSERT INTO gateways (id, name, version, started_at, seen_at, batch, fence,"
                              " number, state) VALUES (%d, 'other', '1', 1, 1, 5, 3, %d, 'serving')",
                              OTHER, OTHER_NUMBER));
}

static void request_revocation(struct database *database, struct certificate *certificate)
{
    certificate->revocation_requested_at = NOW;
    certificate->revocation_requested_by = "operator";
    cr_assert_eq(store_certificate_update(database->writer, certificate), STORE_OK);
}

static struct certificate issue(struct database *database, const struct account *account)
{
    struct certificate certificate;
    struct order issued = make_issued_order(database, account, "issued.example.org", NULL);
    cr_assert_eq(store_certificate_load(store_reader_of(database->writer), database->arena,
                                        issued.certificate_id, &certificate),
                 STORE_OK);
    return certificate;
}

/* An order with an attempt that has no answer, a challenge, and a revocation. */
static void leave_work(struct database *database, const char *thumbprint)
{
    struct account account = make_account(database, thumbprint);
    struct authorization waiting = make_authorization(database, &account, "waiting.example.org");
    struct order order = make_order(database, &account, &waiting, 1);
    struct certificate certificate = issue(database, &account);
    put_into_processing(database, &order, NOW + 3600);
    make_attempt(database, order.id);
    waiting.chosen = CHALLENGE_HTTP_01;
    waiting.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(database->writer, &waiting, AUTHORIZATION_PENDING, 0), STORE_OK);
    request_revocation(database, &certificate);
}

struct due {
    size_t orders, validations, revocations;
};

/* The work that this gateway finds due. */
static struct due due(struct database *database)
{
    struct due found = {0};
    struct store_reader *reader = store_reader_of(database->writer);
    struct due_validation *validations;
    struct revocation_queue queue = {0};
    int64_t ids[8], account_id = 0;
    size_t count;
    cr_assert_eq(store_orders_due(reader, "default", NOW, ids, 8, &found.orders), STORE_OK);
    while (store_validation_queue_after(reader, account_id, &account_id) == STORE_OK) {
        cr_assert_eq(store_validations_due(reader, database->arena, account_id, NOW, 8, &validations, &count),
                     STORE_OK);
        found.validations += count;
    }
    while (store_revocation_queue_after(reader, database->arena, queue.identity_id, &queue) == STORE_OK) {
        cr_assert_eq(store_revocations_due(reader, queue.identity_id, NOW, ids, 8, &count), STORE_OK);
        found.revocations += count;
    }
    return found;
}

static void expect_due(struct database *database, size_t each, const char *what)
{
    struct due found = due(database);
    cr_expect(found.orders == each && found.validations == each && found.revocations == each,
              "%s: %zu orders, %zu challenges, %zu revocations", what, found.orders, found.validations,
              found.revocations);
}

static void give_work_to(struct database *database, const char *owner)
{
    static const char *const tables[] = {"orders", "authorizations", "attempts", "certificates"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        database_run(database,
                     arena_printf(database->arena, "UPDATE %s SET gateway_id = %s", tables[i], owner));
}

static int64_t unknown_attempts(struct database *database)
{
    return database_count(database, "SELECT count(*) FROM attempts WHERE status = 'unknown'");
}

static void settle(struct database *database, int64_t expected)
{
    int64_t unknown;
    cr_assert_eq(store_gateway_settle(database->writer, NOW, &unknown), STORE_OK);
    cr_expect_eq(unknown, expected);
}

Test(gateways, work_belongs_to_the_gateway_that_it_became_due_at)
{
    struct database database;
    begin(&database);
    leave_work(&database, "a.example.org");
    settle(&database, 1);
    expect_due(&database, 1, "its own");
    gateway_set_row(OTHER, OTHER_NUMBER);
    expect_due(&database, 0, "another one's");
    leave_work(&database, "b.example.org");
    settle(&database, 1);
    expect_due(&database, 1, "its own, beside another one's");
    database_end(&database);
}

/* Another reason for a revocation that is under way, at another gateway. */
Test(gateways, a_change_at_another_gateway_moves_no_work)
{
    struct database database;
    begin(&database);
    struct account account = make_account(&database, "thumbprint");
    struct certificate certificate = issue(&database, &account);
    request_revocation(&database, &certificate);
    gateway_set_row(OTHER, OTHER_NUMBER);
    certificate.revocation_reason = 1;
    request_revocation(&database, &certificate);
    cr_expect_eq(due(&database).revocations, 0);
    gateway_set_row(own, 1);
    cr_expect_eq(due(&database).revocations, 1);
    database_end(&database);
}

Test(gateways, a_command_gives_its_work_to_a_gateway_that_serves)
{
    static const struct {
        const char *state, *owner;
    } cases[] = {{"serving", "77"}, {"stopped", ""}, {"gone", ""}};
    struct database database;
    begin(&database);
    struct account account = make_account(&database, "thumbprint");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        database_run(&database,
                     arena_printf(database.arena,
                                  "UPDATE gateways SET state = CASE WHEN id = %d THEN '%s' ELSE 'gone' END",
                                  OTHER, cases[i].state));
        struct certificate certificate = issue(&database, &account);
        database.writer->is_command = true;
        request_revocation(&database, &certificate);
        database.writer->is_command = false;
        cr_expect_str_eq(database_text(&database, arena_printf(database.arena,
                                                               "SELECT coalesce(CAST(gateway_id AS text), '')"
                                                               " FROM certificates WHERE id = %lld",
                                                               (long long)certificate.id)),
                         cases[i].owner, "%s", cases[i].state);
    }
    database_end(&database);
}

/* A start finds what nobody works on. */
Test(gateways, a_start_takes_what_is_nobodys)
{
    static const struct {
        const char *what, *owner;
        int64_t taken;
    } cases[] = {
        {"nobody's", "NULL", 1},
        {"a former process's of this gateway", "(SELECT min(id) FROM gateways)", 1},
        {"one's that is gone", "78", 1},
        {"one's without a row", "99", 1},
        {"one's that serves", "77", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        begin(&database);
        database_run(&database, "INSERT INTO gateways (id, name, version, started_at, seen_at)"
                                " VALUES (78, 'former', '1', 1, 1)");
        leave_work(&database, "a.example.org");
        give_work_to(&database, cases[i].owner);
        settle(&database, cases[i].taken);
        expect_due(&database, (size_t)cases[i].taken, cases[i].what);
        cr_expect_eq(unknown_attempts(&database), cases[i].taken, "%s", cases[i].what);
        database_end(&database);
    }
}

/* It is the one with the lowest number of those that serve. */
Test(gateways, one_of_them_leads)
{
    static const struct {
        const char *what, *sql;
        bool leads;
    } cases[] = {{"it has the lower number", "SELECT 1", true},
                 {"another one has", "UPDATE gateways SET number = 3 WHERE id <> 77", false},
                 {"that one stopped", "UPDATE gateways SET state = 'stopped' WHERE id = 77", true},
                 {"none serves", "UPDATE gateways SET state = 'gone'", false}};
    struct database database;
    bool leads;
    begin(&database);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        database_run(&database, cases[i].sql);
        enum store_result result = store_gateway_leads(database.writer, &leads);
        cr_expect(result == STORE_OK || (result == STORE_NOT_FOUND && !leads), "%s", cases[i].what);
        cr_expect_eq(leads, cases[i].leads, "%s", cases[i].what);
    }
    database_end(&database);
}

/* ---- the sign of life ---- */

static enum store_outcome beat(struct database *database, struct heartbeat *heartbeat)
{
    struct store_operation *operation = heartbeat_begin(heartbeat);
    cr_assert_not_null(operation);
    cr_expect_null(heartbeat_begin(heartbeat), "one at a time");
    database_begin_writing(database);
    bool kept = operation->apply(operation, database->writer) == STORE_APPLIED;
    database_end_writing(database, kept);
    operation->done(operation, kept ? STORE_COMMITTED : STORE_UNAVAILABLE);
    return kept ? STORE_COMMITTED : STORE_UNAVAILABLE;
}

/* The other gateway has work, and this one's heart begins to beat. */
static struct heartbeat *begin_beside_work(struct database *database)
{
    begin(database);
    leave_work(database, "a.example.org");
    give_work_to(database, "77");
    return heartbeat_new();
}

static void expect_state(struct database *database, const char *state, int64_t fence, const char *what)
{
    cr_expect_str_eq(database_text(database, "SELECT state FROM gateways WHERE id = 77"), state, "%s", what);
    cr_expect_eq(database_count(database, "SELECT fence FROM gateways WHERE id = 77"), fence, "%s", what);
}

Test(gateways, one_that_is_silent_for_long_is_shut_out_and_its_work_goes_on)
{
    struct database database;
    struct heartbeat *heartbeat = begin_beside_work(&database);
    for (int i = 0; i < GATEWAY_SILENT_BEATS; i++) {
        cr_expect_eq(beat(&database, heartbeat), STORE_COMMITTED);
        cr_expect_eq(heartbeat_others(heartbeat), 1);
        expect_state(&database, "serving", 3, "silent for a while");
        expect_due(&database, 0, "silent for a while");
    }
    cr_expect_eq(beat(&database, heartbeat), STORE_COMMITTED);
    expect_state(&database, "gone", 4, "silent for long");
    expect_due(&database, 1, "silent for long");
    cr_expect_eq(unknown_attempts(&database), 1);
    cr_expect_eq(heartbeat_others(heartbeat), 0);
    cr_expect_str_eq(database_text(&database, "SELECT detail FROM events WHERE kind = 'gateway.taken_over'"),
                     "other has given no sign of life for long; attempts without an answer: 1");
    cr_expect_eq(beat(&database, heartbeat), STORE_COMMITTED);
    expect_state(&database, "gone", 4, "once");
    heartbeat_free(heartbeat);
    database_end(&database);
}

/* Each sign of life begins the count again, whatever it is. */
Test(gateways, one_that_gives_a_sign_of_life_keeps_its_work)
{
    static const char *const signs[] = {"batch = batch + 1", "fence = fence + 1",
                                        "started_at = started_at + 1"};
    struct database database;
    struct heartbeat *heartbeat = heartbeat_new();
    begin(&database);
    for (int i = 0; i < 4 * GATEWAY_SILENT_BEATS; i++) {
        if (i % (GATEWAY_SILENT_BEATS - 1) == 0)
            database_run(&database, arena_printf(database.arena, "UPDATE gateways SET %s WHERE id = 77",
                                                 signs[(size_t)i % (sizeof signs / sizeof *signs)]));
        cr_expect_eq(beat(&database, heartbeat), STORE_COMMITTED);
        cr_expect_eq(heartbeat_others(heartbeat), 1, "beat %d", i);
    }
    cr_expect_str_eq(database_text(&database, "SELECT state FROM gateways WHERE id = 77"), "serving");
    heartbeat_free(heartbeat);
    database_end(&database);
}

Test(gateways, one_that_has_stopped_leaves_its_work_at_once)
{
    struct database database;
    struct heartbeat *heartbeat = begin_beside_work(&database);
    database_run(&database, "UPDATE gateways SET state = 'stopped' WHERE id = 77");
    cr_expect_eq(beat(&database, heartbeat), STORE_COMMITTED);
    expect_due(&database, 1, "stopped");
    cr_expect_eq(heartbeat_others(heartbeat), 0);
    cr_expect_not_null(
        strstr(database_text(&database, "SELECT detail FROM events WHERE kind = 'gateway.taken_over'"),
               "other has stopped"));
    heartbeat_free(heartbeat);
    database_end(&database);
}
