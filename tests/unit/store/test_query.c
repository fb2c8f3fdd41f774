/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/accounts.h"
#include "store/events.h"
#include "store/orders.h"
#include "store/sql/query.h"

LEAK_CHECKED_SUITE(query);

/* ESC, CSI of C1, right-to-left override, line separator, zero width space, tag, and an octet that is not
 * UTF-8. */
#define DECEIVING \
    "a\x1b[1m\xc2\x9b" \
    "2J\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b\xf3\xa0\x81\x81\x9b\n\xc3\xa4z"
#define CLEAN "a?[1m?2J????? \xc3\xa4z"

/* Everything that binds a text: an event, an account, an order's problem and its detail, a certificate. */
Test(query, S12_text_is_cleaned_where_it_enters_the_database)
{
    static const struct {
        const char *change, *show;
    } columns[] = {
        {"who", "SELECT who FROM v_events WHERE kind = 'order.created'"},
        {"detail", "SELECT detail FROM v_events WHERE kind = 'order.created'"},
        {"user_agent", "SELECT user_agent FROM accounts"},
        {"created_from", "SELECT created_from FROM accounts"},
        {"error of the view", "SELECT error FROM v_orders"},
    };
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = {.id = store_next_id(database.writer, NOW * 1000),
                              .endpoint = "acme",
                              .thumbprint = "t",
                              .status = ACCOUNT_VALID,
                              .key = BYTES_LITERAL("{}"),
                              .contacts_json = "[]",
                              .user_agent = DECEIVING,
                              .created_from = DECEIVING,
                              .created_at = NOW};
    cr_assert_eq(store_account_insert(database.writer, &account), STORE_OK);
    struct authorization authorization = make_authorization(&database, &account, "a.example");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct order invalid = order;
    invalid.status = ORDER_INVALID;
    invalid.error_json = "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"a\\u001b[1m\\u009b2J"
                         "\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b\xf3\xa0\x81\x81?\\n\xc3\xa4z\"}";
    cr_assert_eq(store_order_update(database.writer, &invalid, order.status), STORE_OK);
    make_event(
        &database,
        (struct event){.at = NOW, .type = EVENT_ORDER_CREATED, .actor = DECEIVING, .detail = DECEIVING});
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        cr_expect_str_eq(database_text(&database, columns[i].show), CLEAN, "%s", columns[i].change);
    database_end(&database);
}

/* The one text with lines. */
Test(query, certificates_stay_as_they_are)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "t");
    make_issued_order(&database, &account, "a.example", "1a");
    cr_expect_gt(database_count(&database, "SELECT count(*) FROM chains WHERE pem LIKE '%\n%'"), 0);
    database_end(&database);
}

static void keep_quiet(const char *message)
{
    (void)message;
}

/* Whoever goes on reading after a mistake gets nothing, and the transaction is not kept. */
Test(query, one_that_failed_gives_nothing)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "t");
    store_set_log(keep_quiet);
    struct query query =
        query_begin(store_reader_of(database.writer), database.arena, STATEMENTS_ACCOUNTS, 0);
    cr_expect_not(database.writer->reader->failed);
    query_bind_integer(&query, "$id", account.id);
    query_bind_integer(&query, "$nobody", 1);
    cr_expect(database.writer->reader->failed);
    cr_expect_eq(query_next(&query), STORE_FAILED);
    cr_expect_eq(query_take_integer(&query), 0);
    cr_expect_null(query_take_text(&query));
    cr_expect_eq(query_take_bytes(&query).n, 0);
    query_end(&query);
    database_end(&database);
}
