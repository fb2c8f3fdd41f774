/* SPDX-License-Identifier: Apache-2.0 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shell.h"

/* Migrated once for all tests, which begin with a copy. */
#define TEMPLATE "acmegate_template"

static PGconn *open_shell(const char *name)
{
    const char *const keywords[] = {"host", "user", "dbname", NULL};
    const char *const values[] = {getenv("ACMEGATE_UNIT_POSTGRESQL"), "postgres", name, NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 0);
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    cr_assert_eq(PQsetClientEncoding(connection, "UTF8"), 0);
    return connection;
}

static PGresult *ask(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
              PQresultErrorMessage(result));
    return result;
}

static void tell(PGconn *connection, const char *sql)
{
    PQclear(ask(connection, sql));
}

static const char *address_of(struct arena *arena, const char *name)
{
    return arena_printf(arena, "host=%s user=acmegate dbname=%s", getenv("ACMEGATE_UNIT_POSTGRESQL"), name);
}

/* Made under another name first: a test that finds it may copy it. */
static void make_template(PGconn *connection)
{
    struct fault fault;
    struct arena *arena = arena_new();
    tell(connection, "CREATE DATABASE acmegate_new OWNER acmegate");
    const struct store_location *location = store_location_new(arena, address_of(arena, "acmegate_new"));
    cr_assert(store_migrate(location, NULL, &fault), "%s", fault.message);
    tell(connection, "ALTER DATABASE acmegate_new RENAME TO " TEMPLATE);
    arena_free(arena);
}

/* Each test is a process of its own: the first one makes the template, and the others wait. */
static void need_template(PGconn *connection)
{
    tell(connection, "SELECT pg_advisory_lock(1)");
    PGresult *found = ask(connection, "SELECT 1 FROM pg_database WHERE datname = '" TEMPLATE "'");
    if (PQntuples(found) == 0)
        make_template(connection);
    PQclear(found);
    tell(connection, "SELECT pg_advisory_unlock(1)");
}

static const char *begin(struct database *database)
{
    static unsigned count;
    PGconn *connection = open_shell("postgres");
    need_template(connection);
    snprintf(database->name, sizeof database->name, "test_%ld_%u", (long)getpid(), count++);
    tell(connection, arena_printf(database->arena, "CREATE DATABASE %s OWNER acmegate TEMPLATE " TEMPLATE,
                                  database->name));
    PQfinish(connection);
    return address_of(database->arena, database->name);
}

static void end(struct database *database)
{
    PGconn *connection = open_shell("postgres");
    tell(connection, arena_printf(database->arena, "DROP DATABASE %s WITH (FORCE)", database->name));
    PQfinish(connection);
}

static void run(const struct database *database, const char *sql)
{
    PGconn *connection = open_shell(database->name);
    tell(connection, sql);
    PQfinish(connection);
}

static const char *text_of(const struct database *database, const char *sql)
{
    PGconn *connection = open_shell(database->name);
    PGresult *result = ask(connection, sql);
    cr_assert_gt(PQntuples(result), 0, "%s: no row", sql);
    const char *copy = arena_duplicate(database->arena, PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(connection);
    return copy;
}

const struct shell postgresql_shell = {
    .begin = begin,
    .end = end,
    .run = run,
    .text = text_of,
};
