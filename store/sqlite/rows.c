/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite runs a statement. */
#include "store/sqlite/session.h"

static void *prepare(struct store_reader *reader, enum statement_group group, size_t index)
{
    struct sqlite_reader *own = (struct sqlite_reader *)reader;
    sqlite3_stmt **prepared = &own->prepared[group][index];
    const struct statement *statement = &store_statement_table(group)->statements[index];
    if (*prepared == NULL && sqlite3_prepare_v3(own->db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                prepared, NULL) != SQLITE_OK)
        store_log("store: %s: %s", statement->name, sqlite3_errmsg(own->db));
    return *prepared;
}

static void reset(void *prepared)
{
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
}

static int parameter(void *prepared, const char *name)
{
    return sqlite3_bind_parameter_index(prepared, name);
}

static const char *why_not_bound(int result)
{
    return result == SQLITE_OK ? NULL : sqlite3_errstr(result);
}

static const char *bind_integer(void *prepared, int parameter, int64_t value)
{
    return why_not_bound(sqlite3_bind_int64(prepared, parameter, value));
}

static const char *bind_null(void *prepared, int parameter, enum engine_type type)
{
    (void)type;
    return why_not_bound(sqlite3_bind_null(prepared, parameter));
}

/* Without characters, a pointer would make it NULL. */
static const char *bind_text(void *prepared, int parameter, struct bytes text, bool copy)
{
    const char *characters = text.n == 0 ? "" : (const char *)text.p;
    return why_not_bound(sqlite3_bind_text64(prepared, parameter, characters, text.n,
                                             copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));
}

static const char *bind_blob(void *prepared, int parameter, struct bytes blob)
{
    return why_not_bound(sqlite3_bind_blob64(prepared, parameter, blob.p, blob.n, SQLITE_STATIC));
}

static enum store_result step(void *prepared, const char **why)
{
    switch (sqlite3_step(prepared)) {
    case SQLITE_ROW:
        return STORE_OK;
    case SQLITE_DONE:
        return STORE_NOT_FOUND;
    default:
        *why = sqlite3_errmsg(sqlite3_db_handle(prepared));
        return STORE_FAILED;
    }
}

static int64_t changed(const struct store_reader *reader)
{
    return sqlite3_changes64(database_of(reader));
}

static enum store_result send_now(void *prepared, bool must_change, const char **why)
{
    if (step(prepared, why) == STORE_FAILED)
        return STORE_FAILED;
    return must_change && sqlite3_changes64(sqlite3_db_handle(prepared)) == 0 ? STORE_NOT_FOUND : STORE_OK;
}

static int64_t integer(void *prepared, int column)
{
    return sqlite3_column_int64(prepared, column);
}

static bool octets(void *prepared, int column, struct bytes *out, const char **why)
{
    if (sqlite3_column_type(prepared, column) == SQLITE_NULL)
        return false;
    const void *p = sqlite3_column_blob(prepared, column);
    int n = sqlite3_column_bytes(prepared, column);
    if (p == NULL && n != 0) {
        *why = "out of memory";
        return false;
    }
    *out = bytes_of(p, (size_t)n);
    return true;
}

static size_t column_count(void *prepared)
{
    return (size_t)sqlite3_column_count(prepared);
}

static const char *column_name(void *prepared, int column)
{
    return sqlite3_column_name(prepared, column);
}

static bool is_number(void *prepared, int column)
{
    int type = sqlite3_column_type(prepared, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

const struct engine_rows sqlite_rows = {
    .prepare = prepare,
    .reset = reset,
    .parameter = parameter,
    .bind_integer = bind_integer,
    .bind_null = bind_null,
    .bind_text = bind_text,
    .bind_blob = bind_blob,
    .step = step,
    .send = send_now,
    .changed = changed,
    .integer = integer,
    .octets = octets,
    .column_count = column_count,
    .column_name = column_name,
    .is_number = is_number,
};
