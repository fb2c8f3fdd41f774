/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's side of a copy. */
#include "store/sql/copy.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "store/sql/lock.h"
#include "store/sqlite/mark.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/session.h"

struct sqlite_side {
    struct copy_side side; /* first */
    const struct store_location *location;
    int lock;
    struct store_reader *reader; /* of a target: it writes, too */
    struct store_writer *writer; /* NULL: a source */
    sqlite3_stmt *selection;     /* NULL: none */
    const struct copy_table *table;
};

static struct sqlite_side *own_of(struct copy_side *side)
{
    return (struct sqlite_side *)side;
}

static sqlite3 *database(const struct sqlite_side *own)
{
    return database_of(own->reader);
}

static void end_selection(struct sqlite_side *own)
{
    sqlite3_finalize(own->selection);
    own->selection = NULL;
}

static void close_side(struct copy_side *side)
{
    struct sqlite_side *own = own_of(side);
    end_selection(own);
    if (own->writer != NULL)
        writer_close(own->writer);
    else
        store_reader_close(own->reader);
    if (own->lock >= 0)
        close(own->lock);
    free(own);
}

/* With the lock that a server takes. */
static struct sqlite_side *side_new(const struct store_location *location, struct fault *fault)
{
    struct sqlite_side *own = calloc(1, sizeof *own);
    if (own == NULL)
        end_without("memory");
    own->side = (struct copy_side){&sqlite_copy, location->text};
    own->location = location;
    own->lock = lock_take(location, fault);
    if (own->lock >= 0)
        return own;
    close_side(&own->side);
    return NULL;
}

static struct copy_side *opened(struct sqlite_side *own, bool good)
{
    if (own == NULL || good)
        return own != NULL ? &own->side : NULL;
    close_side(&own->side);
    return NULL;
}

/* ---- a source ---- */

/* The work that such a database had in progress may be over: a server ends it when it starts, and a copy
 * would carry it on. A back-up elsewhere has no mark beside it. */
static bool is_as_served(struct sqlite_side *own, struct fault *fault)
{
    const char *path = sqlite_path(own->location);
    struct marked_database facts = {.schema = store_migrations.count};
    struct mark mark;
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s.mark", path) >= PATH_MAX || access(name, F_OK) != 0)
        return true;
    if (!mark_open(&mark, path, fault))
        return false;
    bool read = reader_newest_event(own->reader, INT64_MAX, &facts.newest_event) &&
                reader_newest_event(own->reader, mark.newest_event, &facts.newest_by_mark);
    const char *contradiction = read ? mark_contradiction(&mark, &facts) : NULL;
    mark_close(&mark);
    if (!read)
        return database_error(database(own), path, fault);
    return contradiction == NULL ||
           fault_set(fault,
                     "%s was restored from a copy (%s), and no server has started on it since: start one, "
                     "which ends the orders in processing, stop it, then copy",
                     path, contradiction);
}

/* No command writes meanwhile: what it wrote would be in the source alone. Nor does this connection. */
static const char reading[] = "PRAGMA query_only = OFF; BEGIN IMMEDIATE; PRAGMA query_only = ON";

static struct copy_side *open_source(const struct store_location *location, struct fault *fault)
{
    struct store_reader *reader = sqlite_open_to_check(location, fault);
    store_reader_close(reader);
    if (reader == NULL || !sqlite_place_is_usable(location, fault))
        return NULL;
    struct sqlite_side *own = side_new(location, fault);
    if (own != NULL)
        own->reader = sqlite_open_to_check(location, fault);
    return opened(own, own != NULL && own->reader != NULL && is_as_served(own, fault) &&
                           database_execute(database(own), reading, fault));
}

/* ---- a target ---- */

/* Indexes grow at random places: a server's cache of a megabyte would be written out and read again all the
 * time. A server that has found the database empty has left its name. */
static const char filling[] = "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536; BEGIN IMMEDIATE;"
                              "DELETE FROM gateways";

