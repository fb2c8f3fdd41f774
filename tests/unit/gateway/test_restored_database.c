/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/housekeeping/restored_database.h"
#include "store/database.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(restored_database);

/* More than are ended at once. */
enum { MANY = 257 };

/* An account with `count` orders in processing, in one transaction. */
struct orders {
    struct database *database;
    size_t count;
};

static enum store_apply_result make_processing_orders(void *context, struct store_writer *writer)
{
    const struct orders *orders = context;
    struct database *database = orders->database;
    struct account account = make_account(database, "thumbprint");
    struct authorization authorization = make_authorization(database, &account, "example.org");
    for (size_t i = 0; i < orders->count; i++) {
        struct order order = make_order(database, &account, &authorization, 1);
        order.status = ORDER_READY;
        cr_assert_eq(store_order_update(writer, &order, ORDER_PENDING), STORE_OK);
        order.status = ORDER_PROCESSING;
        order.csr = BYTES_LITERAL("csr");
        order.processing_since = NOW + (int64_t)i;
        order.next_attempt_at = NOW + 1000;
        cr_assert_eq(store_order_update(writer, &order, ORDER_READY), STORE_OK);
    }
    return STORE_APPLIED;
}

static void begin(struct database *database, size_t count)
{
    struct fault fault;
    struct orders orders = {database, count};
    database_begin(database);
    database_connect(database);
    cr_assert(writer_write(database->writer, make_processing_orders, &orders, &fault), "%s", fault.message);
}

struct settled {
    enum store_result result;
    int64_t ended;
};

static enum store_apply_result settle(void *context, struct store_writer *writer)
{
    struct settled *settled = context;
    settled->ended = 77;
    settled->result = restored_database_settle(writer, NOW + 500, "the marks differ", &settled->ended);
    return store_applied(settled->result);
}

Test(restored_database, orders_in_processing_become_invalid)
{
    static const size_t counts[] = {0, 1, MANY - 1, MANY};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct database database;
        struct fault fault;
        struct settled settled;
        int64_t count = (int64_t)counts[i];
        begin(&database, counts[i]);
        cr_assert(writer_write(database.writer, settle, &settled, &fault), "%s", fault.message);
        cr_expect_eq(settled.result, STORE_OK);
        cr_expect_eq(settled.ended, count, "%lld", (long long)settled.ended);
        cr_expect_eq(database_count(&database,
                                    "SELECT count(*) FROM orders WHERE status = 'invalid'"
                                    " AND status_since = 1780272500 AND coalesce(next_attempt_at, 0) = 0"),
                     count);
        cr_expect_eq(database_count(&database, "SELECT count(*) FROM events JOIN orders o ON o.id = order_id"
                                               " WHERE kind = 'order.invalid' AND at = 1780272500"
                                               " AND who = 'gateway' AND events.account_id = o.account_id"),
                     count);
        cr_expect_str_eq(database_text(&database, "SELECT detail FROM events WHERE kind = 'database.restored'"
                                                  " AND at = 1780272500 AND order_id IS NULL"),
                         arena_printf(database.arena,
                                      "the marks differ; orders in processing that became invalid: %lld",
                                      (long long)count));
        database_end(&database);
    }
}

Test(restored_database, the_client_is_told_to_order_again)
{
    struct database database;
    struct fault fault;
    struct settled settled;
    begin(&database, 1);
    cr_assert(writer_write(database.writer, settle, &settled, &fault), "%s", fault.message);
    int64_t id = database_count(&database, "SELECT id FROM orders");
    struct order order;
    cr_assert_eq(store_order_load(store_reader_of(database.writer), database.arena, id, &order), STORE_OK);
    cr_assert_not_null(order.error_json);
    cr_expect_not_null(strstr(order.error_json, "urn:ietf:params:acme:error:serverInternal"), "%s",
                       order.error_json);
    cr_expect_not_null(strstr(order.error_json, "Make a new order."), "%s", order.error_json);
    database_end(&database);
}

Test(restored_database, other_orders_stay)
{
    struct database database;
    struct fault fault;
    struct settled settled;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "valid.example", NULL);
    struct authorization authorization = make_authorization(&database, &account, "pending.example");
    make_order(&database, &account, &authorization, 1);
    cr_assert(writer_write(database.writer, settle, &settled, &fault), "%s", fault.message);
    cr_expect_eq(settled.ended, 0);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM orders WHERE status = 'valid'"), 1);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM orders WHERE status = 'pending'"), 1);
    database_end(&database);
}

Test(restored_database, a_fault_of_the_database_keeps_everything)
{
    static const char *const faults[] = {
        "ALTER TABLE orders RENAME TO elsewhere",
        "ALTER TABLE order_authorizations RENAME TO elsewhere",
        "ALTER TABLE events RENAME TO elsewhere",
        "CREATE TRIGGER no BEFORE UPDATE ON orders BEGIN SELECT raise(ABORT, 'no'); END",
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct database database;
        struct fault fault;
        struct settled settled;
        begin(&database, 1);
        database_run(&database, faults[i]);
        cr_expect_not(writer_write(database.writer, settle, &settled, &fault), "%s", faults[i]);
        cr_expect_eq(settled.result, STORE_FAILED, "%s", faults[i]);
        cr_expect_eq(database_count(&database, i == 0 ? "SELECT status = 'processing' FROM elsewhere"
                                                      : "SELECT status = 'processing' FROM orders"),
                     1, "%s", faults[i]);
        database_end(&database);
    }
}
