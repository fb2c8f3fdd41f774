/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread with a connection of its own. A notification's payload has a line that names the sender, then a
 * message a line. While one statement is on its way, messages wait for the next one: so there is one wait for
 * many. Behind the sender's name, LOST says that earlier messages of it were lost.
 */
#include "store/postgresql/channel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "acme/base/arena.h"
#include "acme/base/monotonic.h"
#include "acme/base/thread.h"
#include "store/postgresql/session.h"

enum {
    NAME_OCTETS = 32,
    PAYLOAD_MAX = 7999, /* octets; PostgreSQL takes no more */
    ANSWER_MS = 15000,  /* as for other connections */
};
_Static_assert(NAME_OCTETS + 2 + STORE_CHANNEL_MESSAGE_MAX <= PAYLOAD_MAX, "each message fits");

#define LOST '!'

struct channel {
    struct store_channel channel; /* first */
    const struct postgresql_location *location;
    struct store_channel_parts parts;
    char name[NAME_OCTETS];
    int bell; /* wakes the thread */
    pthread_t thread;

    pthread_mutex_t lock; /* protects the fields up to `queue` */
    bool is_away;
    bool stopping;
    bool lost; /* messages were lost since the last payload */
    size_t queued;
    char queue[STORE_CHANNEL_QUEUE_BYTES]; /* each message with a line feed behind it */

    /* the thread's own */
    PGconn *connection; /* NULL: away */
    bool is_sending;    /* a statement is on its way */
    int64_t until_ms;   /* its answer is awaited */
    bool told;          /* the log has the present trouble */
};

static bool is_stopping(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    bool stopping = channel->stopping;
    pthread_mutex_unlock(&channel->lock);
    return stopping;
}

static void ring(const struct channel *channel)
{
    eventfd_write(channel->bell, 1); /* fails only when it rings already */
}

/* ---- sending ---- */

static bool send_message(struct store_channel *base, const char *message)
{
    struct channel *channel = (struct channel *)base;
    size_t n = strlen(message);
    pthread_mutex_lock(&channel->lock);
    bool taken = !channel->is_away && channel->queued + n + 1 <= sizeof channel->queue;
    if (taken) {
        memcpy(channel->queue + channel->queued, message, n);
        channel->queue[channel->queued + n] = '\n';
        channel->queued += n + 1;
    } else {
        channel->lost = true;
    }
    pthread_mutex_unlock(&channel->lock);
    if (taken)
        ring(channel);
    return taken;
}

/* The octets of whole lines at the beginning that fit into `room`. */
static size_t lines_within(const char *lines, size_t n, size_t room)
{
    if (n <= room)
        return n;
    const char *last = memrchr(lines, '\n', room);
    return last == NULL ? 0 : (size_t)(last - lines) + 1;
}

/* False when there is nothing to send. */
static bool take_payload(struct channel *channel, char payload[static PAYLOAD_MAX + 1])
{
    size_t n = NAME_OCTETS;
    memcpy(payload, channel->name, n);
    pthread_mutex_lock(&channel->lock);
    bool wanted = channel->lost || channel->queued > 0;
    if (channel->lost)
        payload[n++] = LOST;
    channel->lost = false;
    payload[n++] = '\n';
    size_t taken = lines_within(channel->queue, channel->queued, PAYLOAD_MAX - n);
    memcpy(payload + n, channel->queue, taken);
    payload[n + taken] = '\0';
    channel->queued -= taken;
    memmove(channel->queue, channel->queue + taken, channel->queued);
    pthread_mutex_unlock(&channel->lock);
    return wanted;
}

static bool send_payload(struct channel *channel)
{
    char payload[PAYLOAD_MAX + 1];
    const char *const values[] = {payload};
    if (!take_payload(channel, payload))
        return true;
    channel->is_sending = true;
    channel->until_ms = monotonic_ms() + ANSWER_MS;
    return PQsendQueryParams(channel->connection, "SELECT pg_notify('acmegate', $1)", 1, NULL, values, NULL,
                             NULL, 0) == 1;
}

/* False when the statement failed: its messages are lost. */
static bool take_answer(struct channel *channel)
{
    bool good = true;
    while (good && channel->is_sending && PQisBusy(channel->connection) == 0) {
        PGresult *result = PQgetResult(channel->connection);
        channel->is_sending = result != NULL;
        good = result == NULL || PQresultStatus(result) == PGRES_TUPLES_OK;
        PQclear(result);
        if (!channel->is_sending)
            channel->told = false;
    }
    return good;
}

/* ---- hearing ---- */

static void hear_line(const struct channel *channel, const char *line, size_t n)
{
    char message[STORE_CHANNEL_MESSAGE_MAX + 1];
    if (n == 0 || n > STORE_CHANNEL_MESSAGE_MAX)
        return;
    memcpy(message, line, n);
    message[n] = '\0';
    channel->parts.heard(channel->parts.context, message);
}

/* Another session may have sent anything. */
static void hear(const struct channel *channel, const char *payload)
{
    size_t n = strcspn(payload, "\n");
    bool lost = n == NAME_OCTETS + 1 && payload[NAME_OCTETS] == LOST;
    if ((n != NAME_OCTETS && !lost) || memcmp(payload, channel->name, NAME_OCTETS) == 0)
        return;
    if (lost)
        channel->parts.missed(channel->parts.context);
    for (const char *line = payload + n; *line == '\n'; line += n) {
        line++;
        n = strcspn(line, "\n");
        hear_line(channel, line, n);
    }
}

