/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "database.h"
#include "store/committer.h"

LEAK_CHECKED_SUITE(committer);

/* ---- operations that a test waits for ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t answered; /* operations that are done */

struct write {
    struct store_operation operation; /* first: the operation is the write */
    enum store_apply_result (*body)(struct write *write, struct store_writer *writer);
    int number;
    enum store_outcome outcome;
    size_t place; /* among the answers, from 1 */
};

static enum store_apply_result apply(struct store_operation *operation, struct store_writer *writer)
{
    struct write *write = (struct write *)operation;
    return write->body(write, writer);
}

static void done(struct store_operation *operation, enum store_outcome outcome)
{
    struct write *write = (struct write *)operation;
    pthread_mutex_lock(&mutex);
    write->outcome = outcome;
    write->place = ++answered;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void wait_for_answers(size_t count)
{
    pthread_mutex_lock(&mutex);
    while (answered < count)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

/* Holds the committer inside an operation, so that what is submitted meanwhile makes one batch with it. */
static atomic_bool gate_reached, gate_open;

static enum store_apply_result wait_at_gate(struct write *write, struct store_writer *writer)
{
    (void)write;
    (void)writer;
    pthread_mutex_lock(&mutex);
    gate_reached = true;
    pthread_cond_broadcast(&changed);
    while (!gate_open)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    return STORE_DISCARD;
}

static void submit(struct database *database, struct write *write)
{
    write->operation.apply = apply;
    write->operation.done = done;
    store_submit(database->store, &write->operation);
}

static void submit_at_gate(struct database *database, struct write *gate)
{
    gate->body = wait_at_gate;
    submit(database, gate);
    pthread_mutex_lock(&mutex);
    while (!gate_reached)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void open_gate(void)
{
    pthread_mutex_lock(&mutex);
    gate_open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* ---- what the operations do ---- */

static enum store_result insert_event(struct write *write, struct store_writer *writer)
{
    struct event event = {.at = NOW, .type = EVENT_ORDER_CREATED, .actor = "test", .order_id = write->number};
    return store_event_insert(writer, &event);
}

static enum store_apply_result insert(struct write *write, struct store_writer *writer)
{
    return insert_event(write, writer) == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

static enum store_apply_result insert_and_refuse(struct write *write, struct store_writer *writer)
{
    return insert_event(write, writer) == STORE_OK ? STORE_DISCARD : STORE_APPLIED;
}

/* Its second statement breaks a rule of the schema; it says "keep" all the same. */
static enum store_apply_result insert_and_fail(struct write *write, struct store_writer *writer)
{
    struct order order = {.account_id = 1, .profile = "default", .status = ORDER_PENDING, .created_at = NOW};
    cr_expect_eq(insert_event(write, writer), STORE_OK);
    cr_expect_eq(store_order_insert(writer, &order), STORE_FAILED);
    return STORE_APPLIED;
}

static char *big_text(void)
{
    char *text = calloc(1, 200001);
    memset(text, 'x', 200000);
    return text;
}

static enum store_apply_result insert_big(struct write *write, struct store_writer *writer)
{
    char *text = big_text();
    struct event event = {
        .at = NOW, .type = EVENT_ORDER_CREATED, .actor = "test", .order_id = write->number, .detail = text};
    enum store_result result = store_event_insert(writer, &event);
    free(text);
    return result == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

static enum store_apply_result limit_pages(struct write *write, struct store_writer *writer)
{
    (void)write;
    struct fault fault;
    int64_t pages = 0;
    cr_expect(database_integer(writer->reader.db, "PRAGMA page_count", &pages, &fault));
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + 3);
    cr_expect(database_execute(writer->reader.db, sql, &fault));
    return STORE_APPLIED;
}

static enum store_apply_result lift_limit(struct write *write, struct store_writer *writer)
{
    (void)write;
    struct fault fault;
    cr_expect(database_execute(writer->reader.db, "PRAGMA max_page_count = 1000000", &fault));
    return STORE_APPLIED;
}

static enum store_apply_result hurry(struct write *write, struct store_writer *writer)
{
    (void)write;
    sqlite3_busy_timeout(writer->reader.db, 1);
    return STORE_APPLIED;
}

static int64_t events_of(const struct database *database, int number)
{
    return database_count(
        database, arena_printf(database->arena, "SELECT count(*) FROM events WHERE order_id = %d", number));
}

static void keep_quiet(const char *message)
{
    (void)message;
}

/* ---- the tests ---- */

Test(committer, what_is_answered_is_on_the_disk)
{
    struct database database;
    struct write write = {.body = insert, .number = 1};
    database_begin(&database);
    database_serve(&database);
    submit(&database, &write);
    wait_for_answers(1);
    cr_assert_eq(write.outcome, STORE_COMMITTED);
    cr_assert_eq(events_of(&database, 1), 1);
    cr_assert_eq(store_backlog(database.store), 0);
    database_end(&database);
}

Test(committer, one_operation_that_fails_takes_no_other_with_it)
{
    struct database database;
    struct write gate = {0}, writes[] = {{.body = insert, .number = 1},
                                         {.body = insert_and_fail, .number = 2},
                                         {.body = insert_and_refuse, .number = 3},
                                         {.body = insert, .number = 4}};
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 4; i++)
        submit(&database, &writes[i]);
    cr_assert_eq(store_backlog(database.store), 5);
    open_gate();
    wait_for_answers(5);
    static const enum store_outcome outcomes[] = {STORE_COMMITTED, STORE_UNAVAILABLE, STORE_COMMITTED,
                                                  STORE_COMMITTED};
    static const int64_t kept[] = {1, 0, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(writes[i].outcome, outcomes[i], "operation %zu", i);
        cr_expect_eq(events_of(&database, (int)i + 1), kept[i], "operation %zu", i);
        cr_expect_eq(writes[i].place, i + 2, "answers come in the order of submission");
    }
    database_end(&database);
}

/* A caller that overlooks the refusal. */
static enum store_apply_result insert_and_overlook(struct write *write, struct store_writer *writer)
{
    struct order order = {.status = ORDER_VALID};
    enum store_apply_result result = insert(write, writer);
    cr_expect_eq(store_order_update(writer, &order, ORDER_PENDING), STORE_REFUSED);
    return result;
}

Test(committer, an_operation_with_a_refused_state_is_undone_whatever_it_returns)
{
    struct database database;
    struct write gate = {0},
                 writes[] = {{.body = insert_and_overlook, .number = 1}, {.body = insert, .number = 2}};
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 2; i++)
        submit(&database, &writes[i]);
    open_gate();
    wait_for_answers(3);
    cr_expect_eq(writes[0].outcome, STORE_FAULT);
    cr_expect_eq(events_of(&database, 1), 0);
    cr_expect_eq(writes[1].outcome, STORE_COMMITTED);
    cr_expect_eq(events_of(&database, 2), 1);
    database_end(&database);
}

/* What an observer was told, before each batch was answered. */
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

Test(committer, a_full_disk_takes_the_whole_batch_and_passes)
{
    struct database database;
    struct write limit = {.body = limit_pages}, lift = {.body = lift_limit};
    struct write gate = {0}, writes[] = {{.body = insert, .number = 1},
                                         {.body = insert_big, .number = 2},
                                         {.body = insert, .number = 3}};
    store_set_log(keep_quiet);
    store_set_observer(keep_batch);
    database_begin(&database);
    database_serve(&database);
    submit(&database, &limit);
    wait_for_answers(1);
    submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 3; i++)
        submit(&database, &writes[i]);
    open_gate();
    wait_for_answers(5);
    cr_expect_eq(gate.outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes[0].outcome, STORE_UNAVAILABLE, "it was in the batch that the full disk took");
    cr_expect_eq(writes[1].outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes[2].outcome, STORE_COMMITTED, "it is small and comes in the next batch");
    expect_observed(0, 1, true);
    expect_observed(1, 3, false);
    expect_observed(2, 1, true);
    cr_expect_eq(events_of(&database, 1), 0);
    cr_expect_eq(events_of(&database, 2), 0);
    cr_expect_eq(events_of(&database, 3), 1);
    submit(&database, &lift);
    wait_for_answers(6);
    struct write again = {.body = insert_big, .number = 4};
    submit(&database, &again);
    wait_for_answers(7);
    cr_expect_eq(again.outcome, STORE_COMMITTED);
    cr_expect_eq(events_of(&database, 4), 1);
    database_end(&database);
}

Test(committer, another_writer_makes_it_unavailable_and_nothing_is_lost)
{
    struct database database;
    struct write faster = {.body = hurry}, during = {.body = insert, .number = 1},
                 after = {.body = insert, .number = 2};
    sqlite3 *other;
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    submit(&database, &faster);
    wait_for_answers(1);
    cr_assert_eq(sqlite3_open(database.path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    submit(&database, &during);
    wait_for_answers(2);
    cr_expect_eq(during.outcome, STORE_UNAVAILABLE);
    cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    submit(&database, &after);
    wait_for_answers(3);
    cr_expect_eq(after.outcome, STORE_COMMITTED);
    cr_expect_eq(events_of(&database, 1), 0);
    cr_expect_eq(events_of(&database, 2), 1);
    database_end(&database);
}

/* A file size limit makes writes to the log fail with EFBIG, which SQLite reports as an I/O error. */
static void serve_without_room(struct database *database)
{
    struct stat status;
    struct write write = {.body = insert_big, .number = 1};
    store_set_log(keep_quiet);
    database_serve(database);
    if (stat(arena_printf(database->arena, "%s-wal", database->path), &status) != 0)
        _exit(1);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)status.st_size, RLIM_INFINITY});
    submit(database, &write);
    wait_for_answers(1);
    _exit(0);
}

Test(committer, an_io_error_in_commit_ends_the_process)
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

Test(committer, what_was_submitted_is_run_before_it_closes)
{
    enum { WRITES = 3 * BATCH_MAX_OPERATIONS };
    struct database database;
    struct write gate = {0}, *writes = calloc(WRITES, sizeof *writes);
    database_begin(&database);
    database_serve(&database);
    submit_at_gate(&database, &gate);
    for (int i = 0; i < WRITES; i++) {
        writes[i] = (struct write){.body = insert, .number = 7};
        submit(&database, &writes[i]);
    }
    open_gate();
    store_close(database.store);
    database.store = NULL;
    cr_assert_eq(answered, WRITES + 1);
    cr_assert_eq(events_of(&database, 7), WRITES);
    free(writes);
    database_end(&database);
}

Test(committer, a_batch_is_bounded)
{
    enum { WRITES = BATCH_MAX_OPERATIONS + 6 };
    struct database database;
    struct write gate = {0}, limit = {.body = limit_pages}, writes[WRITES] = {0};
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    submit(&database, &limit);
    wait_for_answers(1);
    submit_at_gate(&database, &gate);
    for (int i = 0; i < WRITES; i++) {
        writes[i] = (struct write){.body = insert, .number = 7};
        if (i == WRITES - 1)
            writes[i].body = insert_big;
        submit(&database, &writes[i]);
    }
    open_gate();
    wait_for_answers(WRITES + 2);
    cr_expect_eq(writes[0].outcome, STORE_COMMITTED, "another batch than that of the operation that fails");
    cr_expect_eq(writes[WRITES - 1].outcome, STORE_UNAVAILABLE);
    database_end(&database);
}

/* ---- two threads ---- */

enum { EACH = 500 };

struct submitter {
    struct database *database;
    int number;
    struct write writes[EACH];
};

static enum store_apply_result insert_or_not(struct write *write, struct store_writer *writer)
{
    return write->number % 5 == 0 ? insert_and_fail(write, writer) : insert(write, writer);
}

static void *submit_all(void *argument)
{
    struct submitter *submitter = argument;
    for (int i = 0; i < EACH; i++) {
        submitter->writes[i] =
            (struct write){.body = insert_or_not, .number = 1 + submitter->number * EACH + i};
        submit(submitter->database, &submitter->writes[i]);
    }
    return NULL;
}

static void check_submitter(const struct submitter *submitter)
{
    size_t place = 0;
    for (int i = 0; i < EACH; i++) {
        const struct write *write = &submitter->writes[i];
        cr_assert_gt(write->place, place, "thread %d, operation %d", submitter->number, i);
        cr_assert_eq(write->outcome, write->number % 5 == 0 ? STORE_UNAVAILABLE : STORE_COMMITTED);
        place = write->place;
    }
}

Test(committer, two_threads_submit_and_each_keeps_its_order)
{
    struct database database;
    struct submitter *submitters = calloc(2, sizeof *submitters);
    pthread_t threads[2];
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    for (int i = 0; i < 2; i++) {
        submitters[i].database = &database;
        submitters[i].number = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, submit_all, &submitters[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    wait_for_answers((size_t)2 * EACH);
    for (int i = 0; i < 2; i++)
        check_submitter(&submitters[i]);
    cr_assert_eq(database_count(&database, "SELECT count(DISTINCT order_id) FROM events"), 2 * EACH * 4 / 5);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM events WHERE order_id % 5 = 0"), 0);
    free(submitters);
    database_end(&database);
}

/* ---- beside the server ---- */

Test(committer, readers_work_while_it_runs_and_after)
{
    struct database database;
    struct fault fault;
    struct event_row *rows;
    size_t count;
    struct write write = {.body = insert, .number = 1};
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.path, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    submit(&database, &write);
    wait_for_answers(1);
    cr_assert_eq(store_events_of_order(reader, database.arena, 1, &rows, &count), STORE_OK);
    cr_assert_eq(count, 1);
    store_reader_close(reader);
    database_disconnect(&database);
    reader = store_reader_open(database.path, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_assert_eq(store_events_of_order(reader, database.arena, 1, &rows, &count), STORE_OK);
    cr_assert_eq(count, 1);
    store_reader_close(reader);
    database_end(&database);
}

Test(committer, a_reader_cannot_write)
{
    struct database database;
    struct fault fault;
    store_set_log(keep_quiet);
    database_begin(&database);
    database_serve(&database);
    struct store_reader *reader = store_reader_open(database.path, &fault);
    cr_assert_not_null(reader, "%s", fault.message);
    cr_assert_not(database_execute(reader->db, "DELETE FROM events", &fault));
    store_reader_close(reader);
    database_end(&database);
}

Test(committer, ids_continue_after_a_restart)
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
    struct write write = {.body = insert, .number = 1};
    submit(&database, &write);
    wait_for_answers(1);
    cr_assert_eq(database_count(&database, "SELECT id FROM events WHERE order_id = 1"), far + 1);
    database_end(&database);
}

Test(committer, a_second_server_is_refused)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_serve(&database);
    cr_assert_null(store_open(database.path, STORE_MIGRATE, &fault));
    cr_assert_not_null(strstr(fault.message, "already served by another acmegate"), "%s", fault.message);
    cr_assert_not_null(strstr(fault.message, arena_printf(database.arena, "process %ld", (long)getpid())),
                       "%s", fault.message);
    store_close(database.store);
    database.store = store_open(database.path, STORE_EXPECT_CURRENT, &fault);
    cr_assert_not_null(database.store, "%s", fault.message);
    database_end(&database);
}
