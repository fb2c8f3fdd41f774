/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database.h"
#include "store/events.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/mark.h"

LEAK_CHECKED_SUITE(backup);

static const char *beside(struct database *database, const char *name)
{
    return arena_printf(database->arena, "%s/%s", database->directory, name);
}

static int64_t accounts_in(struct database *database, const char *path)
{
    struct fault fault;
    int64_t count;
    struct store_reader *reader = store_reader_open(store_location_new(database->arena, path), &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_assert(database_integer(database_of(reader), "SELECT count(*) FROM accounts", &count, &fault));
    store_reader_close(reader);
    return count;
}

static int files_named(struct database *database, const char *prefix)
{
    int count = 0;
    DIR *directory = opendir(database->directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(directory);
    return count;
}

static void keep_file(const char *path)
{
    int file = open(path, O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(write(file, "kept", 4), 4);
    close(file);
}

static bool is_kept(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_size == 4;
}

Test(backup, a_copy_beside_a_writer_is_whole_and_private)
{
    struct database database;
    struct fault fault;
    struct stat status;
    database_begin(&database);
    database_connect(&database);
    make_account(&database, "committed");
    cr_assert_eq(sqlite3_exec(database_of(database.writer->reader), "BEGIN IMMEDIATE", NULL, NULL, NULL),
                 SQLITE_OK);
    make_account(&database, "not committed");
    const char *copy = beside(&database, "copy");
    cr_assert(store_backup(database.location, copy, &fault), "%s", fault.message);
    cr_assert_eq(sqlite3_exec(database_of(database.writer->reader), "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(accounts_in(&database, copy), 1);
    cr_assert(store_check(store_location_new(database.arena, copy), NULL, &fault), "%s", fault.message);
    cr_assert_eq(stat(copy, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(files_named(&database, "copy.unfinished"), 0);
    database_end(&database);
}

Test(backup, no_file_is_overwritten)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    const char *copy = beside(&database, "copy");
    keep_file(copy);
    cr_assert_not(store_backup(database.location, copy, &fault));
    cr_assert_not(store_backup(database.location, database.path, &fault));
    cr_assert(is_kept(copy));
    database_end(&database);
}

Test(backup, what_cannot_be_copied_leaves_nothing)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    cr_assert_not(store_backup(database.location, beside(&database, "copy"), &fault), "there is no database");
    cr_assert_neq(access(beside(&database, "copy"), F_OK), 0);
    database_connect(&database);
    cr_assert_not(store_backup(database.location, beside(&database, "no folder/copy"), &fault));
    cr_expect_not_null(strstr(fault.message, ": cannot be made: No such file or directory"), "%s",
                       fault.message);
    database_end(&database);
}

Test(backup, a_copy_that_cannot_be_written_says_why)
{
    struct database database;
    struct fault fault = {0};
    database_begin(&database);
    database_connect(&database);
    const char *to = beside(&database, "no file");
    cr_expect_not(backup_copy(database_of(database.writer->reader), to, &fault));
    cr_expect_eq(strncmp(fault.message, to, strlen(to)), 0, "%s", fault.message);
    cr_expect_not_null(strstr(fault.message, ": unable to open database file"), "%s", fault.message);
    database_end(&database);
}

/* The copy is made beside it, under a longer name. */
Test(backup, a_path_without_room_for_a_longer_one_is_refused)
{
    struct database database;
    struct fault fault;
    char path[PATH_MAX - 4] = {0};
    database_begin(&database);
    database_connect(&database);
    for (size_t i = 0; i + 1 < sizeof path; i++)
        path[i] = i % 100 == 0 ? '/' : 'x';
    cr_expect_not(store_backup(database.location, path, &fault));
    cr_expect_not_null(strstr(fault.message, "the path is too long"), "%s", fault.message);
    database_end(&database);
}

/* Under a name that anybody can guess in a folder that others may write to. */
Test(backup, a_file_or_link_that_lies_there_is_not_written_to)
{
    static const char *const names[] = {"acmegate.db.schema-5.unfinished", "copy.unfinished"};
    struct database database;
    struct fault fault;
    struct stat status;
    database_begin(&database);
    const struct migrations older = {store_migrations.list, MARKED_SINCE_SCHEMA - 1};
    cr_assert(migrate_file(database.path, &older, NULL, &fault), "%s", fault.message);
    const char *victim = beside(&database, "victim");
    keep_file(victim);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(symlink(victim, beside(&database, names[i])), 0);
    cr_assert(store_migrate(database.location, NULL, &fault), "%s", fault.message);
    cr_assert(store_backup(database.location, beside(&database, "copy"), &fault), "%s", fault.message);
    cr_expect(is_kept(victim));
    const char *const copies[] = {beside(&database, "acmegate.db.schema-5.backup"),
                                  beside(&database, "copy")};
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        cr_assert_eq(lstat(copies[i], &status), 0, "%s", copies[i]);
        cr_expect(S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0600, "%s", copies[i]);
    }
    database_end(&database);
}

/* By the limit of a file's size, which ends a process in the middle of its writing. */
static int back_up_and_die(struct database *database, const char *copy)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct fault fault;
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){16384, 16384});
        signal(SIGXFSZ, SIG_DFL);
        _exit(store_backup(database->location, copy, &fault));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(backup, one_that_is_killed_leaves_nothing_with_the_name)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    const char *copy = beside(&database, "copy");
    cr_assert_eq(back_up_and_die(&database, copy), SIGXFSZ);
    cr_expect_neq(access(copy, F_OK), 0);
    cr_expect(store_backup(database.location, copy, &fault), "%s", fault.message);
    database_end(&database);
}

/* A process that asks holds the lock for a moment. */
struct asking {
    const struct store_location *location;
    atomic_bool over;
};

static void *ask(void *argument)
{
    struct asking *asking = argument;
    while (!atomic_load(&asking->over))
        (void)!store_is_served(asking->location);
    return NULL;
}

Test(backup, a_server_starts_while_others_ask_for_one)
{
    struct database database;
    struct asking asking;
    pthread_t thread;
    database_begin(&database);
    database_connect(&database);
    asking = (struct asking){.location = database.location};
    cr_assert_eq(pthread_create(&thread, NULL, ask, &asking), 0);
    for (int i = 0; i < 50; i++) {
        database_serve(&database);
        store_close(database.store);
        database.store = NULL;
    }
    atomic_store(&asking.over, true);
    pthread_join(thread, NULL);
    database_end(&database);
}

static enum store_apply_result insert_event(void *context, struct store_writer *writer)
{
    const struct event event = {.at = NOW, .type = EVENT_ORDER_CREATED, .actor = context};
    return store_event_insert(writer, &event) == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

static int64_t events_in_copy_after_stop(struct database *database, const char *copy)
{
    struct database copied = {.arena = database->arena};
    snprintf(copied.path, sizeof copied.path, "%s", copy);
    cr_assert(store_write_and_wait(database->store, insert_event, "client"));
    store_close(database->store);
    database->store = NULL;
    database_copy_file(database->path, copy);
    return database_count(&copied, "SELECT count(*) FROM events");
}

Test(backup, after_a_stop_the_file_alone_has_everything)
{
    struct database database;
    struct fault fault;
    int64_t at;
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_expect_eq(events_in_copy_after_stop(&database, beside(&database, "first")), 1);

    /* A reader keeps the log unchanged, and blocks nobody for long. */
    database_serve(&database);
    cr_assert(store_read_begin(reader) && reader_newest_event(reader, INT64_MAX, &at));
    cr_expect_geq(events_in_copy_after_stop(&database, beside(&database, "second")), 1);
    store_read_end(reader);
    store_reader_close(reader);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events"), 2);
    database_end(&database);
}
