/* SPDX-License-Identifier: Apache-2.0 */
/* What gateways tell each other, past lost connections and strangers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "database.h"
#include "store/channel.h"
#include "writes.h"

LEAK_CHECKED_SUITE(postgresql_channel);

static struct database database;

/* ---- an ear: what one channel has heard ---- */

enum { HEARD_MAX = 4096 };

struct ear {
    struct store_channel *channel;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held; /* it keeps the channel's thread waiting */
    size_t holding;
    size_t missed, count;
    char *messages[HEARD_MAX];
};

static void wait_while_held(struct ear *ear)
{
    ear->holding++;
    pthread_cond_broadcast(&ear->changed);
    while (ear->is_held)
        pthread_cond_wait(&ear->changed, &ear->lock);
}

static void note_heard(void *context, const char *message)
{
    struct ear *ear = context;
    pthread_mutex_lock(&ear->lock);
    if (ear->count < HEARD_MAX)
        ear->messages[ear->count++] = strdup(message);
    wait_while_held(ear);
    pthread_mutex_unlock(&ear->lock);
}

static void note_missed(void *context)
{
    struct ear *ear = context;
    pthread_mutex_lock(&ear->lock);
    ear->missed++;
    pthread_cond_broadcast(&ear->changed);
    pthread_mutex_unlock(&ear->lock);
}

static void ear_open(struct ear *ear)
{
    struct fault fault;
    *ear = (struct ear){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    const struct store_channel_parts parts = {note_heard, note_missed, ear};
    ear->channel = store_channel_open(database.location, &parts, &fault);
    cr_assert_not_null(ear->channel, "%s", fault.message);
}

static void ear_close(struct ear *ear)
{
    store_channel_close(ear->channel);
    for (size_t i = 0; i < ear->count; i++)
        free(ear->messages[i]);
}

static void ear_hold(struct ear *ear, bool hold)
{
    pthread_mutex_lock(&ear->lock);
    ear->is_held = hold;
    pthread_cond_broadcast(&ear->changed);
    pthread_mutex_unlock(&ear->lock);
}

/* Waits until each of these has happened at least so often. */
static void ear_await(struct ear *ear, size_t count, size_t missed, size_t holding)
{
    pthread_mutex_lock(&ear->lock);
    while (ear->count < count || ear->missed < missed || ear->holding < holding)
        pthread_cond_wait(&ear->changed, &ear->lock);
    pthread_mutex_unlock(&ear->lock);
}

static void ear_expect(struct ear *ear, size_t count, const char *const *messages)
{
    ear_await(ear, count, 0, 0);
    cr_expect_eq(ear->count, count);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(ear->messages[i], messages[i], "%zu", i);
}

static void begin(struct ear *first, struct ear *second)
{
    store_set_log(writes_hear);
    database_begin(&database);
    ear_open(first);
    ear_open(second);
}

static void end(struct ear *first, struct ear *second)
{
    ear_close(first);
    ear_close(second);
    database_end(&database);
}

static void end_sessions(void)
{
    database_run(&database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE usename = 'acmegate' AND datname = current_database()");
}

static const char away[] = "store: the channel between gateways is away: ";

/* Ends the sessions, and lets nobody connect again. A full queue refuses messages too, so the log comes
 * first. */
static void shut_out(struct ear *ear)
{
    database_run(&database,
                 arena_printf(database.arena, "ALTER DATABASE %s CONNECTION LIMIT 0", database.name));
    end_sessions();
    while (writes_heard(away) == 0 || store_channel_send(ear->channel, "into the void"))
        continue;
}

/* ---- messages ---- */

Test(postgresql_channel, each_gateway_hears_the_others_and_not_itself)
{
    struct ear first, second, third;
    begin(&first, &second);
    ear_open(&third);
    cr_expect(store_channel_exists(database.location));
    cr_expect(store_channel_send(first.channel, "one"));
    ear_expect(&second, 1, (const char *const[]){"one"});
    cr_expect(store_channel_send(second.channel, "two"));
    ear_expect(&first, 1, (const char *const[]){"two"});
    ear_expect(&third, 2, (const char *const[]){"one", "two"});
    cr_expect(store_channel_send(third.channel, "three"));
    ear_expect(&first, 2, (const char *const[]){"two", "three"});
    ear_expect(&second, 2, (const char *const[]){"one", "three"});
    cr_expect_eq(first.missed + second.missed + third.missed, 0);
    ear_close(&third);
    end(&first, &second);
}

/* Some of them share a statement, and some do not. */
Test(postgresql_channel, messages_keep_their_order_and_none_is_lost)
{
    enum { MANY = 2000 };
    struct ear first, second;
    begin(&first, &second);
    for (int i = 0; i < MANY; i++) {
        char message[STORE_CHANNEL_MESSAGE_MAX + 1];
        snprintf(message, sizeof message, "%d%0*d", i, i % 20, 0);
        cr_assert(store_channel_send(first.channel, message), "%d", i);
    }
    ear_await(&second, MANY, 0, 0);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(strncmp(second.messages[i], arena_printf(database.arena, "%d", i),
                             strlen(arena_printf(database.arena, "%d", i))),
                     0, "%d: %s", i, second.messages[i]);
    cr_expect_eq(second.missed, 0);
    end(&first, &second);
}

Test(postgresql_channel, the_same_message_twice_is_heard_twice)
{
    static const char *const same[] = {"same", "same", "same"};
    struct ear first, second;
    begin(&first, &second);
    for (size_t i = 0; i < 3; i++)
        cr_expect(store_channel_send(first.channel, same[i]));
    ear_expect(&second, 3, same);
    end(&first, &second);
}

Test(postgresql_channel, a_message_is_one_line_of_bounded_length)
{
    char text[STORE_CHANNEL_MESSAGE_MAX + 2];
    struct ear first, second;
    begin(&first, &second);
    memset(text, 'x', sizeof text);
    text[STORE_CHANNEL_MESSAGE_MAX + 1] = '\0';
    cr_expect_not(store_channel_send(first.channel, text));
    cr_expect_not(store_channel_send(first.channel, ""));
    cr_expect_not(store_channel_send(first.channel, "two\nlines"));
    text[STORE_CHANNEL_MESSAGE_MAX] = '\0';
    cr_expect(store_channel_send(first.channel, text));
    ear_expect(&second, 1, (const char *const[]){text});
    end(&first, &second);
}

Test(postgresql_channel, nothing_on_it_waits_for_the_disk)
{
    struct ear first, second;
    begin(&first, &second);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'acmegate'"
                                           " AND datname = current_database()"),
                 2, "a connection each");
    cr_expect_not_null(
        strstr(database_text(&database, "SELECT query FROM pg_stat_activity WHERE usename = 'acmegate'"
                                        " AND datname = current_database() LIMIT 1"),
               "SET synchronous_commit = off"));
    end(&first, &second);
}

