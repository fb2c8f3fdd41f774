/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/authorizations.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(authorizations);

static const char problem[] =
    "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.10:80 refused\"}";

Test(authorizations, an_authorization_comes_back_as_it_was_stored)
{
    struct database database;
    struct authorization loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "*.example.org");
    cr_assert_eq(
        store_authorization_load(store_reader_of(database.writer), database.arena, authorization.id, &loaded),
        STORE_OK);
    cr_assert_eq(loaded.account_id, account.id);
    cr_assert_str_eq(loaded.endpoint, "acme");
    cr_assert_eq(loaded.identifier.type, IDENTIFIER_DNS);
    cr_assert_str_eq(loaded.identifier.value, "example.org");
    cr_assert(loaded.wildcard);
    cr_assert_eq(loaded.status, AUTHORIZATION_PENDING);
    cr_assert_eq(loaded.created_at, NOW);
    cr_assert_eq(loaded.expires_at, NOW + 86400);
    cr_assert_str_eq(loaded.token, authorization.token);
    cr_assert_eq(loaded.offered, authorization.offered);
    cr_assert_eq(loaded.chosen, 0);
    cr_assert_eq(loaded.challenge_status, 0);
    cr_assert_null(loaded.error_json);
    cr_assert_eq(
        store_authorization_load(store_reader_of(database.writer), database.arena, account.id, &loaded),
        STORE_NOT_FOUND);
    database_end(&database);
}

