/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loads/readers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/thread.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log_gate.h"

static const size_t at_once[READERS_KINDS] = {
    [READERS_CLIENT] = READERS_FOR_CLIENTS, [READERS_OTHER] = READERS_FOR_OTHERS};

struct queue {
    struct readers_load *first, **last;
    size_t waiting, running;
};

struct readers {
    const struct store_location *location;
    pthread_t threads[READERS_COUNT];
    size_t thread_count;
    atomic_int_least64_t not_opened_at_ms; /* the last try that failed; 0: none */
    /* Loads have waited since then, and the database has answered none; 0: none waits. Written with the lock
     * held. */
    atomic_int_least64_t silent_since_ms;
    pthread_mutex_t lock; /* protects the fields below */
    pthread_cond_t changed;
    struct queue queues[READERS_KINDS];
    bool stopping;
};

/* A database that is away would fill the log. */
static struct log_gate not_opened_gate;

/* ---- the queues, with the lock held ---- */

/* NULL when nothing may begin. */
static struct readers_load *take(struct readers *readers, enum readers_for *kind)
{
    for (size_t i = 0; i < READERS_KINDS; i++) {
        struct queue *queue = &readers->queues[i];
        struct readers_load *load = queue->first;
        if (load == NULL || (queue->running >= at_once[i] && !readers->stopping))
            continue;
        if ((queue->first = load->next) == NULL)
            queue->last = &queue->first;
        queue->waiting--;
        queue->running++;
        *kind = (enum readers_for)i;
        return load;
    }
    return NULL;
}

static bool is_idle(const struct readers *readers)
{
    for (size_t i = 0; i < READERS_KINDS; i++)
        if (readers->queues[i].waiting + readers->queues[i].running != 0)
            return false;
    return true;
}

static void add(struct readers *readers, struct queue *queue, struct readers_load *load)
{
    load->next = NULL;
    *queue->last = load;
    queue->last = &load->next;
    queue->waiting++;
    if (atomic_load(&readers->silent_since_ms) == 0)
        atomic_store(&readers->silent_since_ms, clock_now_ms());
}

/* ---- a reader ---- */

/* Returns false when the thread is to end. */
static bool wait_for_load(struct readers *readers, struct readers_load **load, enum readers_for *kind,
                          bool *stopping)
{
    pthread_mutex_lock(&readers->lock);
    while ((*load = take(readers, kind)) == NULL && !readers->stopping)
        pthread_cond_wait(&readers->changed, &readers->lock);
    *stopping = readers->stopping;
    pthread_mutex_unlock(&readers->lock);
    return *load != NULL;
}

/* This thread itself takes what may begin now: nobody is woken. */
static void has_ended(struct readers *readers, enum readers_for kind, bool answered)
{
    pthread_mutex_lock(&readers->lock);
    readers->queues[kind].running--;
    if (answered)
        atomic_store(&readers->silent_since_ms, is_idle(readers) ? 0 : clock_now_ms());
    pthread_mutex_unlock(&readers->lock);
}

/* A database that is away may let each try wait. The loads behind a failure do not wait for one more. */
static bool may_open(const struct readers *readers)
{
    int64_t ago_ms = clock_now_ms() - atomic_load(&readers->not_opened_at_ms);
    return ago_ms < 0 || ago_ms >= READERS_PAUSE_MS;
}

static struct store_reader *open_reader(struct readers *readers)
{
    struct fault fault;
    if (!may_open(readers))
        return NULL;
    struct store_reader *reader = store_reader_open(readers->location, &fault);
    if (reader == NULL) {
        atomic_store(&readers->not_opened_at_ms, clock_now_ms());
        log_gate_write(&not_opened_gate, LOG_LEVEL_ERROR, "%s", fault.message);
    }
    return reader;
}

static void *reader_main(void *argument)
{
    struct readers *readers = argument;
    struct store_reader *reader = NULL;
    struct readers_load *load;
    enum readers_for kind;
    bool stopping;
    while (wait_for_load(readers, &load, &kind, &stopping)) {
        if (reader == NULL && !stopping)
            reader = open_reader(readers);
        bool loads = reader != NULL && !stopping;
        if (loads) {
            load->load(load, reader);
            store_read_ahead_end(reader);
        }
        if (reader != NULL && !store_reader_is_in_place(reader)) {
            store_reader_close(reader);
            reader = NULL;
        }
        has_ended(readers, kind, loads && reader != NULL);
        load->done(load, loads);
    }
    store_reader_close(reader);
    return NULL;
}

/* ---- all of them ---- */

struct readers *readers_new(const struct store_location *location, struct fault *fault)
{
    struct readers *readers = calloc(1, sizeof *readers);
    if (readers == NULL)
        end_without("memory");
    readers->location = location;
    for (size_t i = 0; i < READERS_KINDS; i++)
        readers->queues[i].last = &readers->queues[i].first;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->changed, NULL);
    for (; readers->thread_count < READERS_COUNT; readers->thread_count++) {
        int error = thread_start(&readers->threads[readers->thread_count], reader_main, readers);
        if (error == 0)
            continue;
        fault_set(fault, "no thread for reading the database: %s", strerror(error));
        readers_stop(readers);
        readers_free(readers);
        return NULL;
    }
    return readers;
}

bool readers_submit(struct readers *readers, enum readers_for kind, struct readers_load *load)
{
    struct queue *queue = &readers->queues[kind];
    pthread_mutex_lock(&readers->lock);
    bool taken = !readers->stopping && queue->waiting < READERS_WAITING_MAX;
    if (taken) {
        add(readers, queue, load);
        pthread_cond_signal(&readers->changed);
    }
    pthread_mutex_unlock(&readers->lock);
    return taken;
}

size_t readers_backlog(struct readers *readers, enum readers_for kind)
{
    if (readers == NULL)
        return 0;
    pthread_mutex_lock(&readers->lock);
    size_t count = readers->queues[kind].waiting + readers->queues[kind].running;
    pthread_mutex_unlock(&readers->lock);
    return count;
}

bool readers_answer(const struct readers *readers)
{
    int64_t since_ms = atomic_load(&readers->silent_since_ms);
    return since_ms == 0 || clock_now_ms() - since_ms < READERS_SILENT_MS;
}

void readers_stop(struct readers *readers)
{
    if (readers == NULL)
        return;
    pthread_mutex_lock(&readers->lock);
    readers->stopping = true;
    pthread_cond_broadcast(&readers->changed);
    pthread_mutex_unlock(&readers->lock);
    for (size_t i = 0; i < readers->thread_count; i++)
        pthread_join(readers->threads[i], NULL);
    readers->thread_count = 0;
}

void readers_free(struct readers *readers)
{
    if (readers == NULL)
        return;
    pthread_mutex_destroy(&readers->lock);
    pthread_cond_destroy(&readers->changed);
    free(readers);
}
