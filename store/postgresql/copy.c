/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's side of a copy: its transaction and its schema. */
#include "store/postgresql/copy.h"

#include <stdlib.h>
#include <string.h>

#include "store/postgresql/migrate.h"
#include "store/postgresql/serving_lock.h"
#include "store/postgresql/session.h"

/* ---- asking ---- */

bool side_fail(const struct postgresql_side *own, struct fault *fault)
{
    char why[WHY_BYTES];
    postgresql_words(PQerrorMessage(own->connection), why);
    return fault_set(fault, "%s", why);
}

PGresult *side_ask(struct postgresql_side *own, const char *sql, struct fault *fault)
{
    PGresult *result = PQexec(own->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    side_fail(own, fault);
    PQclear(result);
    return NULL;
}

bool side_run(struct postgresql_side *own, const char *sql, struct fault *fault)
{
    PGresult *result = side_ask(own, sql, fault);
    PQclear(result);
    return result != NULL;
}

bool side_run_each(struct postgresql_side *own, const char *sql, struct fault *fault)
{
    PGresult *texts = side_ask(own, sql, fault);
    bool good = texts != NULL;
    for (int i = 0; good && i < PQntuples(texts); i++)
        good = side_run(own, PQgetvalue(texts, i, 0), fault);
    PQclear(texts);
    return good;
}

/* ---- opening ---- */

/* Neither a role's limits nor the database's end a long copy; a lock of somebody else's does. */
static const char settings[] =
    "SET lock_timeout = 5000;"
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout',"
    " 'transaction_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout');"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'";

static void close_side(struct copy_side *side)
{
    struct postgresql_side *own = side_of(side);
    PQclear(own->page);
    PQclear(own->references);
    PQfinish(own->connection);
    free(own);
}

/* No command writes meanwhile: what it wrote would be in the source alone, or in the way. Each takes this
 * lock first, and the state that is read begins behind it. */
#define ALONE "; LOCK TABLE gateways IN EXCLUSIVE MODE"

static bool begin_source(struct postgresql_side *own, struct fault *fault)
{
    return schema_expect_current(own->connection, own->side.text, fault) &&
           side_run(own, "BEGIN ISOLATION LEVEL REPEATABLE READ" ALONE, fault);
}

/* A gateway that has found the database empty has left its name. */
static bool begin_target(struct postgresql_side *own, struct fault *fault)
{
    size_t version;
    return schema_read_version(own->connection, own->side.text, &version, fault) &&
           (version != 0 || schema_migrate(own->connection, own->side.text, NULL, fault)) &&
           schema_expect_current(own->connection, own->side.text, fault) &&
           side_run(own, "BEGIN" ALONE "; DELETE FROM gateways", fault);
}

/* With the lock that a server takes. */
static struct copy_side *open_side(const struct store_location *location,
                                   bool (*begin)(struct postgresql_side *own, struct fault *fault),
                                   struct fault *fault)
{
    struct postgresql_side *own = calloc(1, sizeof *own);
    if (own == NULL)
        end_without("memory");
    own->side = (struct copy_side){&postgresql_copy, location->text};
    own->connection = postgresql_connect((const struct postgresql_location *)location, fault);
    if (own->connection != NULL &&
        serving_lock_take_alone(own->connection, location->text, fault) == SERVING_LOCK_TAKEN &&
        side_run(own, settings, fault) && begin(own, fault))
        return &own->side;
    close_side(&own->side);
    return NULL;
}

static struct copy_side *open_source(const struct store_location *location, struct fault *fault)
{
    return open_side(location, begin_source, fault);
}

static struct copy_side *open_target(const struct store_location *location, struct fault *fault)
{
    return open_side(location, begin_target, fault);
}

/* ---- the schema ---- */

#define OWN_SCHEMA "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"

static bool read_schema(struct copy_side *side, struct arena *arena, struct copy_schema *out,
                        struct fault *fault)
{
    static const char *const types[] = {
        [ENGINE_INTEGER] = "bigint", [ENGINE_TEXT] = "text", [ENGINE_BLOB] = "bytea"};
    static const char sql[] =
        "SELECT c.relname, a.attname, format_type(a.atttypid, NULL),"
        " coalesce(array_position(k.conkey, a.attnum), 0)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = " OWN_SCHEMA
        " ORDER BY c.relname COLLATE \"C\", a.attnum";
    PGresult *rows = side_ask(side_of(side), sql, fault);
    for (int i = 0; rows != NULL && i < PQntuples(rows); i++) {
        const struct copy_found found = {PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
                                         PQgetvalue(rows, i, 2),
                                         (size_t)strtoul(PQgetvalue(rows, i, 3), NULL, 10)};
        copy_add_column(arena, out, &found, types);
    }
    PQclear(rows);
    return rows != NULL;
}

bool side_set_references_aside(struct postgresql_side *own, struct fault *fault)
{
    if (own->references != NULL)
        return true;
    own->references =
        side_ask(own,
                 "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),"
                 " format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,"
                 " pg_get_constraintdef(oid))"
                 " FROM pg_constraint WHERE contype = 'f' AND connamespace = " OWN_SCHEMA " ORDER BY oid",
                 fault);
    bool good = own->references != NULL;
    for (int i = 0; good && i < PQntuples(own->references); i++)
        good = side_run(own, PQgetvalue(own->references, i, 0), fault);
    return good;
}

/* ---- the end ---- */

static bool restore_references(struct postgresql_side *own, struct fault *fault)
{
    bool good = true;
    for (int i = 0; good && own->references != NULL && i < PQntuples(own->references); i++)
        good = side_run(own, PQgetvalue(own->references, i, 1), fault);
    if (!good)
        fault_prefix(fault, "rows refer to others, and these must be there ('acmegate db check' of the "
                            "source lists those that are "
                            "not): ");
    return good;
}

/* Numbers that the database gives. */
static bool continue_identities(struct postgresql_side *own, struct fault *fault)
{
    return side_run_each(
        own,
        "SELECT format('SELECT setval(pg_get_serial_sequence(%L, %L), coalesce(max(%I), 1), max(%I) IS NOT "
        "NULL)"
        " FROM %s', a.attrelid::regclass, a.attname, a.attname, a.attname, a.attrelid::regclass)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attidentity <> '' AND c.relnamespace = " OWN_SCHEMA,
        fault);
}

/* The order of joins rests on statistics, and the database would gather them only later. */
static bool gather_statistics(struct postgresql_side *own, struct fault *fault)
{
    return side_run_each(own,
                         "SELECT format('ANALYZE %s', oid::regclass) FROM pg_class WHERE relkind = 'r'"
                         " AND relnamespace = " OWN_SCHEMA,
                         fault);
}

static bool commit(struct postgresql_side *own, struct fault *fault)
{
    bool kept = side_run(own, "COMMIT", fault);
    if (!kept && PQstatus(own->connection) == CONNECTION_BAD)
        fault_prefix(fault,
                     "the connection was lost at the end: if the same command finds rows there now, the "
                     "copy is complete: ");
    return kept;
}

static bool keep(struct copy_side *side, struct fault *fault)
{
    struct postgresql_side *own = side_of(side);
    return side_end_selection(own, fault) && restore_references(own, fault) &&
           continue_identities(own, fault) && gather_statistics(own, fault) && commit(own, fault);
}

const struct engine_copy postgresql_copy = {
    .open_source = open_source,
    .open_target = open_target,
    .read_schema = read_schema,
    .select = side_select,
    .fetch = side_fetch,
    .fill = side_fill,
    .keep = keep,
    .close = close_side,
};