Test(authorizations, an_authorization_is_updated_from_the_expected_states_only)
{
    struct database database;
    struct authorization loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization changed = make_authorization(&database, &account, "www.example.org");
    changed.chosen = CHALLENGE_DNS_01;
    changed.challenge_status = CHALLENGE_PROCESSING;
    changed.error_json = problem;
    changed.attempt_count = 3;
    changed.first_attempt_at = NOW + 1;
    changed.next_attempt_at = NOW + 2;
    changed.expires_at = NOW + 5;
    enum authorization_status pending = AUTHORIZATION_PENDING;
    changed.status = AUTHORIZATION_EXPIRED;
    cr_assert_eq(store_authorization_update(writer, &changed, AUTHORIZATION_VALID, 0), STORE_LOST_RACE);
    changed.status = pending;
    cr_assert_eq(store_authorization_update(writer, &changed, pending, CHALLENGE_PROCESSING),
                 STORE_LOST_RACE);
    cr_assert_eq(store_authorization_update(writer, &changed, pending, 0), STORE_OK);
    cr_assert_eq(store_authorization_update(writer, &changed, pending, 0), STORE_LOST_RACE);
    cr_assert_eq(store_authorization_load(store_reader_of(writer), database.arena, changed.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.chosen, CHALLENGE_DNS_01);
    cr_assert_eq(loaded.challenge_status, CHALLENGE_PROCESSING);
    cr_assert_str_eq(loaded.error_json, problem);
    cr_assert_eq(loaded.attempt_count, 3);
    cr_assert_eq(loaded.first_attempt_at, NOW + 1);
    cr_assert_eq(loaded.next_attempt_at, NOW + 2);
    cr_assert_eq(loaded.expires_at, NOW + 5);
    cr_assert_eq(loaded.basis, 0);
    changed.status = AUTHORIZATION_VALID;
    changed.basis = AUTHORIZATION_PROVEN;
    changed.challenge_status = CHALLENGE_VALID;
    changed.validated_at = NOW + 3;
    changed.error_json = NULL;
    cr_assert_eq(store_authorization_update(writer, &changed, pending, CHALLENGE_PROCESSING), STORE_OK);
    cr_assert_eq(store_authorization_load(store_reader_of(writer), database.arena, changed.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, AUTHORIZATION_VALID);
    cr_assert_eq(loaded.basis, AUTHORIZATION_PROVEN);
    cr_assert_eq(loaded.validated_at, NOW + 3);
    cr_assert_null(loaded.error_json);
    database_end(&database);
}

static struct authorization make_valid(struct database *database, const struct account *account,
                                       const char *name, int64_t expires_at)
{
    struct authorization authorization = make_authorization(database, account, name);
    authorization.status = AUTHORIZATION_VALID;
    authorization.basis = AUTHORIZATION_PROVEN;
    authorization.expires_at = expires_at;
    cr_assert_eq(store_authorization_update(database->writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    return authorization;
}

Test(authorizations, a_valid_authorization_is_found_for_its_account_name_and_time)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "one"), other = make_account(&database, "two");
    make_authorization(&database, &account, "www.example.org");
    make_valid(&database, &account, "www.example.org", NOW + 10);
    struct authorization best = make_valid(&database, &account, "www.example.org", NOW + 20);
    struct authorization wildcard = make_valid(&database, &account, "*.example.org", NOW + 20);
    struct authorization wide = {.account_id = account.id,
                                 .identifier = dns("example.net"),
                                 .subdomains = true,
                                 .status = AUTHORIZATION_VALID,
                                 .created_at = NOW,
                                 .expires_at = NOW + 20,
                                 .token = "token"};
    cr_assert_eq(store_authorization_insert(database.writer, &wide), STORE_OK);
    const struct {
        int64_t account_id;
        const char *name;
        int64_t until, found;
        bool subdomains;
    } cases[] = {
        {account.id, "example.net", NOW, wide.id, false},
        {account.id, "example.net", NOW, wide.id, true},
        {account.id, "www.example.org", NOW, 0, true},
        {account.id, "www.example.org", NOW, best.id, false},
        {account.id, "www.example.org", NOW + 20, best.id, false},
        {account.id, "www.example.org", NOW + 21, 0, false},
        {other.id, "www.example.org", NOW, 0, false},
        {account.id, "*.example.org", NOW, wildcard.id, false},
        {account.id, "example.org", NOW, 0, false},
        {account.id, "mail.example.org", NOW, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identifier identifier = dns(cases[i].name);
        const struct authorization_wanted wanted = {.account_id = cases[i].account_id,
                                                    .name = identifier_base_name(&identifier),
                                                    .wildcard = identifier_is_wildcard(&identifier),
                                                    .subdomains = cases[i].subdomains,
                                                    .until = cases[i].until};
        struct authorization found = {0};
        enum store_result result =
            store_authorization_find_valid(store_reader_of(database.writer), database.arena, &wanted, &found);
        cr_expect_eq(result, cases[i].found == 0 ? STORE_NOT_FOUND : STORE_OK, "case %zu", i);
        cr_expect_eq(found.id, cases[i].found, "case %zu", i);
    }
    database_end(&database);
}

Test(authorizations, S6_a_proven_authorization_is_found_before_every_other)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    static const enum authorization_basis others[] = {0, AUTHORIZATION_INHERITED, AUTHORIZATION_TRUSTED_NAME,
                                                      AUTHORIZATION_TRUSTED_NETWORK,
                                                      AUTHORIZATION_TRUSTED_KEY};
    struct authorization_wanted wanted = {.account_id = account.id, .until = NOW};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct authorization found = {0};
        wanted.name = arena_printf(database.arena, "host-%zu.example.org", i);
        struct authorization other = {.account_id = account.id,
                                      .identifier = dns(wanted.name),
                                      .status = AUTHORIZATION_VALID,
                                      .basis = others[i],
                                      .parent_id = others[i] == AUTHORIZATION_INHERITED ? 77 : 0,
                                      .created_at = NOW,
                                      .expires_at = NOW + 20,
                                      .token = "token"};
        cr_assert_eq(store_authorization_insert(database.writer, &other), STORE_OK);
        wanted.proven = true;
        cr_expect_eq(
            store_authorization_find_valid(store_reader_of(database.writer), database.arena, &wanted, &found),
            STORE_NOT_FOUND, "case %zu", i);
        wanted.proven = false;
        cr_assert_eq(
            store_authorization_find_valid(store_reader_of(database.writer), database.arena, &wanted, &found),
            STORE_OK);
        cr_expect_eq(found.id, other.id, "case %zu", i);
        cr_expect_eq(found.basis, other.basis, "case %zu", i);
        cr_expect_eq(found.parent_id, other.parent_id, "case %zu", i);
        struct authorization proven = make_valid(&database, &account, wanted.name, NOW + 10);
        for (int asked = 0; asked < 2; asked++) {
            wanted.proven = asked;
            cr_assert_eq(store_authorization_find_valid(store_reader_of(database.writer), database.arena,
                                                        &wanted, &found),
                         STORE_OK);
            cr_expect_eq(found.id, proven.id, "case %zu", i);
        }
    }
    database_end(&database);
}

Test(authorizations, S15_the_valid_ones_that_rest_on_another_are_found)
{
    struct database database;
    struct authorization *found;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization parent = make_valid(&database, &account, "example.org", NOW + 20);
    static const struct {
        enum authorization_status status;
        int64_t expires_at;
        bool of_parent, found;
    } cases[] = {
        {AUTHORIZATION_VALID, NOW + 20, true, true},   {AUTHORIZATION_VALID, NOW + 1, true, true},
        {AUTHORIZATION_VALID, NOW, true, false},       {AUTHORIZATION_DEACTIVATED, NOW + 20, true, false},
        {AUTHORIZATION_VALID, NOW + 20, false, false},
    };
    size_t expected = 0;
    int64_t ids[sizeof cases / sizeof *cases];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct authorization child = {.account_id = account.id,
                                      .identifier = dns("www.example.org"),
                                      .status = AUTHORIZATION_VALID,
                                      .basis = AUTHORIZATION_INHERITED,
                                      .parent_id = parent.id + !cases[i].of_parent,
                                      .created_at = NOW,
                                      .expires_at = cases[i].expires_at,
                                      .token = "token"};
        cr_assert_eq(store_authorization_insert(database.writer, &child), STORE_OK);
        child.status = cases[i].status;
        cr_assert_eq(store_authorization_update(database.writer, &child, AUTHORIZATION_VALID, 0), STORE_OK);
        if (cases[i].found)
            ids[expected++] = child.id;
    }
    cr_assert_eq(store_authorizations_inherited(store_reader_of(database.writer), database.arena, parent.id,
                                                NOW, &found, &count),
                 STORE_OK);
    cr_assert_eq(count, expected);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(found[i].id, ids[i]);
    database_end(&database);
}

