/* SPDX-License-Identifier: Apache-2.0 */
/* One connection, private to store/: its opening, and the statements it keeps prepared. */
#pragma once

#include <limits.h>
#include <sqlite3.h>

#include "store/sql/engine.h"
#include "store/sql/statements.h"

struct store_location {
    const char *path;
    const char *log_path; /* of the write-ahead log */
};

struct sqlite_reader {
    struct store_reader reader; /* first */
    sqlite3 *db;
    sqlite3_stmt *prepared[STATEMENT_GROUP_END][STATEMENTS_IN_GROUP_MAX];
};

extern const struct engine_rows sqlite_rows;
extern const struct engine_transactions sqlite_transactions;

/* The database of a reader that reader_open or writer_open made. */
sqlite3 *database_of(const struct store_reader *reader);

struct store_command {
    struct store_writer *writer;
};

/* Opens a reader without a look at the schema: read-only, with `query_only`. NULL with `fault`. */
[[gnu::warn_unused_result]] struct store_reader *reader_open(const char *path, struct fault *fault);

/* Opens as reader_open does, for writing: foreign keys, synchronous=FULL. The file must exist. */
[[gnu::warn_unused_result]] struct store_writer *writer_open(const char *path, struct fault *fault);
/* NULL is ignored. */
void writer_close(struct store_writer *writer);

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
