/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(eab_keys);

static struct eab_key make_key(struct database *database, const char *kid, int64_t max_uses)
{
    static const char *const allow[] = {"*.example.org", "10.0.0.0/8"},
                             *const deny[] = {"secret.example.org"}, *const profiles[] = {"default", "short"};
    struct eab_key key = {.endpoint = "acme",
                          .kid = kid,
                          .sealed_key = BYTES_LITERAL("sealed"),
                          .comment = "for the team",
                          .names = {.allow = allow, .allow_count = 2, .deny = deny, .deny_count = 1},
                          .profiles = profiles,
                          .profile_count = 2,
                          .trusted = true,
                          .max_uses = max_uses,
                          .expires_at = NOW + 100,
                          .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database->writer, database->arena, &key), STORE_OK);
    return key;
}

static struct eab_key load(struct database *database, int64_t id)
{
    struct eab_key key;
    cr_assert_eq(store_eab_key_load(store_reader_of(database->writer), database->arena, id, &key), STORE_OK);
    return key;
}

Test(eab_keys, one_comes_back_as_it_was_stored)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct store_reader *reader = store_reader_of(database.writer);
    struct eab_key key = make_key(&database, "kid", 3), found;
    cr_assert_eq(store_eab_key_by_kid(reader, database.arena, "acme", "kid", &found), STORE_OK);
    cr_expect_eq(found.id, key.id);
    cr_expect_str_eq(found.endpoint, "acme");
    cr_expect_str_eq(found.kid, "kid");
    cr_expect(bytes_equal_string(found.sealed_key, "sealed"));
    cr_expect_str_eq(found.comment, "for the team");
    cr_assert_eq(found.names.allow_count, 2);
    cr_expect_str_eq(found.names.allow[0], "*.example.org");
    cr_expect_str_eq(found.names.allow[1], "10.0.0.0/8");
    cr_assert_eq(found.names.deny_count, 1);
    cr_expect_str_eq(found.names.deny[0], "secret.example.org");
    cr_assert_eq(found.profile_count, 2);
    cr_expect_str_eq(found.profiles[1], "short");
    cr_expect(found.trusted && found.max_uses == 3 && found.uses == 0);
    cr_expect(found.expires_at == NOW + 100 && found.revoked_at == 0 && found.created_at == NOW);
    cr_expect_eq(store_eab_key_by_kid(reader, database.arena, "acme", "other", &found), STORE_NOT_FOUND);
    cr_expect_eq(store_eab_key_by_kid(reader, database.arena, "open", "kid", &found), STORE_NOT_FOUND);
    cr_expect_eq(store_eab_key_load(reader, database.arena, key.id + 1, &found), STORE_NOT_FOUND);
    database_end(&database);
}

Test(eab_keys, what_a_key_does_not_say_is_empty)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct eab_key key = {
        .endpoint = "acme", .kid = "kid", .sealed_key = BYTES_LITERAL("sealed"), .created_at = NOW};
    cr_assert_eq(store_eab_key_insert(database.writer, database.arena, &key), STORE_OK);
    key = load(&database, key.id);
    cr_expect_null(key.comment);
    cr_expect(key.names.allow_count == 0 && key.names.deny_count == 0 && key.profile_count == 0);
    cr_expect(!key.trusted && key.max_uses == 0 && key.expires_at == 0);
    database_end(&database);
}

Test(eab_keys, a_key_makes_as_many_accounts_as_it_may)
{
    static const struct {
        int64_t max_uses, good;
    } cases[] = {{1, 1}, {2, 2}, {0, 3}}; /* 0: any number; three are tried */
    struct database database;
    database_begin(&database);
    database_connect(&database);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eab_key key =
            make_key(&database, arena_printf(database.arena, "kid %zu", i), cases[i].max_uses);
        for (int64_t use = 0; use < 3; use++)
            cr_expect_eq(store_eab_key_use(database.writer, key.id),
                         use < cases[i].good ? STORE_OK : STORE_LOST_RACE, "%zu, use %d", i, (int)use);
        cr_expect_eq(load(&database, key.id).uses, cases[i].good, "%zu", i);
    }
    cr_expect_eq(store_eab_key_use(database.writer, 1), STORE_NOT_FOUND);
    database_end(&database);
}

Test(eab_keys, a_key_that_is_revoked_makes_none)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct eab_key key = make_key(&database, "kid", 0);
    cr_expect_eq(store_eab_key_revoke(database.writer, key.id, NOW + 5), STORE_OK);
    cr_expect_eq(store_eab_key_revoke(database.writer, key.id, NOW + 6), STORE_LOST_RACE);
    cr_expect_eq(store_eab_key_revoke(database.writer, 1, NOW), STORE_NOT_FOUND);
    cr_expect_eq(load(&database, key.id).revoked_at, NOW + 5);
    cr_expect_eq(store_eab_key_use(database.writer, key.id), STORE_LOST_RACE);
    cr_expect_eq(load(&database, key.id).uses, 0);
    database_end(&database);
}

Test(eab_keys, all_come_in_pages_by_id)
{
    struct database database;
    struct eab_key page[2];
    size_t count = 9;
    database_begin(&database);
    database_connect(&database);
    struct store_reader *reader = store_reader_of(database.writer);
    int64_t ids[3];
    for (size_t i = 0; i < 3; i++)
        ids[i] = make_key(&database, arena_printf(database.arena, "kid %zu", i), 0).id;
    cr_assert_eq(store_eab_keys_after(reader, database.arena, 0, page, 2, &count), STORE_OK);
    cr_expect(count == 2 && page[0].id == ids[0] && page[1].id == ids[1]);
    cr_assert_eq(store_eab_keys_after(reader, database.arena, ids[1], page, 2, &count), STORE_OK);
    cr_expect(count == 1 && page[0].id == ids[2]);
    cr_assert_eq(store_eab_keys_after(reader, database.arena, ids[2], page, 2, &count), STORE_OK);
    cr_expect_eq(count, 0);
    database_end(&database);
}