static bool prepare_target(struct sqlite_side *own, struct fault *fault)
{
    const char *path = sqlite_path(own->location);
    if (sqlite_was_lost(own->location, fault) || !sqlite_make_where_none(own->location, fault))
        return false;
    own->writer = writer_open(path, fault);
    if (own->writer == NULL)
        return false;
    own->reader = own->writer->reader;
    return migrate_expect_current(database(own), path, &store_migrations, fault) &&
           database_use_wal(database(own), path, fault) && database_execute(database(own), filling, fault);
}

static struct copy_side *open_target(const struct store_location *location, struct fault *fault)
{
    if (!sqlite_place_is_usable(location, fault))
        return NULL;
    struct sqlite_side *own = side_new(location, fault);
    return opened(own, own != NULL && prepare_target(own, fault));
}

/* ---- the schema ---- */

static bool read_schema(struct copy_side *side, struct arena *arena, struct copy_schema *out,
                        struct fault *fault)
{
    static const char *const types[] = {
        [ENGINE_INTEGER] = "INTEGER", [ENGINE_TEXT] = "TEXT", [ENGINE_BLOB] = "BLOB"};
    static const char sql[] =
        "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY t.name, c.cid";
    sqlite3 *db = database(own_of(side));
    sqlite3_stmt *rows = NULL;
    int step = sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK ? SQLITE_ROW : SQLITE_ERROR;
    while (step == SQLITE_ROW && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        const struct copy_found found = {
            (const char *)sqlite3_column_text(rows, 0), (const char *)sqlite3_column_text(rows, 1),
            (const char *)sqlite3_column_text(rows, 2), (size_t)sqlite3_column_int(rows, 3)};
        copy_add_column(arena, out, &found, types);
    }
    bool read = step == SQLITE_DONE || database_error(db, "its schema", fault);
    sqlite3_finalize(rows);
    return read;
}

/* ---- rows ---- */

static bool select_rows(struct copy_side *side, const struct copy_table *table, struct fault *fault)
{
    struct sqlite_side *own = own_of(side);
    struct arena *arena = arena_new();
    end_selection(own);
    own->table = table;
    bool good = sqlite3_prepare_v2(database(own), copy_selection(arena, table), -1, &own->selection, NULL) ==
                    SQLITE_OK ||
                database_error(database(own), table->name, fault);
    arena_free(arena);
    return good;
}

static enum store_result fetch(struct copy_side *side, struct copy_value *row, struct fault *fault)
{
    struct sqlite_side *own = own_of(side);
    int step = sqlite3_step(own->selection);
    if (step == SQLITE_DONE) {
        end_selection(own);
        return STORE_NOT_FOUND;
    }
    for (size_t i = 0; step == SQLITE_ROW && i < own->table->column_count; i++) {
        int column = (int)i;
        row[i] = (struct copy_value){.is_null = sqlite3_column_type(own->selection, column) == SQLITE_NULL};
        if (own->table->columns[i].type == ENGINE_INTEGER) {
            row[i].integer = sqlite3_column_int64(own->selection, column);
        } else {
            const void *p = sqlite3_column_blob(own->selection, column);
            row[i].octets = bytes_of(p, (size_t)sqlite3_column_bytes(own->selection, column));
            if (p == NULL && row[i].octets.n != 0)
                step = SQLITE_NOMEM;
        }
    }
    if (step == SQLITE_ROW)
        return STORE_OK;
    database_error(database(own), own->table->name, fault);
    return STORE_FAILED;
}

/* Without octets, a pointer would make a text or a blob NULL. */
static bool bind(sqlite3_stmt *insertion, int parameter, enum engine_type type,
                 const struct copy_value *value)
{
    const void *p = value->octets.n != 0 ? (const void *)value->octets.p : "";
    if (value->is_null)
        return sqlite3_bind_null(insertion, parameter) == SQLITE_OK;
    if (type == ENGINE_INTEGER)
        return sqlite3_bind_int64(insertion, parameter, value->integer) == SQLITE_OK;
    if (type == ENGINE_BLOB)
        return sqlite3_bind_blob64(insertion, parameter, p, value->octets.n, SQLITE_STATIC) == SQLITE_OK;
    return sqlite3_bind_text64(insertion, parameter, p, value->octets.n, SQLITE_STATIC, SQLITE_UTF8) ==
           SQLITE_OK;
}

