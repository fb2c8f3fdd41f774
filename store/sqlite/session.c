/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sql/query.h"

/* How long a connection waits for another process that writes (an operator's sqlite3, a command). */
enum { BUSY_TIMEOUT_MS = 5000 };

/* 2026-01-01T00:00:00Z */
#define ID_EPOCH_MS INT64_C(1767225600000)
/* Ids within one millisecond, before they run ahead of the clock. */
#define IDS_PER_MS INT64_C(4096)
/* The beginning of commands' ids. Ids are numbered by the second in which they are made, and a server does
 * not make two million in one. */
#define COMMAND_IDS_AFTER_MS 500

enum { SESSION_HIGHEST_ID, SESSION_NEWEST_EVENT };

static const struct statement statements[] = {
    [SESSION_HIGHEST_ID] = {"session_highest_id",
                            "SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM accounts"
                            " UNION ALL SELECT max(id) FROM authorizations"
                            " UNION ALL SELECT max(id) FROM orders"
                            " UNION ALL SELECT max(id) FROM attempts"
                            " UNION ALL SELECT max(id) FROM certificates"
                            " UNION ALL SELECT max(id) FROM eab_keys"
                            " UNION ALL SELECT max(id) FROM early_renewals"
                            " UNION ALL SELECT max(id) FROM events) AS subquery_ids"},
    [SESSION_NEWEST_EVENT] = {"reader_newest_event",
                              "SELECT max(id) FROM events WHERE id > 0 AND id <= $until"},
};

const struct statement_table store_session_statements = {statements, sizeof statements / sizeof *statements};

const struct statement_table *store_statement_table(enum statement_group group)
{
    static const struct statement_table *const tables[STATEMENT_GROUP_END] = {
        [STATEMENTS_ACCOUNT_IMPORT] = &store_account_import_statements,
        [STATEMENTS_ACCOUNTS] = &store_account_statements,
        [STATEMENTS_ATTEMPTS] = &store_attempt_statements,
        [STATEMENTS_AUTHORIZATIONS] = &store_authorization_statements,
        [STATEMENTS_CERTIFICATES] = &store_certificate_statements,
        [STATEMENTS_COMMITTER] = &store_committer_statements,
        [STATEMENTS_EAB_KEYS] = &store_eab_key_statements,
        [STATEMENTS_EARLY_RENEWALS] = &store_early_renewal_statements,
        [STATEMENTS_EVENTS] = &store_event_statements,
        [STATEMENTS_ISSUER_IDENTITIES] = &store_issuer_identity_statements,
        [STATEMENTS_ISSUER_OVERRIDES] = &store_issuer_override_statements,
        [STATEMENTS_LISTING] = &store_listing_statements,
        [STATEMENTS_NAMES] = &store_name_statements,
        [STATEMENTS_ORDERS] = &store_order_statements,
        [STATEMENTS_PAGES] = &store_page_statements,
        [STATEMENTS_RETENTION] = &store_retention_statements,
        [STATEMENTS_REVOCATION_LISTS] = &store_revocation_list_statements,
        [STATEMENTS_SESSION] = &store_session_statements,
        [STATEMENTS_WAITING] = &store_waiting_statements,
    };
    return tables[group];
}

static void (*log_to)(const char *message);

void store_set_log(void (*log)(const char *message))
{
    log_to = log;
}

void store_log(const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (log_to != NULL)
        log_to(message);
    else
        fprintf(stderr, "%s\n", message);
}

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

static bool connect(struct store_reader *reader, const char *path, int flags, const char *pragmas,
                    struct fault *fault)
{
    if (sqlite3_open_v2(path, &reader->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        !harden(reader->db) || sqlite3_busy_timeout(reader->db, BUSY_TIMEOUT_MS) != SQLITE_OK)
        return database_error(reader->db, path, fault);
    return database_execute(reader->db, pragmas, fault);
}

static void disconnect(struct store_reader *reader)
{
    for (size_t group = 0; group < STATEMENT_GROUP_END; group++) {
        for (size_t i = 0; i < STATEMENTS_IN_GROUP_MAX; i++)
            sqlite3_finalize(reader->prepared[group][i]);
    }
    sqlite3_close(reader->db);
}

struct store_reader *reader_open(const char *path, struct fault *fault)
{
    struct store_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        fault_set(fault, "%s: out of memory", path);
    else if (connect(reader, path, SQLITE_OPEN_READONLY, "PRAGMA query_only = ON", fault))
        return reader;
    store_reader_close(reader);
    return NULL;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    disconnect(reader);
    free(reader);
}

struct store_writer *writer_open(const char *path, struct fault *fault)
{
    /* Half of SQLite's default: a megabyte of memory for 1 to 2 % of an issuance's time with a million
     * orders. */
    static const char pragmas[] =
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
        "PRAGMA journal_size_limit = 67108864";
    struct store_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        fault_set(fault, "%s: out of memory", path);
    else if (connect(&writer->reader, path, SQLITE_OPEN_READWRITE, pragmas, fault))
        return writer;
    writer_close(writer);
    return NULL;
}

void writer_close(struct store_writer *writer)
{
    if (writer == NULL)
        return;
    disconnect(&writer->reader);
    free(writer);
}

struct store_reader *store_reader_of(struct store_writer *writer)
{
    return &writer->reader;
}

void writer_refuse(struct store_writer *writer)
{
    writer->refused = true;
}

struct event_notes *writer_event_notes(struct store_writer *writer)
{
    return writer->notes;
}

bool store_reader_is_in_place(const struct store_reader *reader)
{
    int moved = 0;
    return sqlite3_file_control(reader->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
           moved == 0;
}

sqlite3_stmt *reader_statement(struct store_reader *reader, enum statement_group group, size_t index)
{
    sqlite3_stmt **prepared = &reader->prepared[group][index];
    if (*prepared != NULL)
        return *prepared;
    const struct statement *statement = &store_statement_table(group)->statements[index];
    if (sqlite3_prepare_v3(reader->db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT, prepared, NULL) !=
        SQLITE_OK) {
        store_log("store: %s: %s", statement->name, sqlite3_errmsg(reader->db));
        reader->failed = true;
    }
    return *prepared;
}

bool writer_continue_ids(struct store_writer *writer, struct fault *fault)
{
    QUERY(query, &writer->reader, NULL, STATEMENTS_SESSION, SESSION_HIGHEST_ID);
    if (query_next(&query) != STORE_OK)
        return file_error(writer->reader.db, fault);
    writer->last_id = query_take_integer(&query);
    return true;
}

bool reader_newest_event(struct store_reader *reader, int64_t until, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_SESSION, SESSION_NEWEST_EVENT);
    query_bind_integer(&query, "$until", until);
    if (query_next(&query) != STORE_OK)
        return false;
    *id = query_take_integer(&query);
    return true;
}

int64_t first_id_at(int64_t unix_seconds)
{
    return (unix_seconds * 1000 - ID_EPOCH_MS) * IDS_PER_MS;
}

int64_t store_next_id(struct store_writer *writer, int64_t now_ms)
{
    int64_t by_clock = (now_ms - ID_EPOCH_MS) * IDS_PER_MS;
    if (writer->is_command)
        by_clock += COMMAND_IDS_AFTER_MS * IDS_PER_MS;
    writer->last_id = by_clock > writer->last_id + 1 ? by_clock : writer->last_id + 1;
    return writer->last_id;
}
