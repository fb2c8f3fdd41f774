/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's places and connections, private to store/sqlite/. */
#pragma once

#include <sqlite3.h>

#include "store/sql/engine.h"

struct sqlite_location {
    struct store_location location; /* first; its text is the file's path */
    const char *log_path;           /* of the write-ahead log */
};

static inline const char *sqlite_path(const struct store_location *location)
{
    return location->text;
}

struct sqlite_reader {
    struct store_reader reader; /* first */
    sqlite3 *db;
    sqlite3_stmt *prepared[STATEMENT_GROUP_END][STATEMENTS_IN_GROUP_MAX];
};

extern const struct engine_rows sqlite_rows;
extern const struct engine_transactions sqlite_transactions;

/* The database of a reader that reader_open or writer_open made. */
sqlite3 *database_of(const struct store_reader *reader);

/* Opens a reader without a look at the schema: read-only, with `query_only`. NULL with `fault`. */
[[gnu::warn_unused_result]] struct store_reader *reader_open(const char *path, struct fault *fault);

/* As reader_open. Closing it leaves no files beside the database that were not there, if this user may write
 * it. */
[[gnu::warn_unused_result]] struct store_reader *reader_open_to_check(const char *path, struct fault *fault);

/* Opens as reader_open does, for writing: foreign keys, synchronous=FULL. The file must exist. */
[[gnu::warn_unused_result]] struct store_writer *writer_open(const char *path, struct fault *fault);
/* Runs statements without parameters or rows (PRAGMA…). */
[[gnu::warn_unused_result]] bool database_execute(sqlite3 *db, const char *sql, struct fault *fault);

/* Returns the one integer that `sql` yields. */
[[gnu::warn_unused_result]] bool database_integer(sqlite3 *db, const char *sql, int64_t *out,
                                                  struct fault *fault);

/* Enables the write-ahead log, which the file remembers. A copy may have come without it. */
[[gnu::warn_unused_result]] bool database_use_wal(sqlite3 *db, const char *path, struct fault *fault);

/* Fills `fault` with "`what`: SQLite's words"; returns false, for `return database_error(…)`. */
bool database_error(sqlite3 *db, const char *what, struct fault *fault);

/* The folder that a file is in, or would be. */
void store_folder_of(const char *path, char out[static PATH_MAX]);

/* As sqlite_open_reader, by reader_open_to_check. */
[[gnu::warn_unused_result]] struct store_reader *sqlite_open_to_check(const struct store_location *location,
                                                                      struct fault *fault);

/* ---- members of sqlite_engine ---- */

struct store_location *sqlite_locate(struct arena *arena, const struct store_place *place);
bool sqlite_exists(const struct store_location *location);
void sqlite_read_size(const struct store_location *location, struct store_size *out);
bool sqlite_place_is_usable(const struct store_location *location, struct fault *fault);
bool sqlite_was_lost(const struct store_location *location, struct fault *fault);
bool sqlite_is_older(const struct store_location *location);

bool sqlite_migrate(const struct store_location *location, void (*report)(const char *line),
                    struct fault *fault);
/* The caller holds the serving lock. An existing database of acmegate's stays as it is, whatever its schema.
 */
bool sqlite_make_where_none(const struct store_location *location, struct fault *fault);
bool sqlite_check(const struct store_location *location, void (*report)(const char *line),
                  struct fault *fault);
bool sqlite_backup(const struct store_location *location, const char *to, struct fault *fault);
bool sqlite_restore(const struct store_location *location, const char *from, int64_t now,
                    char kept[static PATH_MAX], struct fault *fault);
bool sqlite_vacuum(const struct store_location *location, struct fault *fault);

struct store_reader *sqlite_open_reader(const struct store_location *location, struct fault *fault);
void sqlite_close_reader(struct store_reader *reader);
bool sqlite_reader_is_in_place(const struct store_reader *reader);
struct store_writer *sqlite_open_writer(const struct store_location *location, struct fault *fault);

bool sqlite_serve(struct store *store, const struct store_location *location, enum store_migration migration,
                  struct fault *fault);
void sqlite_stop_serving(struct store *store);
void sqlite_take_as_it_is(struct store *store);

enum store_result sqlite_probe(struct store_writer *writer);
enum store_result sqlite_give_back(struct store_writer *writer, struct retention_pass *pass);
