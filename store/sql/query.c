/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/query.h"

#include <stdio.h>

#include "acme/base/json.h"
#include "acme/base/visible.h"

/* `what` is NULL when there is nothing to say. */
static void fail(struct query *query, const char *what)
{
    query->failed = true;
    query->reader->failed = true;
    if (what != NULL)
        store_log("store: %s: %s", query->name, what);
}

struct query query_begin(struct store_reader *reader, struct arena *arena, enum statement_group group,
                         size_t index)
{
    struct query query = {.reader = reader, .group = group, .arena = arena};
    query.name = store_statement_table(group)->statements[index].name;
    query.prepared = reader->rows->prepare(reader, group, index);
    query.failed = query.prepared == NULL;
    if (query.failed)
        reader->failed = true;
    return query;
}

void query_end(struct query *query)
{
    if (query->prepared != NULL)
        query->reader->rows->reset(query->prepared);
}

/* Returns 0, with the query marked, when there is no such parameter. */
static int parameter(struct query *query, const char *name)
{
    if (query->failed)
        return 0;
    int index = query->reader->rows->parameter(query->prepared, name);
    if (index == 0)
        fail(query, "a parameter is bound that the statement does not have");
    return index;
}

static void check_done(struct query *query, const char *why)
{
    if (why != NULL)
        fail(query, why);
}

void query_bind_integer(struct query *query, const char *name, int64_t value)
{
    int index = parameter(query, name);
    if (index != 0)
        check_done(query, query->reader->rows->bind_integer(query->prepared, index, value));
}

static void bind_null(struct query *query, const char *name, enum engine_type type)
{
    int index = parameter(query, name);
    if (index != 0)
        check_done(query, query->reader->rows->bind_null(query->prepared, index, type));
}

void query_bind_optional(struct query *query, const char *name, int64_t value)
{
    if (value != 0)
        query_bind_integer(query, name, value);
    else
        bind_null(query, name, ENGINE_INTEGER);
}

static void bind_characters(struct query *query, const char *name, struct bytes text, bool copy)
{
    int index = parameter(query, name);
    if (index != 0)
        check_done(query, query->reader->rows->bind_text(query->prepared, index, text, copy));
}

void query_bind_text(struct query *query, const char *name, const char *text)
{
    if (text == NULL)
        bind_null(query, name, ENGINE_TEXT);
    else
        query_bind_text_bytes(query, name, bytes_from_string(text));
}

void query_bind_text_bytes(struct query *query, const char *name, struct bytes text)
{
    if (visible_is_clean(text, VISIBLE_ONE_LINE)) {
        bind_characters(query, name, text, false);
        return;
    }
    struct arena *arena = arena_new();
    char *clean = arena_string(arena, text);
    size_t n = visible_clean(clean, text.n, VISIBLE_ONE_LINE);
    bind_characters(query, name, bytes_of(clean, n), true);
    arena_free(arena);
}

void query_bind_pem(struct query *query, const char *name, struct bytes pem)
{
    bind_characters(query, name, pem, false);
}

void query_bind_blob(struct query *query, const char *name, struct bytes blob)
{
    if (blob.n == 0) {
        bind_null(query, name, ENGINE_BLOB);
        return;
    }
    int index = parameter(query, name);
    if (index != 0)
        check_done(query, query->reader->rows->bind_blob(query->prepared, index, blob));
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
        bind_characters(query, "$error_detail", bytes_of(clean, n), true);
    }
    arena_free(arena);
}

enum store_result query_next(struct query *query)
{
    if (query->failed)
        return STORE_FAILED;
    query->column = 0;
    const char *why;
    enum store_result result = query->reader->rows->step(query->prepared, &why);
    if (result == STORE_FAILED)
        fail(query, why);
    return result;
}

enum store_result query_run(struct query *query)
{
    if (query_next(query) == STORE_FAILED)
        return STORE_FAILED;
    return query_changed_rows(query) > 0 ? STORE_OK : STORE_NOT_FOUND;
}

bool query_may_ask(const struct store_reader *reader)
{
    return reader->rows->ask != NULL;
}

void query_ask(struct query *query)
{
    if (!query->failed && query_may_ask(query->reader))
        query->reader->rows->ask(query->prepared);
}

void query_ask_by_id(struct store_reader *reader, enum statement_group group, size_t index, const char *name,
                     int64_t id)
{
    if (!query_may_ask(reader))
        return;
    QUERY(query, reader, NULL, group, index);
    query_bind_integer(&query, name, id);
    query_ask(&query);
}

static enum store_result send_statement(struct query *query, bool must_change)
{
    if (query->failed)
        return STORE_FAILED;
    const char *why;
    enum store_result result = query->reader->rows->send(query->prepared, must_change, &why);
    if (result == STORE_FAILED)
        fail(query, why);
    return result;
}

enum store_result query_send(struct query *query)
{
    return send_statement(query, false);
}

enum store_result query_send_change(struct query *query)
{
    return send_statement(query, true);
}

int64_t query_changed_rows(const struct query *query)
{
    return query->reader->rows->changed(query->reader);
}

enum store_result query_send_guarded(struct query *query, size_t exists, int64_t id)
{
    enum store_result result = query_send_change(query);
    if (result != STORE_NOT_FOUND)
        return result;
    QUERY(row, query->reader, NULL, query->group, exists);
    query_bind_integer(&row, "$id", id);
    result = query_next(&row);
    return result == STORE_OK ? STORE_LOST_RACE : result;
}

int64_t query_take_integer(struct query *query)
{
    return query->failed ? 0 : query->reader->rows->integer(query->prepared, query->column++);
}

/* Takes the column's octets, which are the engine's until the next step. False for NULL. */
static bool take_column(struct query *query, struct bytes *out)
{
    const char *why = NULL;
    *out = (struct bytes){0};
    if (query->failed)
        return false;
    bool has = query->reader->rows->octets(query->prepared, query->column++, out, &why);
    if (why != NULL)
        fail(query, why);
    return has;
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
    return query->reader->rows->column_count(query->prepared);
}

const char *query_column_name(const struct query *query)
{
    return query->reader->rows->column_name(query->prepared, query->column);
}

bool query_column_is_number(const struct query *query)
{
    return query->reader->rows->is_number(query->prepared, query->column);
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
