/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that an older schema wrote, after the migrations to the newest. */
#include "database.h"

LEAK_CHECKED_SUITE(migrations);

Test(migrations, S4_the_basis_of_old_authorizations_is_derived)
{
    enum { SCHEMA_BEFORE = 6 };
    static const struct {
        const char *columns; /* status, challenge_type, challenge_status, subdomains */
        const char *event;   /* its kind and detail, as SQL; NULL: none, or deleted */
        const char *basis;
        int64_t parent_id, subdomains;
    } cases[] = {
        {"'valid', 'dns-01', 'valid', 1", "'challenge.valid', 'TXT'", "proven", 0, 1},
        {"'valid', 'http-01', 'valid', 0", NULL, "proven", 0, 0},
        {"'valid', 'dns-persist-01', 'valid', 1", "'challenge.valid', 'TXT'", "proven", 0, 0},
        {"'valid', NULL, NULL, 0",
         "'authorization.inherited', 'authorization 7012 of example.org holds for the names below'",
         "inherited", 7012, 0},
        {"'valid', NULL, NULL, 1", "'authorization.trusted', 'the endpoint trusts the name \"*.lab\"'",
         "trusted name", 0, 0},
        {"'valid', NULL, NULL, 0", "'authorization.trusted', 'the endpoint trusts the network of 10.0.0.1'",
         "trusted network", 0, 0},
        {"'valid', NULL, NULL, 0", "'authorization.trusted', 'the external account key \"k1\" is trusted'",
         "trusted key", 0, 0},
        {"'valid', NULL, NULL, 1", NULL, "", 0, 0},
        {"'pending', 'dns-persist-01', 'processing', 1", "'challenge.requested', 'dns-persist-01'", "", 0, 1},
        {"'pending', NULL, NULL, 0", NULL, "", 0, 0},
        {"'invalid', 'dns-01', 'invalid', 0", "'challenge.invalid', 'TXT'", "", 0, 0},
    };
    struct database database;
    struct fault fault;
    const struct migrations before = {store_migrations.list, SCHEMA_BEFORE};
    database_begin(&database);
    cr_assert(migrate_file(database.path, &before, NULL, &fault), "%s", fault.message);
    database_run(&database,
                 "INSERT INTO accounts (id, endpoint, thumbprint, status, key, contacts, terms_agreed,"
                 " created_at) VALUES (1, 'acme', 't', 'valid', '{}', '[]', 0, 0)");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        database_run(&database,
                     arena_printf(database.arena,
                                  "INSERT INTO authorizations (status, challenge_type, challenge_status,"
                                  " subdomains, id, account_id, identifier_type, identifier, wildcard,"
                                  " created_at, expires_at, token, offered)"
                                  " VALUES (%s, %zu, 1, 'dns', 'x.lab', 0, 0, 9, 't', 2)",
                                  cases[i].columns, i + 1));
        if (cases[i].event != NULL)
            database_run(&database,
                         arena_printf(database.arena,
                                      "INSERT INTO events (kind, detail, at, who, authorization_id)"
                                      " VALUES (%s, 0, 'gateway', %zu)",
                                      cases[i].event, i + 1));
    }
    cr_assert(migrate_file(database.path, &store_migrations, NULL, &fault), "%s", fault.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *of = arena_printf(database.arena, "FROM authorizations WHERE id = %zu", i + 1);
        cr_expect_str_eq(database_text(&database, arena_printf(database.arena, "SELECT basis %s", of)),
                         cases[i].basis, "case %zu", i);
        cr_expect_eq(
            database_count(&database, arena_printf(database.arena, "SELECT coalesce(parent_id, 0) %s", of)),
            cases[i].parent_id, "case %zu", i);
        cr_expect_eq(database_count(&database, arena_printf(database.arena, "SELECT subdomains %s", of)),
                     cases[i].subdomains, "case %zu", i);
    }
    database_end(&database);
}

Test(migrations, what_was_native_is_external_and_signed)
{
    enum { SCHEMA_BEFORE = 10 };
    static const struct {
        const char *before, *after;
    } origins[] = {{"acme", "acme"}, {"native", "external"}, {"imported", "imported"}},
      kinds[] = {{"native.issued", "sign.issued"},
                 {"native.unknown", "sign.unknown"},
                 {"order.created", "order.created"},
                 {"nativeX", "nativeX"}};
    struct database database;
    struct fault fault;
    const struct migrations before = {store_migrations.list, SCHEMA_BEFORE};
    database_begin(&database);
    cr_assert(migrate_file(database.path, &before, NULL, &fault), "%s", fault.message);
    database_run(&database,
                 "INSERT INTO issuer_identities (id, issuer, root_fingerprint) VALUES (1, 'main', 'f')");
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
        database_run(
            &database,
            arena_printf(database.arena,
                         "INSERT INTO certificates (id, issuer_identity_id, serial, leaf,"
                         " key_hash, not_before, not_after, status, created_at, origin)"
                         " VALUES (%zu, 1, '%zx', x'00', x'%02zx', 0, 9, 'good', 0, '%s');"
                         "INSERT INTO certificate_names (certificate_id, name) VALUES (%zu, '%zu.lab')",
                         i + 1, i + 1, i + 1, origins[i].before, i + 1, i + 1));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        database_run(&database,
                     arena_printf(database.arena,
                                  "INSERT INTO events (id, at, kind, who) VALUES (%zu, 0, '%s', 'x')", i + 1,
                                  kinds[i].before));
    cr_assert(migrate_file(database.path, &store_migrations, NULL, &fault), "%s", fault.message);
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        cr_expect_str_eq(
            database_text(&database, arena_printf(database.arena,
                                                  "SELECT origin FROM v_certificates WHERE id = %zu", i + 1)),
            origins[i].after);
        cr_expect_str_eq(
            database_text(
                &database,
                arena_printf(database.arena, "SELECT path FROM v_migration WHERE name = '%zu.lab'", i + 1)),
            origins[i].after);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        cr_expect_str_eq(
            database_text(&database,
                          arena_printf(database.arena, "SELECT kind FROM v_events WHERE id = %zu", i + 1)),
            kinds[i].after);
    const char *table = database_text(&database, "SELECT sql FROM sqlite_schema WHERE name = 'certificates'");
    cr_expect_not_null(strstr(table, "IN ('acme', 'external', 'imported')"), "%s", table);
    cr_expect_null(strstr(table, "native"), "%s", table);
    database_end(&database);
}
