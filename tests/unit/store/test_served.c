/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "store/certificates.h"
#include "store/events.h"
#include "writes.h"

LEAK_CHECKED_SUITE(served);
LEAK_CHECKED_SUITE(sqlite_served);

Test(served, readers_work_while_it_runs_and_after)
{
    struct database database;
    struct fault fault;
    struct event_row *rows;
    size_t count;
    struct write write = {.body = write_insert, .number = 1};
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    writes_submit(&database, &write);
    writes_wait(1);
    cr_assert_eq(store_events_of_order(reader, database.arena, 1, &rows, &count), STORE_OK);
    cr_assert_eq(count, 1);
    store_reader_close(reader);
    database_disconnect(&database);
    reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_assert_eq(store_events_of_order(reader, database.arena, 1, &rows, &count), STORE_OK);
    cr_assert_eq(count, 1);
    store_reader_close(reader);
    database_end(&database);
}

Test(sqlite_served, a_reader_cannot_write)
{
    struct database database;
    struct fault fault;
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.location, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_assert_not(database_execute(database_of(reader), "DELETE FROM events", &fault));
    store_reader_close(reader);
    database_end(&database);
}

Test(served, ids_continue_after_a_restart)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    int64_t far = store_next_id(database.writer, (NOW + 10 * 86400) * 1000);
    database_disconnect(&database);
    database_run(&database, arena_printf(database.arena,
                                         "INSERT INTO events (id, at, kind, who) VALUES (%lld, 0, '', '')",
                                         (long long)far));
    database_serve(&database);
    struct write write = {.body = write_insert, .number = 1};
    writes_submit(&database, &write);
    writes_wait(1);
    int64_t next = database_count(&database, "SELECT id FROM events WHERE order_id = 1");
    cr_assert(next > far && next <= far + 4096, "%lld", (long long)next);
    database_end(&database);
}

Test(served, a_second_server_is_refused)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_serve(&database);
    cr_assert_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_assert_not_null(strstr(fault.message, "already served by another acmegate"), "%s", fault.message);
    cr_assert_not_null(strstr(fault.message, arena_printf(database.arena, "process %ld", (long)getpid())),
                       "%s", fault.message);
    store_close(database.store);
    database.store = store_open(database.location, STORE_EXPECT_CURRENT, &fault);
    cr_assert_not_null(database.store, "%s", fault.message);
    database_end(&database);
}

Test(sqlite_served, a_lock_that_cannot_be_opened_is_named)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    const char *name = arena_printf(database.arena, "%s.lock", database.path);
    cr_assert_eq(mkdir(name, 0700), 0);
    cr_expect_null(store_open(database.location, STORE_MIGRATE, &fault));
    cr_expect_not_null(
        strstr(fault.message, arena_printf(database.arena, "%s: cannot be opened: Is a directory", name)),
        "%s", fault.message);
    cr_assert_eq(rmdir(name), 0);
    database_end(&database);
}

/* It has not entered, so it leaves nothing. */
Test(sqlite_served, a_start_that_fails_says_nothing_of_its_row)
{
    struct database database;
    struct fault fault;
    store_set_log(writes_hear);
    database_begin(&database);
    database_serve(&database);
    database_disconnect(&database);
    const char *mark = arena_printf(database.arena, "%s.mark", database.path);
    cr_assert_eq(unlink(mark), 0);
    cr_assert_eq(mkdir(mark, 0700), 0);
    cr_expect_null(store_open(database.location, STORE_EXPECT_CURRENT, &fault));
    cr_expect_null(writes_heard_line(0), "%s", writes_heard_line(0));
    cr_assert_eq(rmdir(mark), 0);
    database_end(&database);
}

/* Whoever makes an issuer's name again is told of its certificates. */
Test(served, an_issuer_is_known_once_it_was_asked)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct store_reader *reader = store_reader_of(database.writer);
    cr_expect_eq(store_issuer_known(reader, "main"), STORE_NOT_FOUND);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", NULL);
    cr_expect_eq(store_issuer_known(reader, "main"), STORE_OK);
    cr_expect_eq(store_issuer_known(reader, "spare"), STORE_NOT_FOUND);
    database_end(&database);
}
