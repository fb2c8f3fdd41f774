/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/waiting.h"

LEAK_CHECKED_SUITE(waiting);

Test(waiting, orders_in_processing_are_counted_by_profile)
{
    struct database database;
    int64_t count, oldest;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    cr_assert_eq(store_orders_waiting(store_reader_of(database.writer), order.profile, &count, &oldest),
                 STORE_OK);
    cr_expect_eq(count, 0);
    cr_expect_eq(oldest, 0);
    database_run(&database,
                 arena_printf(database.arena,
                              "UPDATE orders SET status = 'processing', csr = %s, processing_since = 17",
                              database_blob(&database, "00")));
    cr_assert_eq(store_orders_waiting(store_reader_of(database.writer), order.profile, &count, &oldest),
                 STORE_OK);
    cr_expect_eq(count, 1);
    cr_expect_eq(oldest, 17);
    cr_assert_eq(store_orders_waiting(store_reader_of(database.writer), "another", &count, &oldest),
                 STORE_OK);
    cr_expect_eq(count, 0);
    database_end(&database);
}

Test(waiting, validations_are_counted_while_they_are_processing)
{
    struct database database;
    int64_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    (void)make_authorization(&database, &account, "www.example.org");
    (void)make_authorization(&database, &account, "mail.example.org");
    cr_assert_eq(store_validations_waiting(store_reader_of(database.writer), &count), STORE_OK);
    cr_expect_eq(count, 0);
    database_run(&database,
                 "UPDATE authorizations SET challenge_type = 'http-01', challenge_status = 'processing',"
                 " status = 'pending' WHERE identifier LIKE 'www%'");
    cr_assert_eq(store_validations_waiting(store_reader_of(database.writer), &count), STORE_OK);
    cr_expect_eq(count, 1);
    database_end(&database);
}

Test(waiting, revocations_and_unknown_attempts_are_an_issuers_under_all_its_roots)
{
    struct database database;
    int64_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order first = make_issued_order(&database, &account, "www.example.org", "1a");
    (void)make_issued_order(&database, &account, "mail.example.org", "1b");
    const char *issuer = database_text(&database, "SELECT issuer FROM issuer_identities");
    cr_assert_neq(first.id, 0);
    cr_assert_eq(store_revocations_waiting(store_reader_of(database.writer), issuer, &count), STORE_OK);
    cr_expect_eq(count, 0);
    cr_assert_eq(store_attempts_unknown(store_reader_of(database.writer), issuer, &count), STORE_OK);
    cr_expect_eq(count, 0);
    database_run(&database, "INSERT INTO issuer_identities (issuer, root_fingerprint)"
                            " SELECT issuer, 'another root' FROM issuer_identities");
    database_run(&database,
                 "UPDATE certificates SET revocation_requested_at = 17;"
                 "UPDATE certificates SET issuer_identity_id = (SELECT max(id) FROM issuer_identities)"
                 " WHERE serial = '1b'");
    database_run(&database, "UPDATE attempts SET status = 'unknown'");
    cr_assert_eq(store_revocations_waiting(store_reader_of(database.writer), issuer, &count), STORE_OK);
    cr_expect_eq(count, 2);
    cr_assert_eq(store_attempts_unknown(store_reader_of(database.writer), issuer, &count), STORE_OK);
    cr_expect_eq(count, database_count(&database, "SELECT count(*) FROM attempts"));
    cr_expect_gt(count, 0);
    database_run(&database,
                 "UPDATE certificates SET revoked_at = 18, status = 'revoked' WHERE serial = '1a'");
    cr_assert_eq(store_revocations_waiting(store_reader_of(database.writer), issuer, &count), STORE_OK);
    cr_expect_eq(count, 1);
    cr_assert_eq(store_revocations_waiting(store_reader_of(database.writer), "another", &count), STORE_OK);
    cr_expect_eq(count, 0);
    database_end(&database);
}
