/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are made anew when they are lost. */
#include "store/postgresql/session.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "acme/base/monotonic.h"
#include "store/postgresql/migrate.h"

enum { RECONNECT_PAUSE_MS = 100, SQL_BYTES = 2048, LOOKS_MAX = 8 };

/* The server ends a statement, and a transaction that nobody goes on with, before ANSWER_MS: a lost
 * connection keeps its locks no longer. A COMMIT is on the disk. */
const char postgresql_settings[] =
    "SET statement_timeout = 10000; SET lock_timeout = 5000;"
    "SET idle_in_transaction_session_timeout = 10000;"
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = 10000;"
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = "
    "'off'";

static PGconn *connect_ready(const struct postgresql_location *location, struct fault *fault)
{
    const char *name = location->location.text;
    PGconn *connection = postgresql_connect(location, fault);
    if (connection == NULL)
        return NULL;
    if (postgresql_execute(connection, postgresql_settings, name, fault) &&
        schema_expect_current(connection, name, fault))
        return connection;
    PQfinish(connection);
    return NULL;
}

/* ---- the gateway's row ---- */

enum { ROW_TRIES = 5 };

static bool is_first(const struct postgresql_gateway *gateway)
{
    return gateway->fence == 0;
}

/* Makes the row where there is none: its id names the lock. */
static bool find_row(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                     struct fault *fault)
{
    const char *gateway_name = gateway_identity()->name;
    char sql[SQL_BYTES];
    char *literal = PQescapeLiteral(connection, gateway_name, strlen(gateway_name));
    int n = literal == NULL
                ? -1
                : snprintf(sql, sizeof sql,
                           "INSERT INTO gateways (name, version, started_at, seen_at)"
                           " VALUES (%s, '', unixepoch(), unixepoch()) ON CONFLICT (name) DO NOTHING;"
                           " SELECT id FROM gateways WHERE name = %s",
                           literal, literal);
    PQfreemem(literal);
    if (n >= 0 && n < SQL_BYTES)
        return postgresql_integer(connection, sql, name, &gateway->id, fault);
    return fault_set(fault, "%s: %s: its name cannot be used: %s", name, gateway_name,
                     PQerrorMessage(connection));
}

/* The number is the lowest that is free. Another gateway that starts may take it first: the index says so. */
#define NUMBER \
    "(SELECT min(n) FROM generate_series(1, %d) AS n WHERE NOT EXISTS (SELECT 1 FROM gateways AS other" \
    " WHERE other.state = 'serving' AND other.number = n AND other.id <> gateways.id))"

static char *begin_statement(PGconn *connection, const struct postgresql_gateway *gateway,
                             char out[static SQL_BYTES])
{
    const char *version = gateway_identity()->version;
    char *literal = PQescapeLiteral(connection, version, strlen(version));
    if (literal == NULL)
        return NULL;
    snprintf(out, SQL_BYTES,
             "UPDATE gateways SET version = %s, started_at = unixepoch(), seen_at = unixepoch(),"
             " fence = fence + 1, state = 'serving', number = " NUMBER " WHERE id = %" PRId64 " AND " NUMBER
             " IS NOT NULL RETURNING fence, batch, started_at, number",
             literal, STORE_GATEWAYS_MAX, gateway->id, STORE_GATEWAYS_MAX);
    PQfreemem(literal);
    return out;
}

/* No row: another process has served under this name, or has taken this one's work over, or the row is
 * missing. */
static char *continue_statement(const struct postgresql_gateway *gateway, char out[static SQL_BYTES])
{
    snprintf(out, SQL_BYTES,
             "UPDATE gateways SET fence = fence + 1, seen_at = unixepoch() WHERE id = %" PRId64
             " AND state = 'serving' AND started_at = %" PRId64 " RETURNING fence, batch, started_at, number",
             gateway->id, gateway->started_at);
    return out;
}

