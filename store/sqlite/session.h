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

struct store_reader {
    sqlite3 *db;
    bool failed; /* a statement failed since the runner of operations cleared this */
    sqlite3_stmt *prepared[STATEMENT_GROUP_END][STATEMENTS_IN_GROUP_MAX];
};

struct store_writer {
    struct store_reader reader;
    int64_t last_id; /* the highest id issued */
    bool refused;    /* a state was refused (STORE_REFUSED) since the runner of operations cleared this */
    bool is_command; /* its ids are separate from the committer's */
    struct event_notes *notes; /* of the transaction's events; NULL: nobody observes them */
};

struct store_command {
    struct store_writer *writer;
};

/* Opens a reader without a look at the schema: read-only, with `query_only`. NULL with `fault`. */
[[gnu::warn_unused_result]] struct store_reader *reader_open(const char *path, struct fault *fault);

/* Opens as reader_open does, for writing: foreign keys, synchronous=FULL. The file must exist. */
[[gnu::warn_unused_result]] struct store_writer *writer_open(const char *path, struct fault *fault);
/* NULL is ignored. */
void writer_close(struct store_writer *writer);

/* Continues the ids from the highest one in the database. Call it before the writer's first operation. */
[[gnu::warn_unused_result]] bool writer_continue_ids(struct store_writer *writer, struct fault *fault);

/* Returns the id of the newest event up to `until`; 0 when there is none. Events are only added, and deleted
 * from the oldest on. */
[[gnu::warn_unused_result]] bool reader_newest_event(struct store_reader *reader, int64_t until, int64_t *id);

/* Returns a statement, prepared once and kept. NULL (logged, reader->failed set) when SQLite refuses it. */
sqlite3_stmt *reader_statement(struct store_reader *reader, enum statement_group group, size_t index);

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
