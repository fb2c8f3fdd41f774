/* SPDX-License-Identifier: Apache-2.0 */
/* A plain connection: making one, and asking it one thing after the other. */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "acme/base/monotonic.h"
#include "store/postgresql/session.h"

enum {
    LEAST_VERSION = 150000,
    RESULTS_MAX = 64, /* of one answer */
    /* A server that takes longer is as good as gone. Its own limit is shorter, so that it says why. */
    ANSWER_MS = 15000,
    ANSWER_MAX_BYTES = 64 * 1024 * 1024, /* of one result, over the network */
};

void postgresql_words(const char *from, char out[static WHY_BYTES])
{
    size_t n = 0;
    bool gap = false;
    for (; *from != '\0' && n < WHY_BYTES - 2; from++) {
        bool white = *from == '\n' || *from == '\t' || *from == ' ';
        if (!white && gap && n > 0)
            out[n++] = ' ';
        gap = white;
        if (!white)
            out[n++] = *from;
    }
    out[n] = '\0';
}

/* True when there is something to read. */
static bool wait_for_answer(PGconn *connection, int64_t until_ms)
{
    struct pollfd wait = {.fd = PQsocket(connection), .events = POLLIN};
    for (;;) {
        int64_t left_ms = until_ms - monotonic_ms();
        int ready = left_ms <= 0 ? 0 : poll(&wait, 1, (int)left_ms);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* By this connection so far; 0 for one of this machine, which the kernel does not count. */
static uint64_t octets_received(const PGconn *connection)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    bool counted = getsockopt(PQsocket(connection), IPPROTO_TCP, TCP_INFO, &info, &n) == 0;
    return counted ? info.tcpi_bytes_received : 0;
}

/* Nobody has asked for them, and libpq keeps them all. */
static void drop_notifications(PGconn *connection)
{
    PGnotify *notification;
    while ((notification = PQnotifies(connection)) != NULL)
        PQfreemem(notification);
}

PGresult *postgresql_next_result(PGconn *connection, const char **lost)
{
    int64_t until_ms = monotonic_ms() + ANSWER_MS;
    uint64_t before = octets_received(connection);
    while (PQisBusy(connection) == 1) {
        if (!wait_for_answer(connection, until_ms)) {
            *lost = "the server does not answer";
            return NULL;
        }
        if (PQconsumeInput(connection) != 1)
            break; /* PQgetResult says why */
        drop_notifications(connection);
        if (octets_received(connection) > before + ANSWER_MAX_BYTES) {
            *lost = "the server's answer is larger than 64 MiB";
            return NULL;
        }
    }
    return PQgetResult(connection);
}

void postgresql_end_answer(PGconn *connection, const char **lost)
{
    PGresult *more;
    for (int i = 0; *lost == NULL && (more = postgresql_next_result(connection, lost)) != NULL; i++) {
        PQclear(more);
        if (i == RESULTS_MAX)
            *lost = "the server's answer does not end";
    }
}

static bool refuse(PGconn *connection, const char *name, const char *words, struct fault *fault)
{
    char why[WHY_BYTES];
    postgresql_words(words, why);
    PQfinish(connection);
    return fault_set(fault, "%s: %s", name, why);
}

static void drop_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

PGconn *postgresql_connect(const struct postgresql_location *location, struct fault *fault)
{
    const char *name = location->location.text;
    if (location->location.refusal != NULL) {
        fault_set(fault, "%s: %s", name, location->location.refusal);
        return NULL;
    }
    /* Those before dbname are defaults, which the operator's text overrides. A NULL is passed over. */
    const char *const parameters[][2] = {
        {"fallback_application_name", "acmegate"},
        {"connect_timeout", "5"},
        {"tcp_user_timeout", "10000"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"target_session_attrs", "read-write"},
        {"dbname", location->conninfo},
        {"password", location->password},
        {"client_encoding", "UTF8"},
        {NULL, NULL},
    };
    const char *keywords[sizeof parameters / sizeof *parameters],
        *values[sizeof parameters / sizeof *parameters];
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        keywords[i] = parameters[i][0];
        values[i] = parameters[i][1];
    }
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (connection == NULL) {
        fault_set(fault, "%s: out of memory", name);
        return NULL;
    }
    if (PQstatus(connection) != CONNECTION_OK) {
        refuse(connection, name, PQerrorMessage(connection), fault);
        return NULL;
    }
    if (PQserverVersion(connection) < LEAST_VERSION) {
        refuse(connection, name, "PostgreSQL 15 or newer is needed", fault);
        return NULL;
    }
    PQsetNoticeProcessor(connection, drop_notice, NULL);
    return connection;
}

/* Reads all results; returns the last one, or the first that failed. */
static PGresult *last_result(PGconn *connection, const char **lost)
{
    PGresult *kept = NULL, *next;
    for (int i = 0; *lost == NULL && (next = postgresql_next_result(connection, lost)) != NULL; i++) {
        bool failed = kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR;
        PQclear(failed ? next : kept);
        kept = failed ? kept : next;
        if (i == RESULTS_MAX)
            *lost = "the server's answer does not end";
    }
    return kept;
}

PGresult *postgresql_run(PGconn *connection, const char *sql, const char *name, struct fault *fault)
{
    const char *lost = NULL;
    char why[WHY_BYTES];
    PGresult *result = PQsendQuery(connection, sql) == 1 ? last_result(connection, &lost) : NULL;
    ExecStatusType status = PQresultStatus(result);
    if (lost == NULL && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK))
        return result;
    postgresql_words(lost != NULL ? lost : PQerrorMessage(connection), why);
    fault_set(fault, "%s: %s", name, why);
    PQclear(result);
    return NULL;
}

bool postgresql_execute(PGconn *connection, const char *sql, const char *name, struct fault *fault)
{
    PGresult *result = postgresql_run(connection, sql, name, fault);
    PQclear(result);
    return result != NULL;
}

bool postgresql_integer(PGconn *connection, const char *sql, const char *name, int64_t *out,
                        struct fault *fault)
{
    PGresult *result = postgresql_run(connection, sql, name, fault);
    if (result == NULL)
        return false;
    bool is_there = PQntuples(result) == 1 && PQnfields(result) >= 1;
    *out = is_there ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return is_there || fault_set(fault, "%s: a row is missing", name);
}
