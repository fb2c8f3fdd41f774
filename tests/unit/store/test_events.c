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

Test(events, the_verdicts_on_the_configuration_are_found_in_their_order)
{
    struct database database;
    struct event_row row;
    int64_t newest = 77;
    database_begin(&database);
    database_connect(&database);
    struct store_reader *reader = store_reader_of(database.writer);
    cr_assert_eq(store_newest_configuration_event(reader, &newest), STORE_OK);
    cr_expect_eq(newest, 0);
    cr_expect_eq(store_configuration_event(reader, database.arena, 0, &row), STORE_NOT_FOUND);
    make_event(&database, (struct event){.type = EVENT_CONFIGURATION_LOADED, .detail = "first"});
    make_event(&database, (struct event){.type = EVENT_ISSUER_RESET});
    make_event(&database, (struct event){.type = EVENT_CONFIGURATION_REJECTED, .detail = "second"});
    cr_assert_eq(store_configuration_event(reader, database.arena, 0, &row), STORE_OK);
    cr_expect_str_eq(row.event.detail, "first");
    cr_expect_eq(row.event.type, EVENT_CONFIGURATION_LOADED);
    cr_assert_eq(store_configuration_event(reader, database.arena, row.id, &row), STORE_OK);
    cr_expect_str_eq(row.event.detail, "second");
    cr_expect_eq(row.event.type, EVENT_CONFIGURATION_REJECTED);
    cr_assert_eq(store_newest_configuration_event(reader, &newest), STORE_OK);
    cr_expect_eq(newest, row.id);
    cr_expect_eq(store_configuration_event(reader, database.arena, newest, &row), STORE_NOT_FOUND);
    database_end(&database);
}
