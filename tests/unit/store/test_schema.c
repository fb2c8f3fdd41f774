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
    cr_assert(database_integer(database_of(database.writer->reader), "PRAGMA synchronous", &value, &fault));
    cr_assert_eq(value, 2);
    cr_assert(database_integer(database_of(database.writer->reader), "PRAGMA foreign_keys", &value, &fault));
    cr_assert_eq(value, 1);
    cr_assert(database_integer(database_of(database.writer->reader), "PRAGMA busy_timeout", &value, &fault));
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
        int result = sqlite3_exec(database_of(database.writer->reader), bad[i], NULL, NULL, NULL);
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
    cr_assert_eq(sqlite3_exec(database_of(database.writer->reader), "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < ORDERS; i++) {
        const char *name = arena_printf(database.arena, "host-%04d.department.example.org", i);
        make_issued_order(&database, &account, name, NULL);
    }
    cr_assert_eq(sqlite3_exec(database_of(database.writer->reader), "COMMIT", NULL, NULL, NULL), SQLITE_OK);
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
    cr_assert_not(migrate_file(database.path, &store_migrations, NULL, &fault));
    database_end(&database);
}

Test(schema, a_database_that_cannot_be_made_is_told)
{
    struct fault fault;
    cr_assert_not(migrate_file("/dev/null/acmegate.db", &store_migrations, NULL, &fault));
    cr_assert_str_eq(fault.message, "/dev/null/acmegate.db: cannot be made: Not a directory");
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

static int first_free_file(void)
{
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(file, 0);
    close(file);
    return file;
}

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
    int free_before = first_free_file();
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 2}, keep_report, &fault), "%s",
              fault.message);
    cr_assert_eq(first_free_file(), free_before, "no file is left open");
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

/* A folder lies where the copy would: it is neither overwritten nor left out. */
Test(schema, without_a_copy_nothing_is_migrated)
{
    static const char *const names[] = {".schema-1.unfinished", ".schema-1.backup"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct database database;
        struct fault fault;
        database_begin(&database);
        cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 1}, NULL, &fault));
        const char *taken = arena_printf(database.arena, "%s%s", database.path, names[i]);
        cr_assert_eq(mkdir(taken, 0700), 0);
        cr_expect_not(migrate_file(database.path, &(struct migrations){two_migrations, 2}, NULL, &fault),
                      "%s", names[i]);
        cr_expect_not_null(strstr(fault.message, taken), "%s", fault.message);
        cr_expect_eq(database_count(&database, "PRAGMA user_version"), 1, "%s", names[i]);
        cr_assert_eq(rmdir(taken), 0);
        cr_expect(migrate_file(database.path, &(struct migrations){two_migrations, 2}, NULL, &fault), "%s",
                  fault.message);
        database_end(&database);
    }
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

Test(schema, commands_do_not_migrate)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert(migrate_file(database.path, &(struct migrations){two_migrations, 1}, NULL, &fault));
    struct store_reader *reader = reader_open(database.path, &fault);
    cr_assert_not_null(reader);
    cr_assert_not(migrate_expect_current(database_of(reader), database.path,
                                         &(struct migrations){two_migrations, 2}, &fault));
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
