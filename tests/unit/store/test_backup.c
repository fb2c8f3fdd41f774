#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"

LEAK_CHECKED_SUITE(backup);

static const char *beside(struct database *database, const char *name)
{
    return arena_printf(database->arena, "%s/%s", database->directory, name);
}

static int64_t accounts_in(const char *path)
{
    struct store_error error;
    int64_t count;
    struct store_session *session = store_session_open(path, &error);
    cr_assert_not_null(session, "%s", error.message);
    cr_assert(database_integer(session->db, "SELECT count(*) FROM accounts", &count, &error));
    store_session_close(session);
    return count;
}

Test(backup, a_copy_beside_a_writer_is_whole_and_private)
{
    struct database database;
    struct store_error error;
    struct stat status;
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "committed");
    cr_assert_eq(sqlite3_exec(database.writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    make_account(&database, "not committed");
    const char *copy = beside(&database, "copy");
    cr_assert(store_backup(database.path, copy, &error), "%s", error.message);
    cr_assert_eq(sqlite3_exec(database.writer->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(accounts_in(copy), 1);
    cr_assert(store_check(copy, NULL, &error), "%s", error.message);
    cr_assert_eq(stat(copy, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_neq(access(beside(&database, "copy.unfinished"), F_OK), 0);
    database_end(&database);
}

Test(backup, no_file_is_overwritten)
{
    struct database database;
    struct store_error error;
    database_begin(&database);
    database_connect(&database);
    const char *copy = beside(&database, "copy");
    int file = open(copy, O_CREAT | O_WRONLY, 0600);
    cr_assert_eq(write(file, "kept", 4), 4);
    close(file);
    cr_assert_not(store_backup(database.path, copy, &error));
    cr_assert_not(store_backup(database.path, database.path, &error));
    struct stat status;
    cr_assert(stat(copy, &status) == 0 && status.st_size == 4);
    database_end(&database);
}

Test(backup, what_cannot_be_copied_leaves_nothing)
{
    struct database database;
    struct store_error error;
    database_begin(&database);
    cr_assert_not(store_backup(database.path, beside(&database, "copy"), &error), "there is no database");
    cr_assert_neq(access(beside(&database, "copy"), F_OK), 0);
    database_connect(&database);
    cr_assert_not(store_backup(database.path, beside(&database, "no folder/copy"), &error));
    database_end(&database);
}

Test(backup, a_served_database_is_known)
{
    struct database database;
    database_begin(&database);
    cr_assert_not(store_is_served(database.path));
    database_serve(&database);
    cr_assert(store_is_served(database.path));
    database_disconnect(&database);
    cr_assert_not(store_is_served(database.path));
    database_end(&database);
}