/* ---- a full queue ---- */

Test(postgresql_channel, a_full_queue_takes_nothing_and_the_others_are_told)
{
    struct ear first, second;
    size_t taken = 0;
    begin(&first, &second);
    ear_hold(&first, true);
    cr_expect(store_channel_send(second.channel, "wait"));
    ear_await(&first, 1, 0, 1);
    while (store_channel_send(first.channel, "12345678901234567890123456789012345678901234567890"))
        taken++;
    cr_expect_eq(taken, STORE_CHANNEL_QUEUE_BYTES / 51);
    ear_hold(&first, false);
    ear_await(&second, taken, 1, 0);
    cr_expect_eq(second.count, taken);
    cr_expect_eq(second.missed, 1);
    cr_expect(store_channel_send(first.channel, "again"));
    ear_await(&second, taken + 1, 1, 0);
    cr_expect_str_eq(second.messages[taken], "again");
    cr_expect_eq(second.missed, 1);
    end(&first, &second);
}

/* ---- a lost connection ---- */

Test(postgresql_channel, a_lost_connection_comes_back_and_both_ends_are_told)
{
    struct ear first, second;
    begin(&first, &second);
    end_sessions();
    ear_await(&first, 0, 1, 0);
    ear_await(&second, 0, 1, 0);
    cr_expect(store_channel_send(first.channel, "back"));
    ear_await(&second, 1, 1, 0);
    cr_expect_str_eq(second.messages[0], "back");
    cr_expect_eq(writes_heard(away), 2, "%s", writes_heard_line(0));
    end(&first, &second);
}