static struct authorization make_processing(struct database *database, const struct account *account,
                                            const char *name, int64_t due_at)
{
    struct authorization made = make_authorization(database, account, name);
    made.chosen = CHALLENGE_HTTP_01;
    made.challenge_status = CHALLENGE_PROCESSING;
    made.next_attempt_at = due_at;
    cr_assert_eq(store_authorization_update(database->writer, &made, AUTHORIZATION_PENDING, 0), STORE_OK);
    return made;
}

/* `expected` ends with 0. */
static void expect_due(struct database *database, const struct account *account, int64_t now, size_t max,
                       const int64_t *expected)
{
    struct due_validation *due;
    size_t count, n = 0;
    cr_assert_eq(store_validations_due(store_reader_of(database->writer), database->arena, account->id, now,
                                       max, &due, &count),
                 STORE_OK);
    for (; expected[n] != 0; n++) {
        cr_assert_lt(n, count);
        cr_expect_eq(due[n].id, expected[n]);
        cr_expect_str_eq(due[n].name, "www.example.org");
    }
    cr_expect_eq(count, n);
}

Test(authorizations, validations_are_due_by_account_and_time_while_their_challenge_is_processing)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    static const int64_t due_at[] = {NOW + 9, NOW, 0, NOW + 5};
    struct authorization made[4];
    for (size_t i = 0; i < 4; i++)
        made[i] = make_processing(&database, &account, "www.example.org", due_at[i]);
    expect_due(&database, &account, NOW + 5, 9, (int64_t[]){made[2].id, made[1].id, made[3].id, 0});
    expect_due(&database, &account, NOW + 9, 1, (int64_t[]){made[2].id, 0});
    made[2].status = AUTHORIZATION_DEACTIVATED;
    cr_assert_eq(
        store_authorization_update(database.writer, &made[2], AUTHORIZATION_PENDING, CHALLENGE_PROCESSING),
        STORE_OK);
    expect_due(&database, &account, NOW, 9, (int64_t[]){made[1].id, 0});
    database_end(&database);
}

Test(authorizations, S8_accounts_with_challenges_in_processing_are_found_one_by_one)
{
    struct database database;
    int64_t found = 0;
    database_begin(&database);
    database_connect(&database);
    struct account busy = make_account(&database, "busy"), idle = make_account(&database, "idle"),
                   other = make_account(&database, "other");
    cr_assert_eq(store_validation_queue_after(store_reader_of(database.writer), 0, &found), STORE_NOT_FOUND);
    make_authorization(&database, &idle, "www.example.org");
    make_processing(&database, &busy, "www.example.org", NOW);
    make_processing(&database, &busy, "www.example.org", NOW);
    struct authorization made = make_processing(&database, &other, "www.example.org", NOW + 9);
    cr_assert_eq(store_validation_queue_after(store_reader_of(database.writer), 0, &found), STORE_OK);
    cr_expect_eq(found, busy.id);
    cr_assert_eq(store_validation_queue_after(store_reader_of(database.writer), busy.id, &found), STORE_OK);
    cr_expect_eq(found, other.id);
    cr_assert_eq(store_validation_queue_after(store_reader_of(database.writer), other.id, &found),
                 STORE_NOT_FOUND);
    expect_due(&database, &other, NOW, 9, (int64_t[]){0});
    expect_due(&database, &other, NOW + 9, 9, (int64_t[]){made.id, 0});
    database_end(&database);
}

Test(authorizations, pending_orders_are_found_by_their_authorization)
{
    enum { ORDERS = 9 };
    struct database database;
    int64_t *ids;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization shared = make_authorization(&database, &account, "www.example.org");
    struct authorization lonely = make_authorization(&database, &account, "lonely.example.org");
    struct order orders[ORDERS];
    for (size_t i = 0; i < ORDERS; i++)
        orders[i] = make_order(&database, &account, &shared, 1);
    orders[1].status = ORDER_INVALID;
    cr_assert_eq(store_order_update(database.writer, &orders[1], ORDER_PENDING), STORE_OK);
    cr_assert_eq(
        store_orders_waiting_on(store_reader_of(database.writer), database.arena, shared.id, &ids, &count),
        STORE_OK);
    cr_assert_eq(count, ORDERS - 1);
    cr_assert_eq(ids[0], orders[0].id);
    cr_assert_eq(ids[1], orders[2].id);
    cr_assert_eq(ids[ORDERS - 2], orders[ORDERS - 1].id);
    cr_assert_eq(
        store_orders_waiting_on(store_reader_of(database.writer), database.arena, lonely.id, &ids, &count),
        STORE_OK);
    cr_assert_eq(count, 0);
    database_end(&database);
}
