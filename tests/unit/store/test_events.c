/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/events.h"

LEAK_CHECKED_SUITE(events);

Test(events, the_timeline_of_an_order_has_its_own_and_its_authorizations_events)
{
    struct database database;
    struct event_row *rows;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    make_issued_order(&database, &account, "other.example.org", "1b");
    make_event(&database, (struct event){.type = EVENT_CHALLENGE_REQUESTED,
                                         .authorization_id = order.authorization_ids[0]});
    make_event(&database, (struct event){.type = EVENT_CERTIFICATE_REVOKED,
                                         .certificate_id = order.certificate_id,
                                         .actor = "operator",
                                         .at = NOW + 1});
    cr_assert_eq(
        store_events_of_order(store_reader_of(database.writer), database.arena, order.id, &rows, &count),
        STORE_OK);
    cr_assert_eq(count, 10);
    cr_assert_eq(rows[0].event.type, EVENT_ORDER_CREATED);
    cr_assert_str_eq(rows[0].type_name, "order.created");
    cr_assert_str_eq(rows[0].event.actor, "client 192.0.2.7");
    cr_assert_str_eq(rows[0].event.detail, "profile default");
    cr_assert_eq(rows[0].event.account_id, account.id);
    cr_assert_eq(rows[0].event.order_id, order.id);
    cr_assert_eq(rows[1].event.authorization_id, order.authorization_ids[0]);
    cr_assert_null(rows[3].event.detail);
    cr_assert_eq(rows[8].event.type, EVENT_CHALLENGE_REQUESTED);
    cr_assert_eq(rows[8].event.order_id, 0);
    cr_assert_eq(rows[9].event.type, EVENT_CERTIFICATE_REVOKED);
    cr_assert_eq(rows[9].event.at, NOW + 1);
    for (size_t i = 1; i < count; i++)
        cr_expect_gt(rows[i].id, rows[i - 1].id);
    database_end(&database);
}

/* A row without a type would say nothing. */
Test(events, an_event_has_a_type)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    const struct event event = {.at = NOW, .actor = "test"};
    cr_expect_neq(store_event_insert(database.writer, &event), STORE_OK);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events"), 0);
    database_end(&database);
}