Test(postgresql_channel, nothing_is_taken_while_it_is_away)
{
    struct ear first, second;
    begin(&first, &second);
    ear_close(&second);
    shut_out(&first);
    cr_expect_not(store_channel_send(first.channel, "away"));
    database_run(&database,
                 arena_printf(database.arena, "ALTER DATABASE %s CONNECTION LIMIT -1", database.name));
    ear_await(&first, 0, 1, 0);
    cr_expect(store_channel_send(first.channel, "back"));
    cr_expect_eq(writes_heard(away), 1, "%s", writes_heard_line(0));
    ear_close(&first);
    database_end(&database);
}

Test(postgresql_channel, a_stop_does_not_wait_for_the_database)
{
    struct ear first, second;
    begin(&first, &second);
    shut_out(&first);
    end(&first, &second);
}

Test(postgresql_channel, a_database_that_is_not_there_is_a_fault)
{
    struct fault fault;
    database_begin(&database);
    const struct store_location *nowhere = store_location_new(
        database.arena, arena_printf(database.arena, "host=%s user=acmegate dbname=nowhere",
                                     getenv("ACMEGATE_UNIT_POSTGRESQL")));
    const struct store_channel_parts parts = {note_heard, note_missed, NULL};
    cr_expect_null(store_channel_open(nowhere, &parts, &fault));
    cr_expect_not_null(strstr(fault.message, "database \"nowhere\" does not exist"), "%s", fault.message);
    database_end(&database);
}

/* ---- strangers ---- */

#define NAME "0123456789abcdef0123456789abcdef"

static const struct {
    const char *what, *payload;
    size_t heard, missed;
} strange[] = {
    {"nothing", "''", 0, 0},
    {"garbage", "'garbage'", 0, 0},
    {"line feeds", "E'\\n\\n\\n'", 0, 0},
    {"the longest", "repeat('x', 7999)", 0, 0},
    {"no messages", "'" NAME "'", 0, 0},
    {"empty messages", "E'" NAME "\\n\\n\\n'", 0, 0},
    {"a name that is too long", "E'" NAME "0\\nx'", 0, 0},
    {"a name that is too short", "E'0123\\nx'", 0, 0},
    {"another mark", "E'" NAME "?\\nx'", 0, 0},
    {"too much behind the mark", "E'" NAME "!!\\nx'", 0, 0},
    {"a message that is too long", "'" NAME "' || E'\\n' || repeat('x', 501)", 0, 0},
    {"a good one", "E'" NAME "\\nx'", 1, 0},
    {"its mark", "E'" NAME "!'", 0, 1},
    {"a message that is not ASCII", "E'" NAME "\\n\\u00e9\\u0001'", 1, 0},
    {"as many as fit", "'" NAME "' || repeat(E'\\nx', 3983)", 3983, 0},
};

Test(postgresql_channel, what_a_stranger_sends_harms_nothing)
{
    struct ear first, second;
    begin(&first, &second);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        size_t count = first.count, missed = first.missed;
        database_run(&database,
                     arena_printf(database.arena, "SELECT pg_notify('acmegate', %s)", strange[i].payload));
        cr_expect(store_channel_send(second.channel, "and"));
        ear_await(&first, count + strange[i].heard + 1, missed + strange[i].missed, 0);
        cr_expect_eq(first.count, count + strange[i].heard + 1, "%s: %zu", strange[i].what, first.count);
        cr_expect_eq(first.missed, missed + strange[i].missed, "%s", strange[i].what);
        cr_expect_str_eq(first.messages[first.count - 1], "and", "%s", strange[i].what);
    }
    cr_expect_null(writes_heard_line(0), "%s", writes_heard_line(0));
    end(&first, &second);
}

/* ---- SQLite ---- */

LEAK_CHECKED_SUITE(sqlite_channel);

Test(sqlite_channel, a_file_has_none)
{
    struct fault fault;
    database_begin(&database);
    const struct store_channel_parts parts = {note_heard, note_missed, NULL};
    cr_expect_not(store_channel_exists(database.location));
    cr_expect_null(store_channel_open(database.location, &parts, &fault));
    cr_expect_not_null(strstr(fault.message, "one gateway serves it at a time"), "%s", fault.message);
    store_channel_close(NULL);
    database_end(&database);
}
