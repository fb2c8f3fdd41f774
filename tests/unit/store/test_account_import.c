/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/account_import.h"
#include "store/accounts.h"
#include "store/eab_keys.h"

LEAK_CHECKED_SUITE(account_import);

static struct account exported(int64_t id, const char *thumbprint)
{
    return (struct account){.id = id,
                            .endpoint = "acme",
                            .status = ACCOUNT_VALID,
                            .key = BYTES_LITERAL("{}"),
                            .thumbprint = thumbprint,
                            .contacts_json = "[]",
                            .created_at = NOW - 1000};
}

static struct eab_key exported_key(struct database *database, int64_t id, const char *kid)
{
    return (struct eab_key){.id = id,
                            .endpoint = "acme",
                            .kid = kid,
                            .sealed_key = arena_copy(database->arena, BYTES_LITERAL("sealed")),
                            .created_at = NOW - 1000};
}

static struct import_result import(struct database *database, struct account account, const char *eab_kid)
{
    struct import_result result = {0};
    cr_assert_eq(store_account_import(database->writer, database->arena, &account, eab_kid, NOW, &result),
                 STORE_OK);
    cr_assert_eq(result.outcome == IMPORT_REFUSED, result.why != NULL);
    return result;
}

static struct import_result import_key(struct database *database, struct eab_key key)
{
    struct import_result result = {0};
    cr_assert_eq(store_eab_key_import(database->writer, database->arena, &key, NOW, &result), STORE_OK);
    return result;
}

static enum account_status status_of(struct database *database, int64_t id)
{
    struct account account;
    cr_assert_eq(store_account_load(store_reader_of(database->writer), database->arena, id, &account),
                 STORE_OK);
    return account.status;
}

Test(account_import, an_account_keeps_its_id_and_comes_once)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    cr_assert_eq(import(&database, exported(4711, "a"), NULL).outcome, IMPORT_ADDED);
    cr_assert_eq(import(&database, exported(4711, "a"), NULL).outcome, IMPORT_PRESENT);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM accounts WHERE id = 4711"), 1);
    struct account next = make_account(&database, "b");
    cr_assert_gt(next.id, 4711);
    database_end(&database);
}

Test(account_import, an_end_is_taken_over_and_never_undone)
{
    struct database database;
    struct account ended = exported(1, "a");
    database_begin(&database);
    database_connect(&database);
    import(&database, exported(1, "a"), NULL);
    ended.status = ACCOUNT_REVOKED;
    cr_assert_eq(import(&database, ended, NULL).outcome, IMPORT_ENDED);
    cr_assert_eq(status_of(&database, 1), ACCOUNT_REVOKED);
    cr_assert_eq(import(&database, exported(1, "a"), NULL).outcome, IMPORT_PRESENT);
    cr_assert_eq(status_of(&database, 1), ACCOUNT_REVOKED);
    database_end(&database);
}

Test(account_import, an_account_lags_behind_an_end_or_a_newer_key)
{
    static const struct {
        struct account present, exported;
        bool lags;
    } cases[] = {
        {{.status = ACCOUNT_VALID}, {.status = ACCOUNT_VALID}, false},
        {{.status = ACCOUNT_VALID}, {.status = ACCOUNT_DEACTIVATED}, true},
        {{.status = ACCOUNT_VALID}, {.status = ACCOUNT_VALID, .key_changed_at = 1}, true},
        {{.status = ACCOUNT_VALID}, {.status = ACCOUNT_REVOKED, .key_changed_at = 1}, true},
        {{.status = ACCOUNT_VALID, .key_changed_at = 1},
         {.status = ACCOUNT_VALID, .key_changed_at = 1},
         false},
        {{.status = ACCOUNT_REVOKED}, {.status = ACCOUNT_VALID, .key_changed_at = 1}, false},
        {{.status = ACCOUNT_REVOKED}, {.status = ACCOUNT_DEACTIVATED}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(store_account_lags(&cases[i].present, &cases[i].exported), cases[i].lags, "case %zu", i);
}

Test(account_import, the_newer_key_holds)
{
    struct database database;
    struct account found, newer = exported(1, "b"), older = exported(1, "a");
    database_begin(&database);
    database_connect(&database);
    newer.key_changed_at = NOW - 5;
    import(&database, older, NULL);
    cr_assert_eq(import(&database, newer, NULL).outcome, IMPORT_CHANGED);
    cr_assert_eq(import(&database, newer, NULL).outcome, IMPORT_PRESENT);
    cr_assert_eq(import(&database, older, NULL).outcome, IMPORT_REFUSED);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, 1, &found), STORE_OK);
    cr_assert_str_eq(found.thumbprint, "b");
    cr_assert_eq(found.key_changed_at, NOW - 5);

    import(&database, exported(2, "c"), NULL);
    newer.thumbprint = "c";
    newer.key_changed_at = NOW - 4;
    cr_assert_eq(import(&database, newer, NULL).outcome, IMPORT_REFUSED, "the key of another account here");

    newer.thumbprint = "d";
    newer.status = ACCOUNT_DEACTIVATED;
    cr_assert_eq(import(&database, newer, NULL).outcome, IMPORT_ENDED);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, 1, &found), STORE_OK);
    cr_assert(found.status == ACCOUNT_DEACTIVATED && strcmp(found.thumbprint, "d") == 0);
    database_end(&database);
}

