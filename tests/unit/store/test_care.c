/* SPDX-License-Identifier: Apache-2.0 */
/* Restoring and vacuuming that cannot be finished. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "store/care.h"

LEAK_CHECKED_SUITE(care);

/* No file may grow further than to this size. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk is full in the middle of the copy. */
Test(care, C7_a_restore_that_fails_leaves_the_database_as_it_was)
{
    struct database database;
    struct fault fault;
    struct stat status;
    char kept[PATH_MAX];
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "one");
    const char *copy = arena_printf(database.arena, "%s/copy.db", database.directory);
    cr_assert(store_backup(database.location, copy, &fault), "%s", fault.message);
    make_account(&database, "two");
    database_disconnect(&database);
    cr_assert_eq(stat(copy, &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)status.st_size / 2);
    bool restored = store_restore(database.location, copy, NOW, kept, &fault);
    limit_files(RLIM_INFINITY);
    cr_expect_not(restored);
    cr_expect_not_null(strstr(fault.message, "cannot be copied: File too large"), "%s", fault.message);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM accounts"), 2);
    cr_assert(store_restore(database.location, copy, NOW, kept, &fault), "%s", fault.message);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM accounts"), 1);
    database_end(&database);
}

/* Duplicates stand in the way of a unique index. */
Test(care, C7_a_vacuum_that_fails_says_so)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    database_run(
        &database,
        "CREATE TABLE doubles (x INTEGER); INSERT INTO doubles VALUES (1), (1);"
        "CREATE INDEX spare ON doubles (x); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX spare ON doubles (x)' WHERE name = 'spare'");
    database_disconnect(&database);
    cr_expect_not(store_vacuum(database.location, &fault));
    cr_expect_not_null(strstr(fault.message, "UNIQUE constraint failed"), "%s", fault.message);
    database_end(&database);
}
