/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgresql/migrate.h"

#include <stdio.h>

#include "store/postgresql/serving_lock.h"
#include "store/postgresql/session.h"
#include "store/sql/migration.h"

#include "postgresql_migrations_embedded.h"

/* The version that the first file of migrations/postgresql brings a new database to. */
enum { FIRST_VERSION = 12, LINE_BYTES = 512 };

enum {
    FILES = sizeof embedded_migrations / sizeof *embedded_migrations,
    VERSION = FIRST_VERSION + FILES - 1,
};

static bool read_row(PGconn *connection, const char *name, size_t *version, struct fault *fault)
{
    int64_t found;
    if (!postgresql_integer(connection, "SELECT version FROM schema_version", name, &found, fault))
        return false;
    if (found < FIRST_VERSION)
        return fault_set(fault,
                         "%s has schema %lld, and no acmegate wrote one below %d to PostgreSQL: the table "
                         "schema_version was changed by hand",
                         name, (long long)found, FIRST_VERSION);
    *version = (size_t)found;
    return *version <= VERSION ||
           fault_set(
               fault,
               "%s has schema %zu, and this acmegate knows schemas up to %d: a newer acmegate wrote it. "
               "Run that one",
               name, *version, VERSION);
}

bool schema_read_version(PGconn *connection, const char *name, size_t *version, struct fault *fault)
{
    int64_t tables;
    if (!postgresql_integer(
            connection,
            "SELECT coalesce(sum(CASE WHEN relname = 'schema_version' THEN -1000000 ELSE 1 END), 0)"
            " FROM pg_class WHERE relkind = 'r' AND relnamespace ="
            " (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
            name, &tables, fault))
        return false;
    if (tables > 0)
        return fault_set(fault,
                         "%s has tables, but not those of acmegate: it is left alone; make a database for "
                         "acmegate alone",
                         name);
    *version = 0;
    return tables == 0 || read_row(connection, name, version, fault);
}

bool schema_expect_current(PGconn *connection, const char *name, struct fault *fault)
{
    size_t version;
    if (!schema_read_version(connection, name, &version, fault))
        return false;
    if (version == VERSION)
        return true;
    if (version == 0)
        return fault_set(
            fault, "%s: there is no database; 'acmegate serve' and 'acmegate db migrate' create one", name);
    return fault_set(
        fault, "%s has schema %zu, and this acmegate needs schema %d: 'acmegate db migrate' takes it there",
        name, version, VERSION);
}

static bool apply_one(PGconn *connection, size_t index, const char *name, struct fault *fault)
{
    char sql[LINE_BYTES];
    snprintf(sql, sizeof sql, "UPDATE schema_version SET version = %zu", index + FIRST_VERSION);
    return postgresql_execute(connection, embedded_migrations[index].sql, embedded_migrations[index].name,
                              fault) &&
           postgresql_execute(connection, sql, name, fault);
}

/* In the transaction: another gateway may have been faster. */
static bool apply(PGconn *connection, const char *name, size_t *before, struct fault *fault)
{
    if (!postgresql_execute(connection, "SELECT pg_advisory_xact_lock(1633905767, 1835624306)", name,
                            fault) ||
        !schema_read_version(connection, name, before, fault))
        return false;
    /* Gateways of the older schema may serve it. */
    bool changes = *before != 0 && *before != VERSION;
    if (changes && !serving_lock_take_for_transaction(connection, name, fault))
        return false;
    size_t done = *before == 0 ? 0 : *before - FIRST_VERSION + 1;
    for (size_t i = done; i < FILES; i++) {
        if (!apply_one(connection, i, name, fault))
            return false;
    }
    return true;
}

static void tell(void (*report)(const char *line), const char *name, size_t before)
{
    char line[LINE_BYTES];
    if (report == NULL || before == VERSION)
        return;
    if (before == 0)
        snprintf(line, sizeof line, "made the tables of %s with schema %d", name, VERSION);
    else
        snprintf(line, sizeof line, "%s went from schema %zu to %d", name, before, VERSION);
    report(line);
}

bool schema_migrate(PGconn *connection, const char *name, void (*report)(const char *line),
                    struct fault *fault)
{
    size_t before;
    if (!postgresql_execute(connection, "BEGIN", name, fault) || !apply(connection, name, &before, fault) ||
        !postgresql_execute(connection, "COMMIT", name, fault))
        return false;
    tell(report, name, before);
    return true;
}
