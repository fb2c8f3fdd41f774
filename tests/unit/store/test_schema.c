/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"

LEAK_CHECKED_SUITE(schema);

static mode_t mode_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0, "%s does not exist", path);
    return status.st_mode & 07777;
}

Test(schema, a_new_database_has_its_settings)
{
    struct database database;
    database_begin(&database);
    umask(0);
    database_connect(&database);
    cr_assert_eq(mode_of(database.path), 0600);
    cr_assert_eq(database_count(&database, "PRAGMA user_version"), (int64_t)store_migrations.count);
    cr_assert_eq(database_count(&database, "PRAGMA auto_vacuum"), 2);
    cr_assert_str_eq(database_text(&database, "PRAGMA journal_mode"), "wal");
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND"
                                           " type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict"),
                 0);
    database_end(&database);
}

Test(schema, the_writer_syncs_every_commit_and_checks_references)
{
    struct database database;
    struct fault fault;
    int64_t value;
    database_begin(&database);
    database_connect(&database);
    cr_assert(database_integer(database.writer->reader.db, "PRAGMA synchronous", &value, &fault));
    cr_assert_eq(value, 2);
    cr_assert(database_integer(database.writer->reader.db, "PRAGMA foreign_keys", &value, &fault));
    cr_assert_eq(value, 1);
    cr_assert(database_integer(database.writer->reader.db, "PRAGMA busy_timeout", &value, &fault));
    cr_assert_gt(value, 0);
    database_end(&database);
}

Test(schema, the_views_work_with_the_settings_of_a_hardened_shell)
{
    struct database database;
    sqlite3 *db;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    cr_assert_eq(sqlite3_open_v2(database.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    static const int switched_off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DDL,
                                       SQLITE_DBCONFIG_DQS_DML};
    for (size_t i = 0; i < sizeof switched_off / sizeof *switched_off; i++)
        cr_assert_eq(sqlite3_db_config(db, switched_off[i], 0, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL), SQLITE_OK);
    static const char *const views[] = {"v_orders", "v_certificates", "v_accounts", "v_events",
                                        "v_authorizations"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct fault fault;
        int64_t rows = 0;
        const char *sql =
            arena_printf(database.arena, "SELECT count(*) FROM (SELECT DISTINCT * FROM %s)", views[i]);
        cr_assert(database_integer(db, sql, &rows, &fault), "%s", fault.message);
        cr_assert_geq(rows, 1, "%s is empty", views[i]);
    }
    sqlite3_close(db);
    database_end(&database);
}

Test(schema, states_that_are_not_the_protocols_are_refused)
{
    static const char *const bad[] = {
        "UPDATE accounts SET status = 'vaild'",
        "UPDATE authorizations SET status = 'processing'",
        "UPDATE authorizations SET challenge_status = NULL",
        "UPDATE authorizations SET basis = 'believed'",
        "UPDATE authorizations SET challenge_type = NULL",
        "UPDATE orders SET status = 'done'",
        "UPDATE orders SET certificate_id = NULL",
        "UPDATE orders SET status = 'processing', csr = NULL",
        "UPDATE attempts SET status = 'lost'",
        "UPDATE certificates SET status = 'valid'",
        "UPDATE certificates SET status = 'revoked'",
        "UPDATE certificates SET serial = x'1a'",
    };
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int result = sqlite3_exec(database.writer->reader.db, bad[i], NULL, NULL, NULL);
        cr_expect_eq(result, SQLITE_CONSTRAINT, "was accepted: %s", bad[i]);
    }
    database_end(&database);
}

Test(schema, an_issued_order_costs_three_kibibytes_at_most)
{
    enum { ORDERS = 500 };
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    int64_t before = database_count(&database, "PRAGMA page_count");
    cr_assert_eq(sqlite3_exec(database.writer->reader.db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < ORDERS; i++) {
        const char *name = arena_printf(database.arena, "host-%04d.department.example.org", i);
        make_issued_order(&database, &account, name, NULL);
    }
    cr_assert_eq(sqlite3_exec(database.writer->reader.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    int64_t pages = database_count(&database, "PRAGMA page_count") - before;
    int64_t each = pages * database_count(&database, "PRAGMA page_size") / ORDERS;
    cr_assert_leq(each, 3072, "%lld octets an issued order", (long long)each);
    database_end(&database);
}

Test(schema, a_newer_one_is_refused_with_what_to_do)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    database_disconnect(&database);
    int64_t newer = (int64_t)store_migrations.count + 1;
    database_run(&database, arena_printf(database.arena, "PRAGMA user_version = %lld", (long long)newer));
    cr_assert_null(store_open(database.location, STORE_MIGRATE, &fault));
    const char *schema = arena_printf(database.arena, "schema %lld", (long long)newer);
    const char *backup = arena_printf(database.arena, "acmegate.db.schema-%lld.backup", (long long)newer - 1);
    cr_assert_not_null(strstr(fault.message, schema), "%s", fault.message);
    cr_assert_not_null(strstr(fault.message, backup), "%s", fault.message);
    cr_assert_null(store_reader_open(database.location, &fault));
    cr_assert_not(store_migrate(database.location, NULL, &fault));
    cr_assert_eq(database_count(&database, "PRAGMA user_version"), newer);
    database_end(&database);
}

Test(schema, another_programs_database_is_left_alone)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_run(&database, "CREATE TABLE theirs (x)");
    cr_assert_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_assert_not_null(strstr(fault.message, "not one of acmegate's"), "%s", fault.message);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM sqlite_schema"), 1);
    database_end(&database);
}

Test(schema, a_file_that_is_no_database_is_refused)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    FILE *file = fopen(database.path, "w");
    fputs("This is a text that is long enough to be looked at as a header of a database, which it is not.",
          file);
    fclose(file);
    cr_assert_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_assert_not_null(strstr(fault.message, "not a database"), "%s", fault.message);
    database_end(&database);
}

