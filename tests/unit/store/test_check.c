/* SPDX-License-Identifier: Apache-2.0 */
/* Damage is found, told apart, and answered with the step that mends it. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "store/care.h"

LEAK_CHECKED_SUITE(check);

static char reported[32][512];
static size_t reported_count;

static void keep_report(const char *line)
{
    snprintf(reported[reported_count++ % (sizeof reported / sizeof *reported)], sizeof reported[0], "%s",
             line);
}

static bool was_reported(const char *words)
{
    for (size_t i = 0; i < reported_count && i < sizeof reported / sizeof *reported; i++)
        if (strstr(reported[i], words) != NULL)
            return true;
    return false;
}

#define OF_INDEXES "only indexes are: stop the server, then 'acmegate db vacuum' makes them anew"
#define OF_REFERENCES \
    "the file is whole, but rows are missing: stop the server, then 'acmegate db restore FILE'"
#define OF_PAGES \
    "stop the server, then 'acmegate db restore FILE' with a back-up (docs/recovery.md). Without one, "
#define REWRITE(sql) \
    "; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '" sql "' WHERE name = 'spare'"

/* Each is made of a whole database with one account, by SQL that SQLite lets pass. */
static const struct {
    const char *what, *sql, *reported, *advice;
    bool vacuum_mends;
    const char *then; /* by another connection, which knows the schema as it is by then; NULL: nothing */
} damages[] = {
    {"an index lacks a row",
     "CREATE INDEX spare ON accounts (created_from)" REWRITE("CREATE INDEX spare ON accounts (user_agent)"),
     " missing from index spare", OF_INDEXES, true, NULL},
    {"an index has a row too many",
     "CREATE INDEX spare ON accounts (created_from); CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE "
     "name = 'spare';"
     "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'spare'",
     "wrong # of entries in index spare", OF_INDEXES, true,
     "DELETE FROM accounts; PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept"},
    {"two rows where one may be",
     "CREATE TABLE doubles (x INTEGER); INSERT INTO doubles VALUES (1), (1); CREATE INDEX spare ON doubles "
     "(x)" REWRITE("CREATE UNIQUE INDEX spare ON doubles (x)"),
     "non-unique entry in index spare", OF_INDEXES, false, NULL},
    {"a row that others refer to is gone", "PRAGMA foreign_keys = OFF; UPDATE accounts SET eab_key_id = 4711",
     "a row of accounts (id ", OF_REFERENCES, false, NULL},
    {"a value that its column may not have",
     "CREATE TABLE spare (x INTEGER); INSERT INTO spare VALUES (NULL)" REWRITE(
         "CREATE TABLE spare (x INTEGER NOT NULL)"),
     "NULL value in spare.x", OF_PAGES, false, NULL},
    {"the worst decides",
     "PRAGMA foreign_keys = OFF; UPDATE accounts SET eab_key_id = 4711; CREATE INDEX spare ON accounts "
     "(created_from)" REWRITE("CREATE INDEX spare ON accounts (user_agent)"),
     " missing from index spare", OF_REFERENCES, false, NULL},
};

Test(check, C7_each_damage_has_its_advice)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct database database;
        struct fault fault;
        database_begin(&database);
        database_connect(&database);
        make_account(&database, "one");
        reported_count = 0;
        cr_assert(store_check(database.location, keep_report, &fault), "%s", fault.message);
        cr_expect_eq(reported_count, 0, "%s", reported[0]);
        database_run(&database, damages[i].sql);
        if (damages[i].then != NULL)
            database_run(&database, damages[i].then);
        database_disconnect(&database);
        cr_expect_not(store_check(database.location, keep_report, &fault), "%s", damages[i].what);
        cr_expect(was_reported(damages[i].reported), "%s: %s", damages[i].what, reported[0]);
        cr_expect_not_null(strstr(fault.message, damages[i].advice), "%s: %s", damages[i].what,
                           fault.message);
        cr_expect_not_null(
            strstr(fault.message, arena_printf(database.arena, "faults were found (%zu)", reported_count)),
            "%s", fault.message);
        cr_expect_eq(store_vacuum(database.location, &fault) && store_check(database.location, NULL, &fault),
                     damages[i].vacuum_mends, "%s: %s", damages[i].what, fault.message);
        database_end(&database);
    }
}

Test(check, octets_of_pages_that_were_overwritten)
{
    struct database database;
    struct fault fault;
    struct stat status;
    database_begin(&database);
    database_connect(&database);
    database_disconnect(&database);
    cr_assert_eq(stat(database.path, &status), 0);
    int file = open(database.path, O_WRONLY | O_CLOEXEC);
    for (off_t at = 4096 * 2; at < status.st_size; at += 4096)
        cr_assert_eq(pwrite(file, "damaged!", 8, at), 8);
    close(file);
    cr_expect_not(store_check(database.location, keep_report, &fault));
    cr_expect_not_null(strstr(fault.message, database.path), "%s", fault.message);
    database_end(&database);
}

static int64_t size_beside(const struct database *database, const char *path, const char *suffix)
{
    struct stat status;
    return stat(arena_printf(database->arena, "%s%s", path, suffix), &status) == 0 ? status.st_size : -1;
}

Test(check, leaves_no_files_beside_a_copy)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "one");
    const char *copy = arena_printf(database.arena, "%s/copy", database.directory);
    cr_assert(store_backup(database.location, copy, &fault), "%s", fault.message);
    cr_assert(store_check(store_location_new(database.arena, copy), NULL, &fault), "%s", fault.message);
    cr_expect_eq(size_beside(&database, copy, "-wal"), -1);
    cr_expect_eq(size_beside(&database, copy, "-shm"), -1);
    unlink(copy);
    database_end(&database);
}

/* The log of a server that ended at once is not taken into the file: nobody asked for that. */
Test(check, leaves_a_log_that_was_there_as_it_is)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "one");
    const char *copy = arena_printf(database.arena, "%s/copy", database.directory);
    const char *log = arena_printf(database.arena, "%s-wal", copy);
    database_copy_file(database.path, copy);
    database_copy_file(arena_printf(database.arena, "%s-wal", database.path), log);
    int64_t size = size_beside(&database, copy, ""), log_size = size_beside(&database, copy, "-wal");
    cr_assert_gt(log_size, 0);
    cr_assert(store_check(store_location_new(database.arena, copy), NULL, &fault), "%s", fault.message);
    cr_expect_eq(size_beside(&database, copy, ""), size);
    cr_expect_eq(size_beside(&database, copy, "-wal"), log_size);
    unlink(copy);
    unlink(log);
    unlink(arena_printf(database.arena, "%s-shm", copy));
    database_end(&database);
}

Test(check, leaves_the_log_of_a_server_that_runs)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "one");
    cr_assert(store_check(database.location, NULL, &fault), "%s", fault.message);
    cr_expect_gt(size_beside(&database, database.path, "-wal"), 0);
    make_account(&database, "two");
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM accounts"), 2);
    database_end(&database);
}
