/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/session.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* How long a connection waits for another process that writes (an operator's sqlite3, a command). */
enum { BUSY_TIMEOUT_MS = 5000 };

bool database_error(sqlite3 *db, const char *what, struct fault *fault)
{
    int code = sqlite3_errcode(db);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        fault_set(fault,
                  "%s is damaged (%s): stop the server, then 'acmegate db restore FILE' with a back-up "
                  "(docs/recovery.md), or "
                  "salvage with sqlite3's .recover",
                  what, sqlite3_errmsg(db));
    else
        fault_set(fault, "%s: %s", what, sqlite3_errmsg(db));
    return false;
}

/* Replaces the statement's name by the file's: operators know the file. */
static bool file_error(sqlite3 *db, struct fault *fault)
{
    const char *path = sqlite3_db_filename(db, "main");
    return database_error(db, path == NULL || *path == '\0' ? "the database" : path, fault);
}

bool database_execute(sqlite3 *db, const char *sql, struct fault *fault)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return file_error(db, fault);
}

bool database_integer(sqlite3 *db, const char *sql, int64_t *out, struct fault *fault)
{
    sqlite3_stmt *prepared = NULL;
    bool found =
        sqlite3_prepare_v2(db, sql, -1, &prepared, NULL) == SQLITE_OK && sqlite3_step(prepared) == SQLITE_ROW;
    if (found)
        *out = sqlite3_column_int64(prepared, 0);
    else
        file_error(db, fault);
    sqlite3_finalize(prepared);
    return found;
}

bool database_use_wal(sqlite3 *db, const char *path, struct fault *fault)
{
    sqlite3_stmt *prepared = NULL;
    bool found = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &prepared, NULL) == SQLITE_OK &&
                 sqlite3_step(prepared) == SQLITE_ROW;
    bool used = found && strcmp((const char *)sqlite3_column_text(prepared, 0), "wal") == 0;
    if (!found)
        database_error(db, path, fault);
    else if (!used)
        fault_set(fault, "%s: SQLite cannot keep a write-ahead log on this file system", path);
    sqlite3_finalize(prepared);
    return used;
}

/* Disables double-quoted strings, manual writes to the schema and functions hidden in it: they are mistakes
 * or worse. */
static bool harden(sqlite3 *db)
{
    return sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL) == SQLITE_OK &&
           sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL) == SQLITE_OK;
}

sqlite3 *database_of(const struct store_reader *reader)
{
    return ((const struct sqlite_reader *)reader)->db;
}

static bool connect(struct sqlite_reader *own, const char *path, int flags, const char *pragmas,
                    struct fault *fault)
{
    if (sqlite3_open_v2(path, &own->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || !harden(own->db) ||
        sqlite3_busy_timeout(own->db, BUSY_TIMEOUT_MS) != SQLITE_OK)
        return database_error(own->db, path, fault);
    return database_execute(own->db, pragmas, fault);
}

static struct store_reader *open_connection(const char *path, int flags, const char *pragmas,
                                            struct fault *fault)
{
    struct sqlite_reader *own = calloc(1, sizeof *own);
    if (own == NULL) {
        fault_set(fault, "%s: out of memory", path);
        return NULL;
    }
    own->reader = (struct store_reader){.engine = &sqlite_engine, .rows = &sqlite_rows};
    if (connect(own, path, flags, pragmas, fault))
        return &own->reader;
    sqlite_close_reader(&own->reader);
    return NULL;
}

struct store_reader *reader_open(const char *path, struct fault *fault)
{
    return open_connection(path, SQLITE_OPEN_READONLY, "PRAGMA query_only = ON", fault);
}

/* SQLite makes a log and its index for a reader, too. Only who may write removes them, when nobody else has
 * the database open; what an earlier log has stays where it is. */
struct store_reader *reader_open_to_check(const char *path, struct fault *fault)
{
    char log[PATH_MAX + 8];
    struct stat status;
    snprintf(log, sizeof log, "%s-wal", path);
    int keep_log = stat(log, &status) == 0 && status.st_size > 0;
    struct store_reader *reader =
        open_connection(path, SQLITE_OPEN_READWRITE, "PRAGMA query_only = ON", fault);
    if (reader != NULL &&
        sqlite3_db_config(database_of(reader), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log, NULL) == SQLITE_OK)
        return reader;
    if (reader != NULL) {
        database_error(database_of(reader), path, fault);
        sqlite_close_reader(reader);
    }
    return NULL;
}

void sqlite_close_reader(struct store_reader *reader)
{
    struct sqlite_reader *own = (struct sqlite_reader *)reader;
    for (size_t group = 0; group < STATEMENT_GROUP_END; group++) {
        for (size_t i = 0; i < STATEMENTS_IN_GROUP_MAX; i++)
            sqlite3_finalize(own->prepared[group][i]);
    }
    sqlite3_close(own->db);
    free(own);
}

struct store_writer *writer_open(const char *path, struct fault *fault)
{
    /* Half of SQLite's default: a megabyte of memory for 1 to 2 % of an issuance's time with a million
     * orders. */
    static const char pragmas[] =
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
        "PRAGMA journal_size_limit = 67108864";
    struct store_reader *reader = open_connection(path, SQLITE_OPEN_READWRITE, pragmas, fault);
    struct store_writer *writer = reader != NULL ? writer_new(reader) : NULL;
    if (reader != NULL && writer == NULL)
        fault_set(fault, "%s: out of memory", path);
    return writer;
}

bool sqlite_reader_is_in_place(const struct store_reader *reader)
{
    int moved = 0;
    return sqlite3_file_control(database_of(reader), "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
           moved == 0;
}
