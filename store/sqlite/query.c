/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/query.h"

#include <limits.h>
#include <stdio.h>

#include "acme/base/json.h"
#include "acme/base/visible.h"
#include "store/sqlite/session.h"

static void fail(struct query *query, const char *what)
{
    query->failed = true;
    query->reader->failed = true;
    store_log("store: %s: %s", query->name, what);
}

struct query query_begin(struct store_reader *reader, struct arena *arena, enum statement_group group,
                         size_t index)
{
    struct query query = {.reader = reader, .group = group, .arena = arena};
    query.name = store_statement_table(group)->statements[index].name;
    query.prepared = reader_statement(reader, group, index);
    query.failed = query.prepared == NULL;
    return query;
}

void query_end(struct query *query)
{
    if (query->prepared == NULL)
        return;
    sqlite3_reset(query->prepared);
    sqlite3_clear_bindings(query->prepared);
}

/* Returns 0, with the query marked, when there is no such parameter. */
static int parameter(struct query *query, const char *name)
{
    if (query->failed)
        return 0;
    int index = sqlite3_bind_parameter_index(query->prepared, name);
    if (index == 0)
        fail(query, "a parameter is bound that the statement does not have");
    return index;
}

static void check_bound(struct query *query, int result)
{
    if (result != SQLITE_OK)
        fail(query, sqlite3_errstr(result));
}

void query_bind_integer(struct query *query, const char *name, int64_t value)
{
    int index = parameter(query, name);
    if (index != 0)
        check_bound(query, sqlite3_bind_int64(query->prepared, index, value));
}

void query_bind_optional(struct query *query, const char *name, int64_t value)
{
    if (value != 0)
        query_bind_integer(query, name, value);
    else
        query_bind_text(query, name, NULL);
}

static void bind_characters(struct query *query, const char *name, struct bytes text,
                            sqlite3_destructor_type lifetime)
{
    int index = parameter(query, name);
    const char *characters = text.n == 0 ? "" : (const char *)text.p;
    if (index != 0)
        check_bound(query,
                    sqlite3_bind_text64(query->prepared, index, characters, text.n, lifetime, SQLITE_UTF8));
}

void query_bind_text(struct query *query, const char *name, const char *text)
{
    int index = text == NULL ? parameter(query, name) : 0;
    if (index != 0)
        check_bound(query, sqlite3_bind_null(query->prepared, index));
    if (text != NULL)
        query_bind_text_bytes(query, name, bytes_from_string(text));
}

void query_bind_text_bytes(struct query *query, const char *name, struct bytes text)
{
    if (visible_is_clean(text, VISIBLE_ONE_LINE)) {
        bind_characters(query, name, text, SQLITE_STATIC);
        return;
    }
    struct arena *arena = arena_new();
    char *clean = arena_string(arena, text);
    size_t n = visible_clean(clean, text.n, VISIBLE_ONE_LINE);
    bind_characters(query, name, bytes_of(clean, n), SQLITE_TRANSIENT);
    arena_free(arena);
}

void query_bind_pem(struct query *query, const char *name, struct bytes pem)
{
    bind_characters(query, name, pem, SQLITE_STATIC);
}

void query_bind_blob(struct query *query, const char *name, struct bytes blob)
{
    int index = parameter(query, name);
    if (index != 0)
        check_bound(query, sqlite3_bind_blob64(query->prepared, index, blob.n == 0 ? NULL : blob.p, blob.n,
                                               SQLITE_STATIC));
}

void query_bind_problem(struct query *query, const char *problem_json)
{
    query_bind_text(query, "$error", problem_json);
    if (problem_json == NULL)
        return;
    struct arena *arena = arena_new();
    struct bytes text = bytes_from_string(problem_json), detail;
    const struct json *problem = json_parse(arena, text, &json_limits_request, NULL);
    if (json_member_string(problem, "detail", &detail)) {
        char *clean = arena_string(arena, detail);
        size_t n = visible_clean(clean, detail.n, VISIBLE_ONE_LINE);
        bind_characters(query, "$error_detail", bytes_of(clean, n), SQLITE_TRANSIENT);
    }
    arena_free(arena);
}

enum store_result query_next(struct query *query)
{
    if (query->failed)
        return STORE_FAILED;
    query->column = 0;
    switch (sqlite3_step(query->prepared)) {
    case SQLITE_ROW:
        return STORE_OK;
    case SQLITE_DONE:
        return STORE_NOT_FOUND;
    default:
        fail(query, sqlite3_errmsg(query->reader->db));
        return STORE_FAILED;
    }
}

enum store_result query_run(struct query *query)
{
    if (query_next(query) == STORE_FAILED)
        return STORE_FAILED;
    return sqlite3_changes64(query->reader->db) > 0 ? STORE_OK : STORE_NOT_FOUND;
}

int64_t query_changed_rows(const struct query *query)
{
    return sqlite3_changes64(query->reader->db);
}

enum store_result query_run_guarded(struct query *query, size_t exists, int64_t id)
{
    enum store_result result = query_run(query);
    if (result != STORE_NOT_FOUND)
        return result;
    QUERY(row, query->reader, NULL, query->group, exists);
    query_bind_integer(&row, "$id", id);
    result = query_next(&row);
    return result == STORE_OK ? STORE_LOST_RACE : result;
}

int64_t query_take_integer(struct query *query)
{
    return query->failed ? 0 : sqlite3_column_int64(query->prepared, query->column++);
}

/* Takes the column's octets, which are SQLite's until the next step. False for NULL. */
static bool take_column(struct query *query, struct bytes *out)
{
    *out = (struct bytes){0};
    if (query->failed)
        return false;
    int column = query->column++;
    if (sqlite3_column_type(query->prepared, column) == SQLITE_NULL)
        return false;
    const void *p = sqlite3_column_blob(query->prepared, column);
    int n = sqlite3_column_bytes(query->prepared, column);
    if (p == NULL && n != 0) {
        fail(query, "out of memory");
        return false;
    }
    *out = bytes_of(p, (size_t)n);
    return true;
}

const char *query_take_text(struct query *query)
{
    struct bytes text;
    return take_column(query, &text) ? arena_string(query->arena, text) : NULL;
}

struct bytes query_take_bytes(struct query *query)
{
    struct bytes blob;
    return take_column(query, &blob) && blob.n != 0 ? arena_copy(query->arena, blob) : (struct bytes){0};
}

size_t query_column_count(const struct query *query)
{
    return (size_t)sqlite3_column_count(query->prepared);
}

const char *query_column_name(const struct query *query)
{
    return sqlite3_column_name(query->prepared, query->column);
}

bool query_column_is_number(const struct query *query)
{
    int type = sqlite3_column_type(query->prepared, query->column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

enum store_result query_finish(const struct query *query)
{
    return query->failed ? STORE_FAILED : STORE_OK;
}

void query_reject(struct query *query, const char *column, const char *value)
{
    char what[160];
    snprintf(what, sizeof what, "%s '%s' is not known to this version", column, value);
    fail(query, what);
}

enum store_result query_take_ids(struct query *query, int64_t *ids, size_t max, size_t *count)
{
    enum store_result result = STORE_OK;
    *count = 0;
    while (*count < max && (result = query_next(query)) == STORE_OK)
        ids[(*count)++] = query_take_integer(query);
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

void *array_with_room(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    bool full = count == 0 || (count >= 4 && (count & (count - 1)) == 0);
    if (!full)
        return items;
    void *larger = arena_alloc_array(arena, count == 0 ? 4 : 2 * count, item_bytes);
    if (count != 0)
        memcpy(larger, items, count * item_bytes);
    return larger;
}
