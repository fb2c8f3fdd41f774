/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "acme/base/monotonic.h"
#include "acme/base/thread.h"
#include "store/sql/event_notes.h"
#include "store/sql/query.h"

enum { BEGIN_BATCH, COMMIT_BATCH, ROLLBACK_BATCH, SAVE, RELEASE, ROLLBACK_TO_SAVE, BEGIN_READ };

static const struct statement statements[] = {
    [BEGIN_BATCH] = {"batch_begin", "BEGIN IMMEDIATE"},
    [COMMIT_BATCH] = {"batch_commit", "COMMIT"},
    [ROLLBACK_BATCH] = {"batch_rollback", "ROLLBACK"},
    [SAVE] = {"operation_begin", "SAVEPOINT operation"},
    [RELEASE] = {"operation_keep", "RELEASE operation"},
    [ROLLBACK_TO_SAVE] = {"operation_undo", "ROLLBACK TO operation"},
    [BEGIN_READ] = {"read_begin", "BEGIN"},
};

const struct statement_table store_committer_statements = {statements,
                                                           sizeof statements / sizeof *statements};

struct committer {
    pthread_t thread;
    pthread_mutex_t mutex; /* protects everything below but `writer` */
    pthread_cond_t submitted;
    struct store_operation *first;
    struct store_operation **last;
    size_t backlog;
    bool stopping;
    struct store_writer *writer; /* belongs to the thread */
    struct mark *mark;           /* belongs to the thread, except `kept` */
    atomic_bool failing;         /* the last batch could not be kept */
    const struct store_location *location;
    int64_t disk_due_ms; /* belongs to the thread, with the next */
    bool disk_is_low;
};

/* The operations of one transaction, in their order. */
struct batch {
    struct store_operation *operations[BATCH_MAX_OPERATIONS];
    size_t count;
    int64_t began_ms;
};

static void (*observe)(const struct store_batch *batch);

void store_set_observer(void (*observer)(const struct store_batch *batch))
{
    observe = observer;
}

static bool run_on(struct store_reader *reader, size_t statement)
{
    QUERY(query, reader, NULL, STATEMENTS_COMMITTER, statement);
    return query_next(&query) != STORE_FAILED;
}

static bool run(struct store_writer *writer, size_t statement)
{
    return run_on(writer->reader, statement);
}

static bool has_transaction(const struct store_writer *writer)
{
    return sqlite3_get_autocommit(database_of(writer->reader)) == 0;
}

/* True when the present operation may be kept. */
static bool is_sound(const struct store_writer *writer)
{
    return !writer->reader->failed && !writer->refused;
}

bool writer_write(struct store_writer *writer,
                  enum store_apply_result (*apply)(void *context, struct store_writer *writer), void *context,
                  struct fault *fault)
{
    writer->reader->failed = writer->refused = false;
    if (!run(writer, BEGIN_BATCH))
        return database_error(database_of(writer->reader), "the database cannot be written", fault);
    bool keep = apply(context, writer) == STORE_APPLIED && is_sound(writer);
    if (keep && run(writer, COMMIT_BATCH))
        return true;
    database_error(database_of(writer->reader), "nothing was written", fault);
    if (has_transaction(writer))
        run(writer, ROLLBACK_BATCH);
    return false;
}

bool store_read_begin(struct store_reader *reader)
{
    return run_on(reader, BEGIN_READ);
}

void store_read_end(struct store_reader *reader)
{
    (void)run_on(reader, ROLLBACK_BATCH); /* a failure is logged, and the reader keeps it */
}

/* Takes the next operation; waits for one when `wait`. NULL when there is none, or the committer stops. */
static struct store_operation *take(struct committer *committer, bool wait)
{
    pthread_mutex_lock(&committer->mutex);
    while (wait && committer->first == NULL && !committer->stopping)
        pthread_cond_wait(&committer->submitted, &committer->mutex);
    struct store_operation *operation = committer->first;
    if (operation != NULL) {
        committer->first = operation->next;
        if (committer->first == NULL)
            committer->last = &committer->first;
    }
    pthread_mutex_unlock(&committer->mutex);
    return operation;
}

/* Runs one operation in its savepoint. False when SQLite has rolled the whole transaction back (disk full,
 * I/O). */
static bool run_operation(struct store_writer *writer, struct store_operation *operation)
{
    size_t events_before = event_notes_count(writer->notes);
    writer->reader->failed = writer->refused = false;
    bool keep = run(writer, SAVE) && operation->apply(operation, writer) == STORE_APPLIED && is_sound(writer);
    operation->failed = writer->reader->failed;
    operation->refused = writer->refused;
    if (!keep)
        event_notes_cut(writer->notes, events_before);
    if (!has_transaction(writer))
        return false;
    if (!keep && !run(writer, ROLLBACK_TO_SAVE))
        return false;
    return run(writer, RELEASE);
}

static bool batch_has_room(const struct batch *batch)
{
    return batch->count < BATCH_MAX_OPERATIONS && monotonic_ms() - batch->began_ms < BATCH_MAX_MS;
}

/* When BEGIN fails, all waiting operations fail at once, instead of waiting for the busy time one by one. */
static void take_all_waiting(struct committer *committer, struct batch *batch)
{
    struct store_operation *more;
    while (batch->count < BATCH_MAX_OPERATIONS && (more = take(committer, false)) != NULL)
        batch->operations[batch->count++] = more;
}

