/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/monotonic.h"
#include "acme/base/thread.h"
#include "store/sql/event_notes.h"
#include "store/sql/query.h"

enum {
    TRANSACTION_TRIES = 8,      /* runs of one that another one undoes */
    COMMAND_FIND_OUT_TRIES = 5, /* questions for the fate of a command's COMMIT */
};

struct committer {
    pthread_t thread;
    pthread_mutex_t mutex; /* protects everything below but `writer` */
    pthread_cond_t submitted;
    struct store_operation *first;
    struct store_operation **last;
    size_t backlog;
    bool stopping;
    struct store_writer *writer; /* belongs to the thread, and so do these */
    struct heartbeat *heartbeat; /* NULL: nobody waits for signs of life */
    int64_t next_beat_ms;
    void (*look_after)(void *upkeep, struct store_reader *reader);
    void *upkeep;
    atomic_bool failing; /* the last batch could not be kept */
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

static const struct engine_transactions *transactions_of(const struct store_writer *writer)
{
    return writer->reader->engine->transactions;
}

/* True when the present operation may be kept. */
static bool is_sound(const struct store_writer *writer)
{
    return !writer->reader->failed && !writer->refused;
}

static void end_undone(struct store_writer *writer)
{
    const struct engine_transactions *transactions = transactions_of(writer);
    if (transactions->is_open(writer->reader))
        transactions->roll_back(writer->reader);
}

/* True, with the transaction undone, when it is to run again. */
static bool runs_again(struct store_writer *writer, int *tries)
{
    const struct engine_transactions *transactions = transactions_of(writer);
    bool again = transactions->may_run_again != NULL && transactions->may_run_again(writer->reader) &&
                 ++*tries < TRANSACTION_TRIES;
    if (again)
        end_undone(writer);
    return again;
}

/* Waits for the fate of a COMMIT whose answer was lost, up to a limit. */
static enum engine_commit commit_and_find_out(struct store_writer *writer)
{
    const struct engine_transactions *transactions = transactions_of(writer);
    enum engine_commit result = transactions->commit(writer->reader);
    for (int i = 0; result == ENGINE_UNKNOWN && i < COMMAND_FIND_OUT_TRIES; i++)
        result = transactions->find_out(writer->reader);
    return result;
}

static bool try_to_write(struct store_writer *writer,
                         enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                         void *context, struct fault *fault)
{
    const struct engine_transactions *transactions = transactions_of(writer);
    writer->reader->failed = writer->refused = false;
    if (!transactions->begin(writer->reader))
        return transactions->say_why(writer->reader, "the database cannot be written", fault);
    enum engine_commit result = ENGINE_UNDONE;
    if (apply(context, writer) == STORE_APPLIED && is_sound(writer))
        result = commit_and_find_out(writer);
    return result == ENGINE_KEPT ||
           transactions->say_why(writer->reader,
                                 result == ENGINE_UNDONE ? "nothing was written"
                                                         : "it is not known whether anything was written",
                                 fault);
}

bool writer_write(struct store_writer *writer,
                  enum store_apply_result (*apply)(void *context, struct store_writer *writer), void *context,
                  struct fault *fault)
{
    int tries = 0;
    bool written;
    do {
        written = try_to_write(writer, apply, context, fault);
    } while (!written && runs_again(writer, &tries));
    if (!written)
        end_undone(writer);
    return written;
}

/* Waits for an operation; false when the next heartbeat is due. */
static bool wait_for_one(struct committer *committer)
{
    if (committer->heartbeat == NULL)
        return pthread_cond_wait(&committer->submitted, &committer->mutex) == 0;
    int64_t left_ms = committer->next_beat_ms - monotonic_ms();
    const struct timespec until = thread_deadline(left_ms > 0 ? left_ms : 0);
    return thread_wait_until(&committer->submitted, &committer->mutex, &until);
}

/* Takes the next operation; waits for one when `wait`. NULL when there is none, the committer stops, or a
 * heartbeat is due. */
static struct store_operation *take(struct committer *committer, bool wait)
{
    pthread_mutex_lock(&committer->mutex);
    while (wait && committer->first == NULL && !committer->stopping)
        wait = wait_for_one(committer);
    struct store_operation *operation = committer->first;
    if (operation != NULL) {
        committer->first = operation->next;
        if (committer->first == NULL)
            committer->last = &committer->first;
    }
    pthread_mutex_unlock(&committer->mutex);
    return operation;
}

/* Runs one operation in its savepoint. False when the engine has rolled the whole transaction back (SQLite:
 * disk full, I/O). */
static bool run_operation(struct store_writer *writer, struct store_operation *operation)
{
    size_t events_before = event_notes_count(writer->notes);
    writer->reader->failed = writer->refused = false;
    const struct engine_transactions *transactions = transactions_of(writer);
    bool keep = transactions->save(writer->reader) && operation->apply(operation, writer) == STORE_APPLIED &&
                is_sound(writer);
    operation->failed = writer->reader->failed;
    operation->refused = writer->refused;
    if (!keep)
        event_notes_cut(writer->notes, events_before);
    return transactions->is_open(writer->reader) && (keep || transactions->undo(writer->reader)) &&
           transactions->release(writer->reader);
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
    if (!transactions_of(writer)->begin(writer->reader)) {
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

static bool is_stopping(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    bool stopping = committer->stopping;
    pthread_mutex_unlock(&committer->mutex);
    return stopping;
}

/* Fails the operations that come while nobody knows what became of a batch. */
static void fail_waiting(struct committer *committer)
{
    struct batch waiting = {0};
    take_all_waiting(committer, &waiting);
    answer(committer, &waiting, false);
}

/* Asks until the fate of a COMMIT is known, or the committer stops: nobody may hear what is not true. */
static enum engine_commit find_out(struct committer *committer)
{
    const struct engine_transactions *transactions = transactions_of(committer->writer);
    enum engine_commit result = ENGINE_UNKNOWN;
    store_log("store: the answer to a COMMIT was lost: asking the database what became of it");
    while (result == ENGINE_UNKNOWN && !is_stopping(committer)) {
        result = transactions->find_out(committer->writer->reader);
        if (result == ENGINE_UNKNOWN)
            fail_waiting(committer);
    }
    store_log("store: the COMMIT %s", result == ENGINE_KEPT     ? "had been kept"
                                      : result == ENGINE_UNDONE ? "had not been kept"
                                                                : "stays unknown: the server is stopping");
    return result;
}

/* The log has no line of the runs that were undone. */
static void log_last_run(const struct store_writer *writer)
{
    struct fault fault;
    if (!transactions_of(writer)->say_why(writer->reader, "the transaction was undone each time", &fault))
        store_log("store: %s", fault.message);
}

static struct store_batch write_batch(struct committer *committer, struct batch *batch)
{
    const struct engine_transactions *transactions = transactions_of(committer->writer);
    enum engine_commit result;
    int64_t commit_us;
    int tries = 0;
    do {
        event_notes_cut(committer->writer->notes, 0);
        bool ran = run_batch(committer, batch);
        int64_t began_us = monotonic_us();
        result = ran ? transactions->commit(committer->writer->reader) : ENGINE_UNDONE;
        commit_us = monotonic_us() - began_us;
        if (result == ENGINE_UNKNOWN)
            result = find_out(committer);
    } while (result == ENGINE_UNDONE && runs_again(committer->writer, &tries));
    if (tries == TRANSACTION_TRIES)
        log_last_run(committer->writer);
    return (struct store_batch){batch->count, (size_t)tries, commit_us, result == ENGINE_KEPT};
}

static void run_from(struct committer *committer, struct store_operation *operation)
{
    struct batch batch = {.operations = {operation}, .count = 1, .began_ms = monotonic_ms()};
    const struct store_batch written = write_batch(committer, &batch);
    if (observe != NULL)
        observe(&written);
    if (!written.committed) {
        event_notes_cut(committer->writer->notes, 0);
        store_log("store: a batch of %zu operations could not be written", batch.count);
        end_undone(committer->writer);
    }
    atomic_store_explicit(&committer->failing, !written.committed, memory_order_relaxed);
    answer(committer, &batch, written.committed);
    event_notes_tell(committer->writer->notes);
    committer->look_after(committer->upkeep, committer->writer->reader);
}

static void beat_when_due(struct committer *committer)
{
    if (committer->heartbeat == NULL || monotonic_ms() < committer->next_beat_ms)
        return;
    committer->next_beat_ms = monotonic_ms() + GATEWAY_BEAT_MS;
    struct store_operation *beat = heartbeat_begin(committer->heartbeat);
    if (beat != NULL)
        committer_submit(committer, beat);
}

static void *committer_run(void *argument)
{
    struct committer *committer = argument;
    struct store_operation *operation;
    do {
        beat_when_due(committer);
        operation = take(committer, true);
        if (operation != NULL)
            run_from(committer, operation);
    } while (operation != NULL || !is_stopping(committer));
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

struct committer *committer_start(struct store_writer *writer,
                                  void (*look_after)(void *upkeep, struct store_reader *reader), void *upkeep,
                                  struct heartbeat *heartbeat, struct fault *fault)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (committer == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    committer->writer = writer;
    committer->look_after = look_after;
    committer->upkeep = upkeep;
    committer->heartbeat = heartbeat;
    committer->next_beat_ms = monotonic_ms() + GATEWAY_BEAT_MS;
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