/* A file must not be overwritten if it has something that the database lacks. */
Test(account_import, what_the_database_lacks_is_known)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account here = make_account(&database, "here"), ended = exported(here.id, "here"),
                   newer_key = exported(here.id, "new"), older_key = exported(here.id, "old");
    ended.status = ACCOUNT_REVOKED;
    newer_key.key_changed_at = NOW - 5;
    const struct {
        const char *what;
        struct account account;
        const char *eab_kid;
        bool lacking;
    } cases[] = {
        {"it is here", exported(here.id, "here"), NULL, false},
        {"it is not here", exported(1, "other"), NULL, true},
        {"it is not here, nor is its external account key", exported(1, "other"), "unknown", true},
        {"it is not here, and its id is ahead", exported(first_id_at(NOW + 1), "other"), NULL, true},
        {"its end", ended, NULL, true},
        {"its newer key", newer_key, NULL, true},
        {"a key that it had", older_key, NULL, false},
        {"the client has registered again", exported(1, "here"), NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct import_result result;
        cr_assert_eq(store_account_import_foresee(store_reader_of(database.writer), database.arena,
                                                  &cases[i].account, cases[i].eab_kid, NOW, &result),
                     STORE_OK);
        cr_expect_eq(result.lacking, cases[i].lacking, "%s", cases[i].what);
    }
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM accounts"), 1);
    database_end(&database);
}

Test(account_import, conflicts_are_refused)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account here = make_account(&database, "here");
    struct authorization authorization = make_authorization(&database, &here, "www.example.org");
    const struct {
        const char *what;
        struct account account;
        const char *eab_kid;
    } cases[] = {
        {"another key under the id", exported(here.id, "other"), NULL},
        {"another id for the key", exported(1, "here"), NULL},
        {"an id that an authorization has", exported(authorization.id, "other"), NULL},
        {"an id that is still to come", exported(first_id_at(NOW + 1), "other"), NULL},
        {"a binding that is not here", exported(1, "other"), "unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(import(&database, cases[i].account, cases[i].eab_kid).outcome, IMPORT_REFUSED, "%s",
                     cases[i].what);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM accounts"), 1);
    struct account elsewhere = exported(1, "here");
    elsewhere.endpoint = "other";
    cr_assert_eq(import(&database, elsewhere, NULL).outcome, IMPORT_ADDED, "keys are unique by endpoint");
    database_end(&database);
}

Test(account_import, a_binding_holds_on)
{
    struct database database;
    struct account account;
    database_begin(&database);
    database_connect(&database);
    cr_assert_eq(import_key(&database, exported_key(&database, 5, "kid")).outcome, IMPORT_ADDED);
    cr_assert_eq(import(&database, exported(6, "a"), "kid").outcome, IMPORT_ADDED);
    cr_assert_eq(store_account_load(store_reader_of(database.writer), database.arena, 6, &account), STORE_OK);
    cr_assert_eq(account.eab_key_id, 5);
    database_end(&database);
}

static bool lacks_key(struct database *database, struct eab_key key)
{
    struct import_result result = {0};
    cr_assert_eq(
        store_eab_key_import_foresee(store_reader_of(database->writer), database->arena, &key, NOW, &result),
        STORE_OK);
    return result.lacking;
}

Test(account_import, a_key_catches_up)
{
    struct database database;
    struct eab_key found, used, later;
    database_begin(&database);
    database_connect(&database);
    used = exported_key(&database, 5, "kid");
    cr_assert(lacks_key(&database, used));
    import_key(&database, used);
    cr_assert_not(lacks_key(&database, used));
    used.uses = 2;
    cr_assert(lacks_key(&database, used));
    cr_assert_eq(import_key(&database, used).outcome, IMPORT_CHANGED);
    later = used;
    later.uses = 3;
    later.revoked_at = NOW - 10;
    cr_assert(lacks_key(&database, later));
    cr_assert_eq(import_key(&database, later).outcome, IMPORT_ENDED);
    cr_assert_eq(import_key(&database, later).outcome, IMPORT_PRESENT);
    cr_assert_eq(import_key(&database, exported_key(&database, 5, "kid")).outcome, IMPORT_PRESENT);
    cr_assert_eq(store_eab_key_load(store_reader_of(database.writer), database.arena, 5, &found), STORE_OK);
    cr_assert(found.uses == 3 && found.revoked_at == NOW - 10);
    cr_assert_eq(import_key(&database, exported_key(&database, 6, "kid")).outcome, IMPORT_REFUSED);
    cr_assert_not(lacks_key(&database, exported_key(&database, 6, "kid")));
    database_end(&database);
}

Test(account_import, all_come_in_pages_by_id)
{
    struct database database;
    struct account page[2];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    for (int64_t id = 1; id <= 3; id++)
        import(&database, exported(id, arena_printf(database.arena, "%d", (int)id)), NULL);
    cr_assert_eq(store_accounts_after(store_reader_of(database.writer), database.arena, 0, page, 2, &count),
                 STORE_OK);
    cr_assert(count == 2 && page[0].id == 1 && page[1].id == 2);
    cr_assert_eq(store_accounts_after(store_reader_of(database.writer), database.arena, 2, page, 2, &count),
                 STORE_OK);
    cr_assert(count == 1 && page[0].id == 3);
    database_end(&database);
}
