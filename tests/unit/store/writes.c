/* SPDX-License-Identifier: Apache-2.0 */
#include "writes.h"
#include "store/events.h"
#include "store/orders.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t answered; /* operations that are done */

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

void writes_wait(size_t count)
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

void writes_submit(struct database *database, struct write *write)
{
    write->operation.apply = apply;
    write->operation.done = done;
    store_submit(database->store, &write->operation);
}

void writes_submit_at_gate(struct database *database, struct write *gate)
{
    gate->body = wait_at_gate;
    writes_submit(database, gate);
    pthread_mutex_lock(&mutex);
    while (!gate_reached)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

void writes_open_gate(void)
{
    pthread_mutex_lock(&mutex);
    gate_open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static enum store_result insert_event(struct write *write, struct store_writer *writer)
{
    struct event event = {.at = NOW, .type = EVENT_ORDER_CREATED, .actor = "test", .order_id = write->number};
    return store_event_insert(writer, &event);
}

enum store_apply_result write_insert(struct write *write, struct store_writer *writer)
{
    return insert_event(write, writer) == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

enum store_apply_result write_insert_and_refuse(struct write *write, struct store_writer *writer)
{
    return insert_event(write, writer) == STORE_OK ? STORE_DISCARD : STORE_APPLIED;
}

/* Its second statement breaks a rule of the schema, but it returns "keep". */
enum store_apply_result write_insert_and_fail(struct write *write, struct store_writer *writer)
{
    struct order order = {.account_id = 1, .profile = "default", .status = ORDER_PENDING, .created_at = NOW};
    cr_expect_eq(insert_event(write, writer), STORE_OK);
    enum store_result result = store_order_insert(writer, &order);
    cr_expect(result == STORE_FAILED || (result == STORE_OK && database_is_postgresql()));
    return STORE_APPLIED;
}

static char *big_text(void)
{
    char *text = calloc(1, 200001);
    memset(text, 'x', 200000);
    return text;
}

enum store_apply_result write_insert_big(struct write *write, struct store_writer *writer)
{
    char *text = big_text();
    struct event event = {
        .at = NOW, .type = EVENT_ORDER_CREATED, .actor = "test", .order_id = write->number, .detail = text};
    enum store_result result = store_event_insert(writer, &event);
    free(text);
    return result == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

enum store_apply_result write_limit_pages(struct write *write, struct store_writer *writer)
{
    (void)write;
    struct fault fault;
    int64_t pages = 0;
    cr_expect(database_integer(database_of(writer->reader), "PRAGMA page_count", &pages, &fault));
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + 3);
    cr_expect(database_execute(database_of(writer->reader), sql, &fault));
    return STORE_APPLIED;
}

enum store_apply_result write_lift_limit(struct write *write, struct store_writer *writer)
{
    (void)write;
    struct fault fault;
    cr_expect(database_execute(database_of(writer->reader), "PRAGMA max_page_count = 1000000", &fault));
    return STORE_APPLIED;
}

enum store_apply_result write_hurry(struct write *write, struct store_writer *writer)
{
    (void)write;
    sqlite3_busy_timeout(database_of(writer->reader), 1);
    return STORE_APPLIED;
}

int64_t writes_events_of(const struct database *database, int number)
{
    return database_count(
        database, arena_printf(database->arena, "SELECT count(*) FROM events WHERE order_id = %d", number));
}

void writes_keep_quiet(const char *message)
{
    (void)message;
}

static char heard[64][512];
static atomic_size_t heard_count;

void writes_hear(const char *message)
{
    if (heard_count < sizeof heard / sizeof *heard)
        snprintf(heard[heard_count++], sizeof heard[0], "%s", message);
}

size_t writes_heard(const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < heard_count; i++)
        count += strstr(heard[i], words) != NULL;
    return count;
}

const char *writes_heard_line(size_t index)
{
    return index < heard_count ? heard[index] : NULL;
}

void writes_forget_heard(void)
{
    heard_count = 0;
}

size_t writes_answered(void)
{
    pthread_mutex_lock(&mutex);
    size_t count = answered;
    pthread_mutex_unlock(&mutex);
    return count;
}
