/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/file.h"
#include "shell.h"
#include "store/sqlite/mark.h"

static const char *begin(struct database *database)
{
    return database->path;
}

static void end(struct database *database)
{
    (void)database;
}

static struct {
    unsigned char *octets; /* NULL before the first database */
    size_t n;
} laid;

static void keep_laid(const char *path)
{
    sqlite3 *db;
    sqlite3_int64 n = 0;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    laid.octets = sqlite3_serialize(db, "main", &n, 0);
    laid.n = (size_t)n;
    cr_assert_not_null(laid.octets);
    sqlite3_close(db);
}

void database_lay(const char *path)
{
    struct fault fault;
    struct mark mark;
    if (laid.octets == NULL) {
        struct arena *arena = arena_new();
        cr_assert(store_migrate(store_location_new(arena, path), NULL, &fault), "%s", fault.message);
        arena_free(arena);
        keep_laid(path);
        return;
    }
    cr_assert(file_replace(path, bytes_of(laid.octets, laid.n), 0600));
    cr_assert(mark_open(&mark, path, &fault), "%s", fault.message);
    mark_write(&mark, 0);
    mark_close(&mark);
}

static sqlite3 *open_shell(const struct database *database)
{
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(database->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static void run(const struct database *database, const char *sql)
{
    sqlite3 *db = open_shell(database);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static const char *text_of(const struct database *database, const char *sql)
{
    sqlite3 *db = open_shell(database);
    sqlite3_stmt *prepared;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &prepared, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(prepared), SQLITE_ROW, "%s: no row", sql);
    const char *text = (const char *)sqlite3_column_text(prepared, 0);
    const char *copy = arena_duplicate(database->arena, text == NULL ? "" : text);
    sqlite3_finalize(prepared);
    sqlite3_close(db);
    return copy;
}

const struct shell sqlite_shell = {
    .begin = begin,
    .end = end,
    .run = run,
    .text = text_of,
};