static int64_t number_in(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* Raises the fence. It waits for the end of a transaction that an earlier connection of this gateway has
 * open. False in *is_there: the statement found no row. */
static bool raise_fence(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                        bool *is_there, struct fault *fault)
{
    char sql[SQL_BYTES];
    const char *statement =
        is_first(gateway) ? begin_statement(connection, gateway, sql) : continue_statement(gateway, sql);
    if (statement == NULL)
        return fault_set(fault, "%s: %s", name, PQerrorMessage(connection));
    PGresult *result = postgresql_run(connection, statement, name, fault);
    if (result == NULL)
        return false;
    *is_there = PQntuples(result) == 1 && PQnfields(result) == 4;
    if (*is_there) {
        gateway->fence = number_in(result, 0);
        gateway->row = number_in(result, 1);
        gateway->started_at = number_in(result, 2);
        gateway->number = (unsigned)number_in(result, 3);
    }
    PQclear(result);
    return true;
}

void session_end_replaced(const struct postgresql_reader *own)
{
    struct fault fault;
    (void)fault_set(&fault,
                    "%s: another gateway has taken this one's place, or an older copy of the database has: "
                    "this process ends, because its next start reads everything anew",
                    own->location->location.text);
    store_log("store: %s", fault.message);
    _exit(EX_TEMPFAIL);
}

/* The lock of all comes first, then the gateway's own: one that does not get them changes no row. */
static enum serving_lock take_locks(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                                    struct fault *fault)
{
    enum serving_lock lock = serving_lock_share(connection, name, fault);
    if (lock != SERVING_LOCK_TAKEN)
        return lock;
    /* A migration may have had it until now. */
    if (!schema_expect_current(connection, name, fault))
        return SERVING_LOCK_FAILED;
    if (is_first(gateway) && !find_row(connection, gateway, name, fault))
        return SERVING_LOCK_FAILED;
    return serving_lock_take(connection, name, gateway->id, &gateway->session, fault);
}

static bool begin_row(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                      struct fault *fault)
{
    bool is_there = false;
    bool asked = false;
    for (int i = 0; !asked && i < ROW_TRIES; i++)
        asked = raise_fence(connection, gateway, name, &is_there, fault);
    if (asked && !is_there)
        fault_set(fault, "%s: %d gateways serve it, and no more can", name, STORE_GATEWAYS_MAX);
    if (is_there)
        gateway_set_row(gateway->id, gateway->number);
    return is_there;
}

static bool continue_row(struct postgresql_reader *own, PGconn *connection, struct fault *fault)
{
    struct postgresql_gateway *gateway = own->gateway;
    bool is_there = false;
    if (!raise_fence(connection, gateway, own->location->location.text, &is_there, fault))
        return false;
    if (!is_there)
        session_end_replaced(own);
    if (gateway->row < gateway->batch)
        store_log("store: the database lacks the last %" PRId64
                  " transactions that it had confirmed: a standby "
                  "that was behind has taken over",
                  gateway->batch - gateway->row);
    return true;
}

static bool take_row(struct postgresql_reader *own, PGconn *connection, struct fault *fault)
{
    struct postgresql_gateway *gateway = own->gateway;
    const char *name = own->location->location.text;
    enum serving_lock lock = take_locks(connection, gateway, name, fault);
    if (lock == SERVING_LOCK_HELD && !is_first(gateway))
        session_end_replaced(own);
    if (lock != SERVING_LOCK_TAKEN)
        return false;
    return is_first(gateway) ? begin_row(connection, gateway, name, fault)
                             : continue_row(own, connection, fault);
}

static bool stop_row(struct postgresql_reader *own)
{
    char sql[SQL_BYTES];
    snprintf(sql, sizeof sql, "UPDATE gateways SET state = 'stopped' WHERE id = %" PRId64, own->gateway->id);
    return postgresql_transactions.begin(&own->reader) && pipeline_send_words(own, sql) &&
           postgresql_transactions.commit(&own->reader) == ENGINE_KEPT;
}

void session_leave(struct postgresql_reader *own)
{
    if (own->connection == NULL || own->gateway == NULL)
        return;
    bool stopped = stop_row(own);
    for (int i = 1; !stopped && own->again && i < ROW_TRIES; i++) {
        postgresql_transactions.roll_back(&own->reader);
        stopped = stop_row(own);
    }
    if (!stopped)
        store_log("store: the database does not know that this gateway stops: %s", own->why);
}

/* ---- connections ---- */

static bool enter_pipeline(struct postgresql_reader *own, PGconn *connection, struct fault *fault)
{
    if (PQenterPipelineMode(connection) != 1)
        return fault_set(fault, "%s: %s", own->location->location.text, PQerrorMessage(connection));
    own->connection = connection;
    return true;
}

static bool reconnect(struct postgresql_reader *own, struct fault *fault)
{
    PGconn *connection = connect_ready(own->location, fault);
    if (connection == NULL)
        return false;
    if ((own->gateway == NULL || take_row(own, connection, fault)) && enter_pipeline(own, connection, fault))
        return true;
    PQfinish(connection);
    return false;
}

/* True when the server has ended it meanwhile. Without this look, a read of one moment would fail. */
static bool has_ended(PGconn *connection)
{
    struct pollfd look = {.fd = PQsocket(connection), .events = POLLIN};
    bool lives = true;
    for (int i = 0; lives && i < LOOKS_MAX && poll(&look, 1, 0) > 0; i++)
        lives = PQconsumeInput(connection) == 1;
    return !lives;
}

bool session_is_alive(struct postgresql_reader *own)
{
    struct fault fault;
    if (own->connection != NULL && has_ended(own->connection))
        session_lose(own, PQerrorMessage(own->connection));
    if (own->connection != NULL)
        return true;
    if (own->tried_ms != 0 && monotonic_ms() - own->tried_ms < RECONNECT_PAUSE_MS)
        return false;
    if (reconnect(own, &fault)) {
        own->tried_ms = 0;
        return true;
    }
    own->tried_ms = monotonic_ms();
    postgresql_words(fault.message, own->why);
    return false;
}

/* The next connection does not know the statement. */
static void forget(struct postgresql_statement *statement)
{
    statement->asked = false;
    for (int i = 0; i < FORMS; i++)
        statement->forms[i].on_server = false;
}

void session_lose(struct postgresql_reader *own, const char *why)
{
    if (why != own->why)
        postgresql_words(why, own->why);
    PQfinish(own->connection);
    own->connection = NULL;
    own->sent_count = 0;
    own->broken = own->is_open;
    own->again = own->is_open && !own->reads_moment;
    for (size_t group = 0; group < STATEMENT_GROUP_END; group++) {
        for (size_t i = 0; i < STATEMENTS_IN_GROUP_MAX; i++) {
            if (own->statements[group][i] != NULL)
                forget(own->statements[group][i]);
        }
    }
}

struct postgresql_reader *session_open(const struct store_location *location, bool serves,
                                       struct fault *fault)
{
    struct postgresql_reader *own = calloc(1, sizeof *own);
    if (own != NULL && serves)
        own->gateway = calloc(1, sizeof *own->gateway);
    if (own == NULL || (serves && own->gateway == NULL)) {
        fault_set(fault, "out of memory");
        free(own);
        return NULL;
    }
    own->reader = (struct store_reader){.engine = location->engine, .rows = &postgresql_rows};
    own->location = (const struct postgresql_location *)location;
    if (reconnect(own, fault))
        return own;
    session_close(own);
    return NULL;
}

void session_close(struct postgresql_reader *own)
{
    PQfinish(own->connection);
    for (size_t group = 0; group < STATEMENT_GROUP_END; group++) {
        for (size_t i = 0; i < STATEMENTS_IN_GROUP_MAX; i++)
            statement_free(own->statements[group][i]);
    }
    free(own->gateway);
    free(own);
}
