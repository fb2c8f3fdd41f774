/* SPDX-License-Identifier: Apache-2.0 */
/* What the committer makes of SQLite's disk. */
#include "disk.h"
#include "store/events.h"
#include "store/sql/committer.h"
#include "writes.h"

LEAK_CHECKED_SUITE(sqlite_committer);

static size_t warnings;

static void count_warning(const char *message)
{
    warnings += strstr(message, "MiB left") != NULL;
}

static size_t warnings_with(int64_t left)
{
    struct database database;
    struct write writes[] = {{.body = write_insert, .number = 1}, {.body = write_insert, .number = 2}};
    store_set_log(count_warning);
    disk_leave(left);
    warnings = 0;
    database_begin(&database);
    database_serve(&database);
    writes_submit(&database, &writes[0]);
    writes_wait(1);
    writes_submit(&database, &writes[1]);
    database_end(&database);
    return warnings;
}

Test(sqlite_committer, a_disk_that_gets_full_is_told_once)
{
    cr_assert_eq(warnings_with(STORE_FREE_LOW_BYTES - 1024), 1);
}

Test(sqlite_committer, a_disk_with_room_is_not_told)
{
    cr_assert_eq(warnings_with(STORE_FREE_LOW_BYTES), 0);
}

/* ---- a write that finds out ---- */

static enum store_apply_result probe(struct write *write, struct store_writer *writer)
{
    (void)write;
    return store_applied(store_probe(writer));
}

Test(sqlite_committer, a_probe_finds_out_whether_writes_are_kept)
{
    struct database database;
    struct write gate = {0}, limit = {.body = write_limit_pages},
                 big = {.body = write_insert_big, .number = 1}, lift = {.body = write_lift_limit},
                 look = {.body = probe};
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    cr_expect(store_takes_writes(database.store));
    writes_submit_at_gate(&database, &gate);
    writes_submit(&database, &limit);
    writes_submit(&database, &big);
    writes_open_gate();
    writes_wait(3);
    cr_expect_not(store_takes_writes(database.store));
    writes_submit(&database, &lift);
    writes_submit(&database, &look);
    writes_wait(5);
    cr_expect_eq(look.outcome, STORE_COMMITTED);
    cr_expect(store_takes_writes(database.store));
    database_end(&database);
}

/* A probe really writes: it fails where nothing can be written. */
Test(sqlite_committer, a_probe_changes_the_file)
{
    struct database database;
    struct write look = {.body = probe};
    struct store_size before, after;
    database_begin(&database);
    database_serve(&database);
    store_read_size(database.location, &before);
    writes_submit(&database, &look);
    writes_wait(1);
    store_read_size(database.location, &after);
    cr_expect_gt(after.log, before.log);
    database_end(&database);
}

/* ---- a transaction that SQLite rolls back as a whole ---- */

static size_t events_observed;

static void count_events(const struct event *events, size_t count)
{
    (void)events;
    events_observed += count;
}

Test(sqlite_committer, the_observer_gets_no_event_of_a_batch_that_was_not_kept)
{
    struct database database;
    struct write gate = {0}, limit = {.body = write_limit_pages},
                 writes[] = {{.body = write_insert, .number = 1}, {.body = write_insert_big, .number = 2}};
    store_set_log(writes_keep_quiet);
    store_set_event_observer(count_events);
    database_begin(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    writes_submit(&database, &limit);
    for (size_t i = 0; i < 2; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(4);
    cr_expect_eq(writes[0].outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes[1].outcome, STORE_UNAVAILABLE);
    database_end(&database);
    cr_assert_eq(events_observed, 0);
}

Test(sqlite_committer, a_batch_is_bounded)
{
    enum { WRITES = BATCH_MAX_OPERATIONS + 6 };
    struct database database;
    struct write gate = {0}, limit = {.body = write_limit_pages}, writes[WRITES] = {0};
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    writes_submit(&database, &limit);
    writes_wait(1);
    writes_submit_at_gate(&database, &gate);
    for (int i = 0; i < WRITES; i++) {
        writes[i] = (struct write){.body = write_insert, .number = 7};
        if (i == WRITES - 1)
            writes[i].body = write_insert_big;
        writes_submit(&database, &writes[i]);
    }
    writes_open_gate();
    writes_wait(WRITES + 2);
    cr_expect_eq(writes[0].outcome, STORE_COMMITTED, "another batch than that of the operation that fails");
    cr_expect_eq(writes[WRITES - 1].outcome, STORE_UNAVAILABLE);
    database_end(&database);
}