static bool insert(sqlite3_stmt *insertion, const struct copy_table *table, const struct copy_value *row)
{
    bool good = true;
    for (size_t i = 0; good && i < table->column_count; i++)
        good = bind(insertion, (int)i + 1, table->columns[i].type, &row[i]);
    return good && sqlite3_step(insertion) == SQLITE_DONE && sqlite3_reset(insertion) == SQLITE_OK;
}

static sqlite3_stmt *prepare_insertion(struct sqlite_side *own, const struct copy_table *table,
                                       struct arena *arena, struct fault *fault)
{
    sqlite3_stmt *insertion = NULL;
    const char *values = "?";
    for (size_t i = 1; i < table->column_count; i++)
        values = arena_printf(arena, "%s, ?", values);
    const char *sql = arena_printf(arena, "INSERT INTO \"%s\" (%s) VALUES (%s)", table->name,
                                   copy_column_names(arena, table), values);
    if (sqlite3_prepare_v2(database(own), sql, -1, &insertion, NULL) != SQLITE_OK)
        database_error(database(own), table->name, fault);
    return insertion;
}

static bool insert_all(struct sqlite_side *own, sqlite3_stmt *insertion, const struct copy_table *table,
                       struct copy_side *from, struct fault *fault)
{
    struct arena *arena = arena_new();
    struct copy_value *row = copy_row_new(arena, table);
    enum store_result result;
    while ((result = from->engine->fetch(from, row, fault)) == STORE_OK) {
        if (insert(insertion, table, row))
            continue;
        database_error(database(own), own->side.text, fault);
        fault_prefix(fault, "%s cannot be inserted: ", copy_row_name(arena, table, row));
        break;
    }
    if (result == STORE_FAILED)
        fault_prefix(fault, "%s: ", from->text);
    arena_free(arena);
    return result == STORE_NOT_FOUND;
}

static bool fill(struct copy_side *side, const struct copy_table *table, struct copy_side *from,
                 struct fault *fault)
{
    struct sqlite_side *own = own_of(side);
    struct arena *arena = arena_new();
    end_selection(own);
    sqlite3_stmt *insertion = prepare_insertion(own, table, arena, fault);
    bool filled = insertion != NULL && insert_all(own, insertion, table, from, fault);
    sqlite3_finalize(insertion);
    arena_free(arena);
    return filled;
}

/* ---- the end ---- */

static bool check_references(struct sqlite_side *own, struct fault *fault)
{
    int64_t count;
    return database_integer(database(own), "SELECT count(*) FROM pragma_foreign_key_check", &count, fault) &&
           (count == 0 ||
            fault_set(fault,
                      "%lld references are to rows that are missing: 'acmegate db check' of the source "
                      "lists them",
                      (long long)count));
}

/* The mark is this database's from now on, so that the first start takes it for no restored copy. It is never
 * ahead of the database: it is written behind COMMIT. */
static bool commit_and_mark(struct sqlite_side *own, struct mark *mark, struct fault *fault)
{
    int64_t newest_event;
    if (!reader_newest_event(own->reader, INT64_MAX, &newest_event))
        return database_error(database(own), "its events", fault);
    if (!database_execute(database(own), "COMMIT", fault))
        return false;
    mark_write(mark, newest_event);
    sqlite3_wal_checkpoint_v2(database(own), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return true;
}

static bool keep(struct copy_side *side, struct fault *fault)
{
    struct sqlite_side *own = own_of(side);
    const char *path = sqlite_path(own->location);
    struct mark mark;
    end_selection(own);
    if (!check_references(own, fault) || !mark_open(&mark, path, fault))
        return false;
    bool kept = file_sync_directory_of(path) ||
                fault_set(fault, "its folder cannot be written to the disk: %s", strerror(errno));
    kept = kept && commit_and_mark(own, &mark, fault);
    mark_close(&mark);
    return kept;
}

const struct engine_copy sqlite_copy = {
    .open_source = open_source,
    .open_target = open_target,
    .read_schema = read_schema,
    .select = select_rows,
    .fetch = fetch,
    .fill = fill,
    .keep = keep,
    .close = close_side,
};
