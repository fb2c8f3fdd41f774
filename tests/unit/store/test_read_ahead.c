/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are sent for before they are read: as they are at that moment, and with one wait. */
#include "database.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(read_ahead);

static struct database database;
static struct store_reader *reader;
static struct account account;
static struct authorization authorization;
static struct order order;

static void begin(void)
{
    database_begin(&database);
    database_connect(&database);
    account = make_account(&database, "thumbprint");
    authorization = make_authorization(&database, &account, "a.example");
    order = make_order(&database, &account, &authorization, 1);
    reader = store_reader_of(database.writer);
}

static uint64_t waits(void)
{
    return reader->engine->round_trips == NULL ? 0 : reader->engine->round_trips();
}

static void set_profile(const char *profile)
{
    database_run(&database, arena_printf(database.arena, "UPDATE orders SET profile = '%s'", profile));
}

static const char *profile_of(int64_t id)
{
    struct order read;
    cr_assert_eq(store_order_load(reader, database.arena, id, &read), STORE_OK);
    return read.profile;
}

Test(read_ahead, one_wait_for_all)
{
    begin();
    struct account read_account;
    struct authorization *authorizations;
    struct order read_order;
    cr_assert_eq(store_account_load(reader, database.arena, account.id, &read_account), STORE_OK);
    for (int again = 0; again < 3; again++) {
        uint64_t before = waits();
        store_authorizations_of_order_ask(reader, order.id);
        store_order_ask(reader, order.id);
        cr_assert_eq(store_account_load(reader, database.arena, account.id, &read_account), STORE_OK);
        cr_assert_eq(store_order_load(reader, database.arena, order.id, &read_order), STORE_OK);
        cr_assert_eq(store_authorizations_of_order(reader, database.arena, &read_order, &authorizations),
                     STORE_OK);
        store_read_ahead_end(reader);
        cr_expect_eq(waits() - before, database_is_postgresql() ? 1 : 0);
        cr_expect_str_eq(read_account.thumbprint, "thumbprint");
        cr_expect_str_eq(read_order.identifiers[0].value, "a.example");
        cr_expect_eq(authorizations[0].id, authorization.id);
        cr_expect_str_eq(authorizations[0].token, authorization.token);
    }
    database_end(&database);
}

Test(read_ahead, another_object_is_not_taken_for_the_one_that_was_sent_for)
{
    begin();
    struct authorization two[] = {authorization, make_authorization(&database, &account, "b.example")};
    struct order other = make_order(&database, &account, two, 2), read;
    store_order_ask(reader, order.id);
    cr_assert_eq(store_order_load(reader, database.arena, other.id, &read), STORE_OK);
    cr_expect_eq(read.id, other.id);
    cr_expect_eq(read.identifier_count, 2);
    cr_assert_eq(store_order_load(reader, database.arena, order.id, &read), STORE_OK);
    cr_expect_eq(read.id, order.id);
    cr_expect_eq(read.identifier_count, 1);
    cr_expect_eq(store_order_load(reader, database.arena, order.id + 1000, &read), STORE_NOT_FOUND);
    database_end(&database);
}

Test(read_ahead, a_write_makes_it_outdated)
{
    begin();
    struct authorization read;
    database_begin_writing(&database);
    store_authorization_ask(reader, authorization.id);
    struct authorization failed = authorization;
    fail_authorization(&database, &failed, CHALLENGE_HTTP_01, "{}");
    cr_assert_eq(store_authorization_load(reader, database.arena, authorization.id, &read), STORE_OK);
    cr_expect_eq(read.status, AUTHORIZATION_INVALID);
    database_end_writing(&database, true);
    database_end(&database);
}

/* Also what nobody read then: the connection goes on to serve others. */
Test(read_ahead, its_end_makes_it_outdated)
{
    begin();
    struct account read;
    store_order_ask(reader, order.id);
    cr_assert_eq(store_account_load(reader, database.arena, account.id, &read), STORE_OK);
    store_read_ahead_end(reader);
    set_profile("later");
    cr_expect_str_eq(profile_of(order.id), "later");
    store_read_ahead_end(reader);
    set_profile("latest");
    cr_expect_str_eq(profile_of(order.id), "latest");
    database_end(&database);
}

Test(read_ahead, a_transaction_does_not_take_it_over)
{
    begin();
    store_order_ask(reader, order.id);
    struct account read;
    cr_assert_eq(store_account_load(reader, database.arena, account.id, &read), STORE_OK);
    set_profile("later");
    database_begin_writing(&database);
    cr_expect_str_eq(profile_of(order.id), "later");
    database_end_writing(&database, false);
    database_end(&database);
}

/* The next request for it may come when it is there. */
Test(read_ahead, an_order_that_is_not_there_leaves_nothing_behind)
{
    begin();
    struct fault fault;
    struct order read;
    struct store_reader *other = store_reader_open(database.location, &fault);
    cr_assert_not_null(other);
    int64_t next_id = database.writer->last_id + 1;
    cr_assert_eq(store_order_load(other, database.arena, next_id, &read), STORE_NOT_FOUND);
    struct order next = make_order(&database, &account, &authorization, 1);
    cr_assert_eq(next.id, next_id);
    cr_assert_eq(store_order_load(other, database.arena, next_id, &read), STORE_OK);
    cr_expect_eq(read.identifier_count, 1);
    store_reader_close(other);
    database_end(&database);
}

/* It does not wear out. */
Test(read_ahead, each_of_many_loads_takes_one_wait)
{
    enum { ROUNDS = 40 };
    begin();
    cr_expect_str_eq(profile_of(order.id), order.profile);
    uint64_t before = waits();
    for (int i = 0; i < ROUNDS; i++)
        cr_expect_str_eq(profile_of(order.id), order.profile);
    cr_expect_eq(waits() - before, database_is_postgresql() ? ROUNDS : 0);
    database_end(&database);
}

/* More than are kept are read with a wait each. */
Test(read_ahead, any_number_may_be_sent_for)
{
    enum { ROUNDS = 40 };
    begin();
    struct authorization read;
    for (int64_t i = 0; i < ROUNDS; i++) {
        store_order_ask(reader, order.id + i);
        store_authorization_ask(reader, authorization.id + i);
        store_certificate_ask(reader, i);
    }
    cr_expect_str_eq(profile_of(order.id), order.profile);
    cr_assert_eq(store_authorization_load(reader, database.arena, authorization.id, &read), STORE_OK);
    cr_expect_eq(read.id, authorization.id);
    database_end(&database);
}
