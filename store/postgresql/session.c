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

enum { RECONNECT_PAUSE_MS = 100, SQL_BYTES = 1024, LOOKS_MAX = 8 };

/* The server ends a statement, and a transaction that nobody goes on with, before ANSWER_MS: a lost
 * connection keeps its locks no longer. A COMMIT is on the disk. */
static const char settings[] =
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
    if (postgresql_execute(connection, settings, name, fault) &&
        schema_expect_current(connection, name, fault))
        return connection;
    PQfinish(connection);
    return NULL;
}

/* ---- the gateway's row ---- */

/* With the name, the version, and what the process's first connection changes besides. */
#define ROW_STATEMENT \
    "INSERT INTO gateways (name, version, started_at, seen_at) VALUES (%s, %s, unixepoch(), unixepoch())" \
    " ON CONFLICT (name) DO UPDATE SET fence = gateways.fence + 1, seen_at = excluded.seen_at%s" \
    " RETURNING id, fence, batch, started_at," \
    " (SELECT count(*) + coalesce(sum(started_at), 0) FROM gateways AS other WHERE other.name <> " \
    "gateways.name)"
#define AT_START ", version = excluded.version, started_at = excluded.started_at"

static bool is_first(const struct postgresql_gateway *gateway)
{
    return gateway->id == 0;
}

static PGresult *raise_fence(PGconn *connection, const struct postgresql_gateway *gateway, const char *name,
                             struct fault *fault)
{
    const struct gateway_identity identity = gateway_identity();
    char *literal = PQescapeLiteral(connection, identity.name, strlen(identity.name));
    char *version = PQescapeLiteral(connection, identity.version, strlen(identity.version));
    char sql[SQL_BYTES];
    int n = literal == NULL || version == NULL ? -1
                                               : snprintf(sql, sizeof sql, ROW_STATEMENT, literal, version,
                                                          is_first(gateway) ? AT_START : "");
    PQfreemem(literal);
    PQfreemem(version);
    if (n >= 0 && n < SQL_BYTES)
        return postgresql_run(connection, sql, name, fault);
    fault_set(fault, "%s: %s: its name cannot be used: %s", name, identity.name, PQerrorMessage(connection));
    return NULL;
}

static int64_t number_in(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* It waits for the end of a transaction that an earlier connection of this gateway has open. */
static bool read_row(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                     struct fault *fault)
{
    PGresult *result = raise_fence(connection, gateway, name, fault);
    if (result == NULL)
        return false;
    bool is_there = PQntuples(result) == 1 && PQnfields(result) == 5;
    if (is_there) {
        gateway->id = number_in(result, 0);
        gateway->fence = number_in(result, 1);
        gateway->row = number_in(result, 2);
        gateway->started_at = number_in(result, 3);
        gateway->others = number_in(result, 4);
    }
    PQclear(result);
    return is_there || fault_set(fault, "%s: a row is missing", name);
}

void session_end_replaced(const struct postgresql_reader *own)
{
    struct fault fault;
    (void)fault_set(&fault,
                    "%s: another gateway has served it since, or an older copy of it has taken over: this "
                    "process ends, because its next start reads everything anew",
                    own->location->location.text);
    store_log("store: %s", fault.message);
    _exit(EX_TEMPFAIL);
}

/* Another gateway, or one of the same name, started; or the row is another one. */
static bool was_replaced(const struct postgresql_gateway *before, const struct postgresql_gateway *now)
{
    return !is_first(before) &&
           (now->id != before->id || now->started_at != before->started_at || now->others != before->others);
}

/* The lock comes first: a gateway that does not get it raises no fence. */
static bool take_row(struct postgresql_reader *own, PGconn *connection, struct fault *fault)
{
    struct postgresql_gateway *gateway = own->gateway;
    const char *name = own->location->location.text;
    enum serving_lock lock = serving_lock_take(connection, name, &gateway->session, fault);
    const struct postgresql_gateway before = *gateway;
    if (lock == SERVING_LOCK_HELD && !is_first(gateway))
        session_end_replaced(own);
    if (lock != SERVING_LOCK_TAKEN || !read_row(connection, gateway, name, fault))
        return false;
    if (was_replaced(&before, gateway))
        session_end_replaced(own);
    if (gateway->row < gateway->batch)
        store_log("store: the database lacks the last %" PRId64
                  " transactions that it had confirmed: a standby "
                  "that was behind has taken over",
                  gateway->batch - gateway->row);
    return true;
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
