/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are made anew when they are lost. */
#include "store/postgresql/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/monotonic.h"
#include "store/postgresql/migrate.h"
#include "store/postgresql/serving_lock.h"

enum { RECONNECT_PAUSE_MS = 100, SQL_BYTES = 1024 };

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
    " RETURNING id, fence, batch"
#define AT_START ", version = excluded.version, started_at = excluded.started_at"

static bool read_row(PGconn *connection, struct postgresql_gateway *gateway, const char *name,
                     struct fault *fault)
{
    const struct gateway_identity identity = gateway_identity();
    char *literal = PQescapeLiteral(connection, identity.name, strlen(identity.name));
    char *version = PQescapeLiteral(connection, identity.version, strlen(identity.version));
    char sql[SQL_BYTES];
    int n = literal == NULL || version == NULL ? -1
                                               : snprintf(sql, sizeof sql, ROW_STATEMENT, literal, version,
                                                          gateway->backend == 0 ? AT_START : "");
    PQfreemem(literal);
    PQfreemem(version);
    if (n < 0 || n >= SQL_BYTES)
        return fault_set(fault, "%s: %s: its name cannot be used: %s", name, identity.name,
                         PQerrorMessage(connection));
    PGresult *result = postgresql_run(connection, sql, name, fault);
    if (result == NULL)
        return false;
    gateway->id = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    gateway->fence = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    gateway->row = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    PQclear(result);
    return true;
}

/* The row waits for the end of a transaction that an earlier connection of this gateway has open. */
static bool take_row(struct postgresql_reader *own, PGconn *connection, struct fault *fault)
{
    struct postgresql_gateway *gateway = own->gateway;
    if (!read_row(connection, gateway, own->location->location.text, fault))
        return false;
    if (gateway->backend != 0 && gateway->row < gateway->batch)
        store_log("store: the database lacks the last %" PRId64
                  " transactions that it had confirmed: a standby "
                  "that was behind has taken over",
                  gateway->batch - gateway->row);
    if (!serving_lock_take(connection, own->location->location.text, gateway->backend, fault))
        return false;
    gateway->backend = PQbackendPID(connection);
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

bool session_is_alive(struct postgresql_reader *own)
{
    struct fault fault;
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
    own->broken = own->again = own->is_open;
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
