/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/accounts.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(accounts);

Test(accounts, an_account_comes_back_as_it_was_stored)
{
    struct database database;
    struct account loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    cr_assert_gt(account.id, 0);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, account.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.id, account.id);
    cr_assert_str_eq(loaded.endpoint, "acme");
    cr_assert_eq(loaded.status, ACCOUNT_VALID);
    cr_assert(bytes_equal(loaded.key, account.key));
    cr_assert_str_eq(loaded.thumbprint, "thumbprint");
    cr_assert_str_eq(loaded.contacts_json, account.contacts_json);
    cr_assert(loaded.terms_agreed);
    cr_assert_eq(loaded.created_at, NOW);
    cr_assert_str_eq(loaded.created_from, "192.0.2.7");
    cr_assert_str_eq(loaded.user_agent, "certbot/2.1.0");
    cr_assert_eq(
        store_account_load(store_reader_of(database.writer), database.arena, account.id + 1, &loaded),
        STORE_NOT_FOUND);
    database_end(&database);
}

Test(accounts, an_account_is_found_by_key_on_its_own_endpoint_only)
{
    struct database database;
    struct account loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct store_writer *writer = database.writer;
    cr_assert_eq(store_account_by_key(store_reader_of(writer), database.arena, "acme", "thumbprint", &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.id, account.id);
    cr_assert_eq(store_account_by_key(store_reader_of(writer), database.arena, "acme", "another", &loaded),
                 STORE_NOT_FOUND);
    cr_assert_eq(store_account_by_key(store_reader_of(writer), database.arena, "open", "thumbprint", &loaded),
                 STORE_NOT_FOUND);
    struct account again = account;
    cr_assert_eq(store_account_insert(writer, &again), STORE_FAILED);
    again.endpoint = "open";
    cr_assert_eq(store_account_insert(writer, &again), STORE_OK);
    database_end(&database);
}

Test(accounts, an_account_is_updated_while_it_is_valid)
{
    struct database database;
    struct account loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    account.contacts_json = "[]";
    account.terms_agreed = false;
    account.status = ACCOUNT_DEACTIVATED;
    cr_assert_eq(store_account_update(database.writer, &account), STORE_OK);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, account.id, &loaded),
                 STORE_OK);
    cr_assert_str_eq(loaded.contacts_json, "[]");
    cr_assert_not(loaded.terms_agreed);
    cr_assert_eq(loaded.status, ACCOUNT_DEACTIVATED);
    account.status = ACCOUNT_VALID;
    cr_assert_eq(store_account_update(database.writer, &account), STORE_LOST_RACE);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, account.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, ACCOUNT_DEACTIVATED);
    database_end(&database);
}

/* An operator who begins to ask for external account keys is told how many have none. */
Test(accounts, valid_ones_of_the_endpoint_without_an_external_account_key_are_counted)
{
    static const struct {
        const char *change; /* of the second account */
        int64_t count;
    } cases[] = {
        {"endpoint = endpoint", 2},
        {"status = 'deactivated'", 1},
        {"endpoint = 'open'", 1},
        {"eab_key_id = 7", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        int64_t count = -1;
        database_begin(&database);
        database_connect(&database);
        struct eab_key key = {
            .id = 7, .endpoint = "acme", .kid = "kid", .sealed_key = BYTES_LITERAL("sealed")};
        cr_assert_eq(store_eab_key_insert_as(database.writer, database.arena, &key), STORE_OK);
        make_account(&database, "first");
        struct account second = make_account(&database, "second");
        database_run(&database, arena_printf(database.arena, "UPDATE accounts SET %s WHERE id = %lld",
                                             cases[i].change, (long long)second.id));
        cr_assert_eq(store_accounts_without_key(store_reader_of(database.writer), "acme", &count), STORE_OK);
        cr_expect_eq(count, cases[i].count, "%s", cases[i].change);
        database_end(&database);
    }
}

Test(accounts, crowds_are_the_addresses_of_many_valid_accounts)
{
    static const struct {
        const char *address, *endpoint, *status;
        size_t accounts;
    } made[] = {
        {"192.0.2.1", "acme", "valid", 3},   {"192.0.2.2", "acme", "valid", 4},
        {"192.0.2.3", "acme", "valid", 2},   {"192.0.2.3", "open", "valid", 2},
        {"192.0.2.3", "acme", "revoked", 2}, {"192.0.2.4", "acme", "valid", 3},
        {NULL, "acme", "valid", 5},
    };
    struct database database;
    struct account_crowd crowds[3];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    for (size_t i = 0, n = 0; i < sizeof made / sizeof *made; i++)
        for (size_t k = 0; k < made[i].accounts; k++) {
            struct account account =
                make_account(&database, arena_printf(database.arena, "thumbprint %zu", n++));
            const char *from =
                made[i].address == NULL ? "NULL" : arena_printf(database.arena, "'%s'", made[i].address);
            database_run(&database,
                         arena_printf(database.arena,
                                      "UPDATE accounts SET created_from = %s, endpoint = '%s', status = '%s'"
                                      " WHERE id = %lld",
                                      from, made[i].endpoint, made[i].status, (long long)account.id));
        }
    struct store_reader *reader = store_reader_of(database.writer);
    cr_assert_eq(store_account_crowds(reader, database.arena, "acme", 3, crowds, 3, &count), STORE_OK);
    cr_assert_eq(count, 3);
    cr_expect(strcmp(crowds[0].address, "192.0.2.2") == 0 && crowds[0].accounts == 4);
    cr_expect(strcmp(crowds[1].address, "192.0.2.1") == 0 && crowds[1].accounts == 3);
    cr_expect(strcmp(crowds[2].address, "192.0.2.4") == 0 && crowds[2].accounts == 3);
    cr_assert_eq(store_account_crowds(reader, database.arena, "acme", 3, crowds, 2, &count), STORE_OK);
    cr_expect_eq(count, 2);
    cr_assert_eq(store_account_crowds(reader, database.arena, "acme", 5, crowds, 3, &count), STORE_OK);
    cr_expect_eq(count, 0);
    database_end(&database);
}
