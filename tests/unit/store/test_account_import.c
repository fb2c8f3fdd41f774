#include "database.h"

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
    cr_assert_eq(store_account_load(database->writer, database->arena, id, &account), STORE_OK);
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
        {"an id that is still to come", exported(session_first_id_at(NOW + 1), "other"), NULL},
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
    cr_assert_eq(store_account_load(database.writer, database.arena, 6, &account), STORE_OK);
    cr_assert_eq(account.eab_key_id, 5);
    database_end(&database);
}

Test(account_import, a_key_catches_up)
{
    struct database database;
    struct eab_key found, later;
    database_begin(&database);
    database_connect(&database);
    import_key(&database, exported_key(&database, 5, "kid"));
    later = exported_key(&database, 5, "kid");
    later.uses = 3;
    later.revoked_at = NOW - 10;
    cr_assert_eq(import_key(&database, later).outcome, IMPORT_ENDED);
    cr_assert_eq(import_key(&database, later).outcome, IMPORT_PRESENT);
    cr_assert_eq(import_key(&database, exported_key(&database, 5, "kid")).outcome, IMPORT_PRESENT);
    cr_assert_eq(store_eab_key_load(database.writer, database.arena, 5, &found), STORE_OK);
    cr_assert(found.uses == 3 && found.revoked_at == NOW - 10);
    cr_assert_eq(import_key(&database, exported_key(&database, 6, "kid")).outcome, IMPORT_REFUSED);
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
    cr_assert_eq(store_accounts_after(database.writer, database.arena, 0, page, 2, &count), STORE_OK);
    cr_assert(count == 2 && page[0].id == 1 && page[1].id == 2);
    cr_assert_eq(store_accounts_after(database.writer, database.arena, 2, page, 2, &count), STORE_OK);
    cr_assert(count == 1 && page[0].id == 3);
    database_end(&database);
}
