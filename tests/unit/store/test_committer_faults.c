/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "writes.h"

LEAK_CHECKED_SUITE(committer_faults);

/* The observer's calls, before each batch was answered. */
static struct store_batch observed[8];
static size_t observed_count;

static void keep_batch(const struct store_batch *batch)
{
    cr_assert_lt(observed_count, sizeof observed / sizeof *observed);
    observed[observed_count++] = *batch;
}

static void expect_observed(size_t i, size_t operations, bool committed)
{
    cr_assert_lt(i, observed_count);
    cr_expect_eq(observed[i].operations, operations, "batch %zu", i);
    cr_expect_eq(observed[i].committed, committed, "batch %zu", i);
    cr_expect(!committed || observed[i].commit_us > 0, "batch %zu", i);
}

Test(committer_faults, a_full_disk_takes_the_whole_batch_and_passes)
{
    struct database database;
    struct write limit = {.body = write_limit_pages}, lift = {.body = write_lift_limit};
    struct write gate = {0}, writes[] = {{.body = write_insert, .number = 1},
                                         {.body = write_insert_big, .number = 2},
                                         {.body = write_insert, .number = 3}};
    store_set_log(writes_keep_quiet);
    store_set_observer(keep_batch);
    database_begin(&database);
    database_serve(&database);
    writes_submit(&database, &limit);
    writes_wait(1);
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 3; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(5);
    cr_expect_eq(gate.outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes[0].outcome, STORE_UNAVAILABLE, "it was in the batch that the full disk took");
    cr_expect_eq(writes[1].outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes[2].outcome, STORE_COMMITTED, "it is small and comes in the next batch");
    expect_observed(0, 1, true);
    expect_observed(1, 3, false);
    expect_observed(2, 1, true);
    cr_expect_eq(writes_events_of(&database, 1), 0);
    cr_expect_eq(writes_events_of(&database, 2), 0);
    cr_expect_eq(writes_events_of(&database, 3), 1);
    writes_submit(&database, &lift);
    writes_wait(6);
    struct write again = {.body = write_insert_big, .number = 4};
    writes_submit(&database, &again);
    writes_wait(7);
    cr_expect_eq(again.outcome, STORE_COMMITTED);
    cr_expect_eq(writes_events_of(&database, 4), 1);
    database_end(&database);
}

Test(committer_faults, another_writer_makes_it_unavailable_and_nothing_is_lost)
{
    struct database database;
    struct write faster = {.body = write_hurry}, during = {.body = write_insert, .number = 1},
                 after = {.body = write_insert, .number = 2};
    sqlite3 *other;
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    writes_submit(&database, &faster);
    writes_wait(1);
    cr_assert_eq(sqlite3_open(database.path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    writes_submit(&database, &during);
    writes_wait(2);
    cr_expect_eq(during.outcome, STORE_UNAVAILABLE);
    cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    writes_submit(&database, &after);
    writes_wait(3);
    cr_expect_eq(after.outcome, STORE_COMMITTED);
    cr_expect_eq(writes_events_of(&database, 1), 0);
    cr_expect_eq(writes_events_of(&database, 2), 1);
    database_end(&database);
}

static struct database served;
static struct write waiting[4];
static sqlite3 *other;

/* On the committer's thread, between two batches. */
static void begin_elsewhere_and_submit(const struct store_batch *batch)
{
    if (observed_count == 0) {
        cr_expect_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
            waiting[i].body = write_insert;
            writes_submit(&served, &waiting[i]);
        }
    }
    keep_batch(batch);
}

/* Each would wait out the busy time of its own, one after the other. */
Test(committer_faults, all_that_wait_share_the_fate_of_a_batch_that_cannot_begin)
{
    struct write first = {.body = write_hurry};
    store_set_log(writes_keep_quiet);
    store_set_observer(begin_elsewhere_and_submit);
    database_begin(&served);
    database_serve(&served);
    cr_assert_eq(sqlite3_open(served.path, &other), SQLITE_OK);
    writes_submit(&served, &first);
    writes_wait(5);
    sqlite3_close(other);
    cr_expect_eq(observed_count, 2);
    expect_observed(1, 4, false);
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++)
        cr_expect_eq(waiting[i].outcome, STORE_UNAVAILABLE, "operation %zu", i);
    cr_expect_eq(database_count(&served, "SELECT count(*) FROM events"), 0);
    database_end(&served);
}

/* A file size limit makes writes to the log fail with EFBIG, which SQLite reports as an I/O error. */
static void serve_without_room(struct database *database)
{
    struct stat status;
    struct write write = {.body = write_insert_big, .number = 1};
    store_set_log(writes_keep_quiet);
    database_serve(database);
    if (stat(arena_printf(database->arena, "%s-wal", database->path), &status) != 0)
        _exit(1);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)status.st_size, RLIM_INFINITY});
    writes_submit(database, &write);
    writes_wait(1);
    _exit(0);
}

Test(committer_faults, an_io_error_in_commit_ends_the_process)
{
    struct database database;
    int status = 0;
    database_begin(&database);
    pid_t child = fork();
    if (child == 0)
        serve_without_room(&database);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), EX_IOERR);
    database_end(&database);
}