static void hear_all(const struct channel *channel)
{
    PGnotify *notification;
    while ((notification = PQnotifies(channel->connection)) != NULL) {
        hear(channel, notification->extra);
        PQfreemem(notification);
    }
}

/* ---- the connection ---- */

/* A message need not survive a loss of power, so no wait for the disk. */
static const char listening[] = "SET synchronous_commit = off; SET idle_session_timeout = 0; LISTEN acmegate";

static PGconn *connect_channel(const struct channel *channel, struct fault *fault)
{
    const char *name = channel->location->location.text;
    PGconn *connection = postgresql_connect(channel->location, fault);
    if (connection == NULL)
        return NULL;
    if (postgresql_execute(connection, postgresql_settings, name, fault) &&
        postgresql_execute(connection, listening, name, fault) &&
        (PQsetnonblocking(connection, 1) == 0 ||
         fault_set(fault, "%s: %s", name, PQerrorMessage(connection))))
        return connection;
    PQfinish(connection);
    return NULL;
}

static void tell(struct channel *channel, const char *why)
{
    struct fault fault;
    if (channel->told)
        return;
    channel->told = true;
    (void)fault_set(&fault, "the channel between gateways is away: %s", why);
    store_log("store: %s", fault.message);
}

static void lose(struct channel *channel, const char *why)
{
    char words[WHY_BYTES];
    postgresql_words(why, words);
    tell(channel, words);
    PQfinish(channel->connection);
    channel->connection = NULL;
    channel->is_sending = false;
    pthread_mutex_lock(&channel->lock);
    channel->is_away = true;
    channel->lost = true;
    channel->queued = 0;
    pthread_mutex_unlock(&channel->lock);
}

/* Waits for the bell, and for the socket (-1: none) with these events. */
static void await(const struct channel *channel, int socket, short events, int64_t ms)
{
    eventfd_t count;
    struct pollfd wait[] = {{.fd = channel->bell, .events = POLLIN}, {.fd = socket, .events = events}};
    if (poll(wait, 2, (int)ms) > 0 && wait[0].revents != 0)
        (void)eventfd_read(channel->bell, &count);
}

static void connect_again(struct channel *channel)
{
    struct fault fault;
    await(channel, -1, 0, STORE_CHANNEL_PAUSE_MS);
    if (is_stopping(channel))
        return;
    channel->connection = connect_channel(channel, &fault);
    if (channel->connection == NULL) {
        tell(channel, fault.message);
        return;
    }
    pthread_mutex_lock(&channel->lock);
    channel->is_away = false;
    pthread_mutex_unlock(&channel->lock);
    channel->parts.missed(channel->parts.context);
}

/* One turn of a connection that lives. NULL, or why it is of no use any more. */
static const char *turn(struct channel *channel)
{
    PGconn *connection = channel->connection;
    if (!channel->is_sending && !send_payload(channel))
        return PQerrorMessage(connection);
    int unsent = PQflush(connection);
    int64_t left_ms = channel->until_ms - monotonic_ms();
    if (unsent < 0)
        return PQerrorMessage(connection);
    if (channel->is_sending && left_ms <= 0)
        return "the server does not answer";
    await(channel, PQsocket(connection), unsent > 0 ? POLLIN | POLLOUT : POLLIN,
          channel->is_sending ? left_ms : -1);
    if (PQconsumeInput(connection) != 1 || !take_answer(channel))
        return PQerrorMessage(connection);
    hear_all(channel);
    return NULL;
}

static void *run(void *argument)
{
    struct channel *channel = argument;
    while (!is_stopping(channel)) {
        const char *why = NULL;
        if (channel->connection == NULL)
            connect_again(channel);
        else if ((why = turn(channel)) != NULL)
            lose(channel, why);
    }
    return NULL;
}

/* ---- life ---- */

static void name_channel(struct channel *channel)
{
    unsigned char octets[NAME_OCTETS];
    if (getrandom(octets, sizeof octets, 0) != (ssize_t)sizeof octets)
        end_without("random octets");
    for (size_t i = 0; i < NAME_OCTETS; i++)
        channel->name[i] = "0123456789abcdef"[octets[i] & 15];
}

static void free_channel(struct channel *channel)
{
    PQfinish(channel->connection);
    if (channel->bell >= 0)
        close(channel->bell);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
}

static bool start(struct channel *channel, struct fault *fault)
{
    if (channel->bell < 0)
        return fault_set(fault, "no event descriptor for the channel between gateways: %s", strerror(errno));
    channel->connection = connect_channel(channel, fault);
    if (channel->connection == NULL)
        return false;
    int error = thread_start(&channel->thread, run, channel);
    return error == 0 || fault_set(fault, "no thread for the channel between gateways: %s", strerror(error));
}

static struct store_channel *open_channel(const struct store_location *location,
                                          const struct store_channel_parts *parts, struct fault *fault)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        end_without("memory");
    channel->channel.engine = &postgresql_channel;
    channel->location = (const struct postgresql_location *)location;
    channel->parts = *parts;
    channel->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&channel->lock, NULL);
    name_channel(channel);
    if (start(channel, fault))
        return &channel->channel;
    free_channel(channel);
    return NULL;
}

static void close_channel(struct store_channel *base)
{
    struct channel *channel = (struct channel *)base;
    pthread_mutex_lock(&channel->lock);
    channel->stopping = true;
    pthread_mutex_unlock(&channel->lock);
    ring(channel);
    pthread_join(channel->thread, NULL);
    free_channel(channel);
}

const struct engine_channel postgresql_channel = {
    .open = open_channel,
    .send = send_message,
    .close = close_channel,
};