/* True when every operation ran and the transaction was not rolled back. */
static bool run_batch(struct committer *committer, struct batch *batch)
{
    struct store_writer *writer = committer->writer;
    if (!store_reader_is_in_place(writer->reader)) {
        store_log("store: the database file was removed or replaced: nothing is written from now on; stop "
                  "the server, restore the file and start it again");
        take_all_waiting(committer, batch);
        return false;
    }
    if (!run(writer, BEGIN_BATCH)) {
        take_all_waiting(committer, batch);
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (!run_operation(writer, batch->operations[i]))
            return false;
        struct store_operation *more = batch_has_room(batch) ? take(committer, false) : NULL;
        if (more != NULL)
            batch->operations[batch->count++] = more;
    }
    return true;
}

/*
 * After an I/O error in COMMIT the state of the disk is unknown. The process ends: nothing was answered, and
 * the next start reads the true state.
 */
static bool commit(struct store_writer *writer)
{
    if (run(writer, COMMIT_BATCH))
        return true;
    if ((sqlite3_errcode(database_of(writer->reader)) & 0xff) == SQLITE_IOERR) {
        store_log("store: COMMIT failed with an I/O error (%s): ending, so that the next start reads what "
                  "was written",
                  strerror(sqlite3_system_errno(database_of(writer->reader))));
        _exit(EX_IOERR);
    }
    return false;
}

static enum store_outcome outcome_of(const struct store_operation *operation, bool committed)
{
    if (!committed || operation->failed)
        return STORE_UNAVAILABLE;
    return operation->refused ? STORE_FAULT : STORE_COMMITTED;
}

static void answer(struct committer *committer, const struct batch *batch, bool committed)
{
    pthread_mutex_lock(&committer->mutex);
    committer->backlog -= batch->count;
    pthread_mutex_unlock(&committer->mutex);
    for (size_t i = 0; i < batch->count; i++) {
        struct store_operation *operation = batch->operations[i];
        operation->done(operation, outcome_of(operation, committed));
    }
}

/* Writes the mark after the answers, because nobody waits for it. */
static void keep_mark(struct committer *committer)
{
    struct mark *mark = committer->mark;
    int64_t now_ms = monotonic_ms(), newest_event;
    if (!atomic_load(&mark->kept) || now_ms - mark->written_ms < MARK_EVERY_MS ||
        !reader_newest_event(committer->writer->reader, INT64_MAX, &newest_event))
        return;
    mark->written_ms = now_ms;
    mark_write(mark, newest_event);
}

/* Looks once a minute, and tells once until there is room again. */
static void watch_disk(struct committer *committer)
{
    struct store_size size;
    int64_t now_ms = monotonic_ms();
    if (now_ms < committer->disk_due_ms)
        return;
    committer->disk_due_ms = now_ms + DISK_EVERY_MS;
    store_read_size(committer->location, &size);
    bool low = size.free != STORE_SIZE_UNKNOWN && size.free < STORE_FREE_LOW_BYTES;
    if (low && !committer->disk_is_low)
        store_log("store: the disk of the database has only %lld MiB left: free some, or writes will fail",
                  (long long)size.free / (1024 * 1024));
    committer->disk_is_low = low;
}

static void *committer_run(void *argument)
{
    struct committer *committer = argument;
    struct store_operation *operation;
    while ((operation = take(committer, true)) != NULL) {
        struct batch batch = {.operations = {operation}, .count = 1, .began_ms = monotonic_ms()};
        bool ran = run_batch(committer, &batch);
        int64_t began_us = monotonic_us();
        bool committed = ran && commit(committer->writer);
        if (observe != NULL)
            observe(&(struct store_batch){batch.count, monotonic_us() - began_us, committed});
        if (!committed) {
            event_notes_cut(committer->writer->notes, 0);
            store_log("store: a batch of %zu operations could not be written", batch.count);
            if (has_transaction(committer->writer))
                run(committer->writer, ROLLBACK_BATCH);
        }
        atomic_store_explicit(&committer->failing, !committed, memory_order_relaxed);
        answer(committer, &batch, committed);
        event_notes_tell(committer->writer->notes);
        keep_mark(committer);
        watch_disk(committer);
    }
    return NULL;
}

static void free_committer(struct committer *committer)
{
    event_notes_free(committer->writer->notes);
    committer->writer->notes = NULL;
    pthread_cond_destroy(&committer->submitted);
    pthread_mutex_destroy(&committer->mutex);
    free(committer);
}

struct committer *committer_start(const struct store_location *location, struct store_writer *writer,
                                  struct mark *mark, struct fault *fault)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (committer == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    committer->writer = writer;
    committer->mark = mark;
    committer->location = location;
    writer->notes = event_notes_new();
    committer->last = &committer->first;
    pthread_mutex_init(&committer->mutex, NULL);
    pthread_cond_init(&committer->submitted, NULL);
    int failed = thread_start(&committer->thread, committer_run, committer);
    if (failed == 0)
        return committer;
    fault_set(fault, "the committer's thread cannot be started: %s", strerror(failed));
    free_committer(committer);
    return NULL;
}

void committer_stop(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    committer->stopping = true;
    pthread_cond_signal(&committer->submitted);
    pthread_mutex_unlock(&committer->mutex);
    pthread_join(committer->thread, NULL);
    free_committer(committer);
}

void committer_submit(struct committer *committer, struct store_operation *operation)
{
    operation->next = NULL;
    operation->failed = operation->refused = false;
    pthread_mutex_lock(&committer->mutex);
    *committer->last = operation;
    committer->last = &operation->next;
    committer->backlog++;
    pthread_cond_signal(&committer->submitted);
    pthread_mutex_unlock(&committer->mutex);
}

bool committer_keeps_writes(struct committer *committer)
{
    return !atomic_load_explicit(&committer->failing, memory_order_relaxed);
}

size_t committer_backlog(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    size_t backlog = committer->backlog;
    pthread_mutex_unlock(&committer->mutex);
    return backlog;
}