Test(schema, commands_do_not_make_a_database)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert_null(store_open(database.location, STORE_EXPECT_CURRENT, &fault));
    cr_assert_not_null(strstr(fault.message, "there is no database"), "%s", fault.message);
    cr_assert_null(store_reader_open(database.location, &fault));
    cr_assert_not(store_check(database.location, NULL, &fault));
    cr_assert_neq(access(database.path, F_OK), 0);
    database_end(&database);
}

/* ---- migrations ---- */

static const struct migration two_migrations[] = {
    {"0001_first.sql", "PRAGMA application_id = 0x61636d67; CREATE TABLE t (x INTEGER) STRICT"},
    {"0002_second.sql", "ALTER TABLE t ADD COLUMN y TEXT; CREATE TABLE u (z) "},
};
static const struct migration a_bad_second[] = {
    {"0001_first.sql", ""},
    {"0002_second.sql", "ALTER TABLE t ADD COLUMN y TEXT; CREATE TABLE t (again)"},
};

static char reported[4][512];
static size_t reported_count;

static void keep_report(const char *line)
{
    snprintf(reported[reported_count++ % 4], sizeof reported[0], "%s", line);
}

Test(schema, an_older_one_is_copied_before_it_is_migrated)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 1}, NULL, &fault), "%s",
              fault.message);
    database_run(&database, "INSERT INTO t VALUES (7)");
    umask(0);
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 2}, keep_report, &fault), "%s",
              fault.message);
    cr_assert_eq(database_count(&database, "PRAGMA user_version"), 2);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM t WHERE y IS NULL"), 1);

    struct database copy = database;
    snprintf(copy.path, sizeof copy.path, "%s/acmegate.db.schema-1.backup", database.directory);
    cr_assert_eq(mode_of(copy.path), 0600);
    cr_assert_eq(database_count(&copy, "PRAGMA user_version"), 1);
    cr_assert_eq(database_count(&copy, "SELECT x FROM t"), 7);
    cr_assert_eq(reported_count, 2);
    cr_assert_not_null(strstr(reported[0], copy.path), "%s", reported[0]);
    cr_assert_not_null(strstr(reported[1], "from schema 1 to 2"), "%s", reported[1]);
    database_end(&database);
}

Test(schema, a_migration_that_fails_changes_nothing)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 1}, NULL, &fault));
    cr_assert_not(migrate_file(database.path, &(struct migrations){a_bad_second, 2}, NULL, &fault));
    cr_assert_not_null(strstr(fault.message, "0002_second.sql"), "%s", fault.message);
    cr_assert_eq(database_count(&database, "PRAGMA user_version"), 1);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM pragma_table_info('t')"), 1);
    database_end(&database);
}

Test(schema, S4_the_basis_of_old_authorizations_is_derived)
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

Test(schema, what_was_native_is_external_and_signed)
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

Test(schema, commands_do_not_migrate)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 1}, NULL, &fault));
    struct store_reader *reader = reader_open(database.path, &fault);
    cr_assert_not_null(reader);
    cr_assert_not(
        migrate_expect_current(reader->db, database.path, &(struct migrations){two_migrations, 2}, &fault));
    cr_assert_not_null(strstr(fault.message, "acmegate db migrate"), "%s", fault.message);
    store_reader_close(reader);
    database_end(&database);
}

/* A column that is not there yet would fail in the middle of the work. */
Test(schema, neither_readers_nor_writers_of_commands_open_an_older_one)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    database_disconnect(&database);
    struct store_command *command = store_command_open(database.location, &fault);
    cr_assert_not_null(command, "%s", fault.message);
    cr_expect_gt(store_next_id(command->writer, 0), account.id, "ids go on above those that are there");
    store_command_close(command);
    database_run(&database, "PRAGMA user_version = 1");
    cr_expect_null(store_command_open(database.location, &fault));
    cr_expect_not_null(strstr(fault.message, "acmegate db migrate"), "%s", fault.message);
    cr_expect_null(store_reader_open(database.location, &fault));
    cr_expect_not_null(strstr(fault.message, "acmegate db migrate"), "%s", fault.message);
    database_end(&database);
}

Test(schema, migrating_again_does_nothing_and_needs_no_lock)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_serve(&database);
    cr_assert(store_migrate(database.location, keep_report, &fault), "%s", fault.message);
    cr_assert_not_null(strstr(reported[0], "nothing to do"), "%s", reported[0]);
    database_end(&database);
}

/* ---- check ---- */

Test(schema, check_finds_references_to_nothing)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    cr_assert(store_check(database.location, keep_report, &fault), "%s", fault.message);
    cr_assert_eq(reported_count, 0);
    database_run(&database,
                 "PRAGMA foreign_keys = OFF; DELETE FROM certificate_names; DELETE FROM certificates");
    cr_assert_not(store_check(database.location, keep_report, &fault));
    cr_assert_not_null(strstr(fault.message, "faults were found (1)"), "%s", fault.message);
    cr_assert_eq(reported_count, 1);
    cr_assert_not_null(strstr(reported[0], "\"certificates\""), "%s", reported[0]);
    database_end(&database);
}

Test(schema, check_finds_damage)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    database_disconnect(&database);
    struct stat status;
    cr_assert_eq(stat(database.path, &status), 0);
    int file = open(database.path, O_WRONLY);
    for (off_t at = 4096 * 2; at < status.st_size; at += 4096)
        cr_assert_eq(pwrite(file, "damaged!", 8, at), 8);
    close(file);
    cr_assert_not(store_check(database.location, keep_report, &fault));
    database_end(&database);
}
