/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/attempts.h"
#include "store/events.h"
#include "store/gateways.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(orders);

static const char problem[] =
    "{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"192.0.2.10:80 refused\"}";

/* ---- orders ---- */

Test(orders, an_order_comes_back_with_its_identifiers_in_order)
{
    static const char *const names[] = {"www.example.org", "*.example.org", "a.example.org", "b.example.org",
                                        "c.example.org"};
    enum { NAMES = sizeof names / sizeof *names };
    struct database database;
    struct authorization authorizations[NAMES];
    struct order loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    for (size_t i = 0; i < NAMES; i++)
        authorizations[i] = make_authorization(&database, &account, names[i]);
    struct order order = make_order(&database, &account, authorizations, NAMES);
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, order.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.account_id, account.id);
    cr_assert_str_eq(loaded.endpoint, "acme");
    cr_assert_str_eq(loaded.profile, "default");
    cr_assert_eq(loaded.status, ORDER_PENDING);
    cr_assert_eq(loaded.status_since, NOW);
    cr_assert_eq(loaded.created_at, NOW);
    cr_assert_eq(loaded.expires_at, NOW + 86400);
    cr_assert_eq(loaded.not_before, 0);
    cr_assert_eq(loaded.not_after, 0);
    cr_assert_eq(loaded.csr.n, 0);
    cr_assert_str_eq(loaded.client_address, "192.0.2.7");
    cr_assert_str_eq(loaded.user_agent, order.user_agent);
    cr_assert_eq(loaded.identifier_count, NAMES);
    for (size_t i = 0; i < NAMES; i++) {
        cr_expect_eq(loaded.identifiers[i].type, IDENTIFIER_DNS);
        cr_expect_str_eq(loaded.identifiers[i].value, names[i]);
        cr_expect_eq(loaded.authorization_ids[i], authorizations[i].id);
    }
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, account.id, &loaded),
                 STORE_NOT_FOUND);
    database_end(&database);
}

Test(orders, an_order_without_its_authorization_is_refused)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    order.authorization_ids[0] = account.id;
    cr_assert_eq(store_order_insert(database.writer, &order), STORE_FAILED);
    cr_assert(database.writer->reader->failed);
    database_end(&database);
}

Test(orders, an_order_is_updated_from_the_expected_state_only)
{
    struct database database;
    struct order loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    order.status = ORDER_PROCESSING;
    order.status_since = NOW + 1;
    order.expires_at -= 60;
    order.csr = BYTES_LITERAL("\x30\x00\x01");
    order.processing_since = NOW + 2;
    order.next_attempt_at = NOW + 3;
    order.attempt_count = 4;
    order.error_json = problem;
    cr_assert_eq(store_order_update(database.writer, &order, ORDER_READY), STORE_LOST_RACE);
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, order.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, ORDER_PENDING);
    database_run(&database, "UPDATE orders SET status = 'ready'");
    cr_assert_eq(store_order_update(database.writer, &order, ORDER_READY), STORE_OK);
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, order.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, ORDER_PROCESSING);
    cr_assert_eq(loaded.status_since, NOW + 1);
    cr_assert_eq(loaded.expires_at, order.expires_at);
    cr_assert(bytes_equal(loaded.csr, order.csr));
    cr_assert_eq(loaded.processing_since, NOW + 2);
    cr_assert_eq(loaded.next_attempt_at, NOW + 3);
    cr_assert_eq(loaded.attempt_count, 4);
    cr_assert_str_eq(loaded.error_json, problem);
    struct certificate certificate = make_certificate(&database, &order, "1a");
    order.status = ORDER_VALID;
    order.certificate_id = certificate.id;
    order.error_json = NULL;
    cr_assert_eq(store_order_update(database.writer, &order, ORDER_PROCESSING), STORE_OK);
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, order.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.certificate_id, certificate.id);
    cr_assert_null(loaded.error_json);
    database_end(&database);
}

