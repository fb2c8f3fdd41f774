/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one prepared statement, private to store/: parameters bound by name, columns taken from left to
 * right. The first thing that goes wrong is logged and marks the query and its connection; everything after
 * it does nothing, so that only the result of query_next, query_run and query_finish needs a look.
 *
 *   QUERY(query, reader, arena, STATEMENTS_ORDERS, ORDER_LOAD);
 *   query_bind_integer(&query, "$id", id);
 *   enum store_result result = query_next(&query);
 *
 *   CHANGE(query, writer, STATEMENTS_ORDERS, ORDER_UPDATE);
 *   query_bind_integer(&query, "$id", id);
 *   enum store_result result = query_run(&query);
 */
#pragma once

#include "store/sql/engine.h"
#include "store/sql/statements.h"

struct query {
    struct store_reader *reader;
    void *prepared; /* the engine's; NULL when it refused the statement */
    const char *name;
    enum statement_group group;
    struct arena *arena; /* taken texts are copied into it */
    int column;          /* the next column to take */
    bool failed;
};

struct query query_begin(struct store_reader *reader, struct arena *arena, enum statement_group group,
                         size_t index);

/* Makes the statement ready for its next use. */
void query_end(struct query *query);

#define QUERY(variable, reader, arena, group, index) \
    [[gnu::cleanup(query_end)]] struct query variable = query_begin(reader, arena, group, index)

/* A statement that writes. */
#define CHANGE(variable, writer, group, index) \
    [[gnu::cleanup(query_end)]] struct query variable = \
        query_begin(store_reader_of(writer), NULL, group, index)

void query_bind_integer(struct query *query, const char *name, int64_t value);
/* 0 becomes NULL: times and references that are not set. */
void query_bind_optional(struct query *query, const char *name, int64_t value);
/* Binds a text. It is cleaned as one line (acme/base/visible.h), because operators read the database with
 * tools that print it unchanged. NULL becomes NULL. The text must live until the query ends. */
void query_bind_text(struct query *query, const char *name, const char *text);
/* Binds octets as text; empty bytes become the empty text. */
void query_bind_text_bytes(struct query *query, const char *name, struct bytes text);
/* Binds certificates in PEM, the only text with lines; it is stored unchanged. */
void query_bind_pem(struct query *query, const char *name, struct bytes pem);
/* Binds a blob; empty bytes become NULL. */
void query_bind_blob(struct query *query, const char *name, struct bytes blob);

/* Binds a problem document, or NULL, as $error, and its detail as $error_detail. */
void query_bind_problem(struct query *query, const char *problem_json);

/* Steps to the next row: STORE_OK, STORE_NOT_FOUND when there is none, STORE_FAILED. */
[[gnu::warn_unused_result]] enum store_result query_next(struct query *query);

/* False when a statement costs no wait: query_ask does nothing. */
[[gnu::warn_unused_result]] bool query_may_ask(const struct store_reader *reader);

/* Begins to run the statement, so that the next ones go with it. A later query with the same values has the
 * rows without a wait of its own, before anything is written and before store_read_ahead_end. */
void query_ask(struct query *query);
/* The same for a statement with one parameter. */
void query_ask_by_id(struct store_reader *reader, enum statement_group group, size_t index, const char *name,
                     int64_t id);

/* Runs a statement without rows. STORE_NOT_FOUND when it changed none. */
[[gnu::warn_unused_result]] enum store_result query_run(struct query *query);

/* Runs a statement whose effect is certain, unless it fails: an engine may put off its failure until the
 * transaction's next statement, or COMMIT. Within `apply`. */
[[gnu::warn_unused_result]] enum store_result query_send(struct query *query);

/*
 * The same for a statement that changes a row, or inserts one, unless another was faster: then
 * STORE_NOT_FOUND. An engine that puts it off says STORE_OK, and makes `apply` run again if it changes none:
 * that run gets the true result. So `apply` does nothing on STORE_OK that a second run cannot correct.
 */
[[gnu::warn_unused_result]] enum store_result query_send_change(struct query *query);

/* The number of rows that the last query_run changed. */
int64_t query_changed_rows(const struct query *query);

/*
 * Runs as query_send_change does, for a statement that changes the row `id` only in the expected state. If it
 * changed none, `exists` of the same group, "SELECT 1 FROM … WHERE id = $id", distinguishes STORE_LOST_RACE
 * from STORE_NOT_FOUND.
 */
[[gnu::warn_unused_result]] enum store_result query_send_guarded(struct query *query, size_t exists,
                                                                 int64_t id);

/* Take columns from left to right. NULL gives 0, NULL and empty bytes. Texts and blobs are copied into the
 * arena. */
int64_t query_take_integer(struct query *query);
const char *query_take_text(struct query *query);
struct bytes query_take_bytes(struct query *query);

/* The row's columns, for statements that select all of a view. */
size_t query_column_count(const struct query *query);
/* The name of the next column to take, which lives as long as the query. */
const char *query_column_name(const struct query *query);
/* True when the next column to take has a number in this row. */
bool query_column_is_number(const struct query *query);

/* Returns the result of loading one object, after its columns were taken. */
[[gnu::warn_unused_result]] enum store_result query_finish(const struct query *query);

/* Logs a stored value that this program does not know, and marks the query. */
void query_reject(struct query *query, const char *column, const char *value);

/* Takes ids, one a row, into a caller's array of `max`. */
[[gnu::warn_unused_result]] enum store_result query_take_ids(struct query *query, int64_t *ids, size_t max,
                                                             size_t *count);

/* Returns an array in the arena with room for one item more than `count`; `items` is NULL at first. */
void *array_with_room(struct arena *arena, void *items, size_t count, size_t item_bytes);

/* Defines query_take_<type>, which takes the next column as an enum, by the names that acme/ gives its
 * values. */
#define QUERY_TAKE_STATUS(type, first, last) \
    static enum type query_take_##type(struct query *query) \
    { \
        const char *text = query_take_text(query); \
        if (text == NULL) \
            return 0; \
        for (int value = first; value <= last; value++) { \
            if (strcmp(text, type##_name((enum type)value)) == 0) \
                return (enum type)value; \
        } \
        query_reject(query, #type, text); \
        return 0; \
    }