Test(orders, orders_are_due_while_processing)
{
    struct database database;
    int64_t ids[4];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    static const int64_t due_at[] = {NOW + 1, NOW, NOW + 7};
    struct order orders[3];
    for (size_t i = 0; i < 3; i++) {
        orders[i] = make_order(&database, &account, &authorization, 1);
        put_into_processing(&database, &orders[i], due_at[i]);
    }
    make_order(&database, &account, &authorization, 1);
    cr_assert_eq(store_orders_due(store_reader_of(database.writer), "default", NOW + 1, ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(ids[0], orders[1].id);
    cr_assert_eq(ids[1], orders[0].id);
    database_end(&database);
}

Test(orders, the_orders_of_an_account_come_in_pages_newest_first)
{
    struct database database;
    int64_t ids[2];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "one"), other = make_account(&database, "two");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order orders[3];
    for (size_t i = 0; i < 3; i++)
        orders[i] = make_order(&database, &account, &authorization, 1);
    make_order(&database, &other, &authorization, 1);
    cr_assert_eq(store_orders_of_account(store_reader_of(database.writer), account.id, 0, ids, 2, &count),
                 STORE_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(ids[0], orders[2].id);
    cr_assert_eq(ids[1], orders[1].id);
    cr_assert_eq(
        store_orders_of_account(store_reader_of(database.writer), account.id, ids[1], ids, 2, &count),
        STORE_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(ids[0], orders[0].id);
    database_end(&database);
}

Test(orders, orders_are_found_by_a_name_as_it_was_ordered)
{
    struct database database;
    int64_t ids[4];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization both[] = {make_authorization(&database, &account, "example.org"),
                                   make_authorization(&database, &account, "*.example.org")};
    struct order first = make_order(&database, &account, both, 2);
    struct order second = make_order(&database, &account, both, 1);
    cr_assert_eq(store_orders_of_name(store_reader_of(database.writer), "example.org", ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(ids[0], second.id);
    cr_assert_eq(ids[1], first.id);
    cr_assert_eq(store_orders_of_name(store_reader_of(database.writer), "*.example.org", ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(ids[0], first.id);
    cr_assert_eq(store_orders_of_name(store_reader_of(database.writer), "www.example.org", ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 0);
    database_end(&database);
}

/* ---- attempts ---- */

Test(orders, an_attempt_ends_once)
{
    struct database database;
    struct attempt *loaded;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct attempt attempt = make_attempt(&database, order.id);
    attempt.status = ATTEMPT_REFUSED;
    attempt.ended_at = NOW + 1;
    attempt.http_status = 403;
    attempt.message = "the request was forbidden";
    cr_assert_eq(store_attempt_end(database.writer, &attempt), STORE_OK);
    attempt.status = ATTEMPT_SIGNED;
    cr_assert_eq(store_attempt_end(database.writer, &attempt), STORE_LOST_RACE);
    struct attempt second = make_attempt(&database, order.id);
    cr_assert_eq(
        store_attempts_of_order(store_reader_of(database.writer), database.arena, order.id, &loaded, &count),
        STORE_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(loaded[0].id, attempt.id);
    cr_assert_eq(loaded[0].order_id, order.id);
    cr_assert_str_eq(loaded[0].issuer, "main");
    cr_assert_str_eq(loaded[0].root_fingerprint, attempt.root_fingerprint);
    cr_assert_str_eq(loaded[0].token_id, attempt.token_id);
    cr_assert(bytes_equal(loaded[0].csr_hash, attempt.csr_hash));
    cr_assert_str_eq(loaded[0].asked_validity, "24h");
    cr_assert_eq(loaded[0].status, ATTEMPT_REFUSED);
    cr_assert_eq(loaded[0].started_at, NOW);
    cr_assert_eq(loaded[0].ended_at, NOW + 1);
    cr_assert_eq(loaded[0].http_status, 403);
    cr_assert_str_eq(loaded[0].message, "the request was forbidden");
    cr_assert_eq(loaded[1].id, second.id);
    cr_assert_eq(loaded[1].status, ATTEMPT_STARTED);
    database_end(&database);
}

Test(orders, attempts_without_an_answer_become_unknown)
{
    struct database database;
    struct attempt *loaded;
    size_t count;
    int64_t marked;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order issued = make_issued_order(&database, &account, "www.example.org", "1a");
    struct attempt lost = make_attempt(&database, issued.id);
    cr_assert_eq(store_gateway_settle(database.writer, NOW + 60, &marked), STORE_OK);
    cr_assert_eq(marked, 1);
    cr_assert_eq(store_gateway_settle(database.writer, NOW + 60, &marked), STORE_OK);
    cr_assert_eq(marked, 0);
    cr_assert_eq(
        store_attempts_of_order(store_reader_of(database.writer), database.arena, issued.id, &loaded, &count),
        STORE_OK);
    cr_assert_eq(loaded[0].status, ATTEMPT_SIGNED);
    cr_assert_eq(loaded[1].id, lost.id);
    cr_assert_eq(loaded[1].status, ATTEMPT_UNKNOWN);
    cr_assert_eq(loaded[1].ended_at, NOW + 60);
    database_end(&database);
}

Test(orders, a_lost_attempt_makes_its_order_due_at_once)
{
    struct database database;
    int64_t ids[4], marked;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order leased = make_order(&database, &account, &authorization, 1);
    struct order waiting = make_order(&database, &account, &authorization, 1);
    put_into_processing(&database, &leased, NOW + 60);
    put_into_processing(&database, &waiting, NOW + 60);
    make_attempt(&database, leased.id);
    cr_assert_eq(store_orders_due(store_reader_of(database.writer), "default", NOW, ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 0);
    cr_assert_eq(store_gateway_settle(database.writer, NOW, &marked), STORE_OK);
    cr_assert_eq(store_orders_due(store_reader_of(database.writer), "default", NOW, ids, 4, &count),
                 STORE_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(ids[0], leased.id);
    database_end(&database);
}
