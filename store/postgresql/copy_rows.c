/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's side of a copy: its rows. They go and come in binary form. */
#include <endian.h>
#include <limits.h>
#include <string.h>

#include "store/postgresql/copy.h"
#include "store/postgresql/session.h"

/* Rows in the memory at once. */
#define ROWS_AT_ONCE "200"

/* ---- reading ---- */

bool side_end_selection(struct postgresql_side *own, struct fault *fault)
{
    bool was = own->selected;
    PQclear(own->page);
    own->page = NULL;
    own->selected = false;
    return !was || side_run(own, "CLOSE copied", fault);
}

bool side_select(struct copy_side *side, const struct copy_table *table, struct fault *fault)
{
    struct postgresql_side *own = side_of(side);
    struct arena *arena = arena_new();
    own->table = table;
    own->selected =
        side_end_selection(own, fault) &&
        side_run(own,
                 arena_printf(arena, "DECLARE copied NO SCROLL CURSOR FOR %s", copy_selection(arena, table)),
                 fault);
    arena_free(arena);
    return own->selected;
}

static bool fetch_page(struct postgresql_side *own, struct fault *fault)
{
    PQclear(own->page);
    own->page =
        PQexecParams(own->connection, "FETCH " ROWS_AT_ONCE " FROM copied", 0, NULL, NULL, NULL, NULL, 1);
    own->row = 0;
    if (PQresultStatus(own->page) == PGRES_TUPLES_OK)
        return true;
    return side_fail(own, fault);
}

static void take_value(const struct postgresql_side *own, int column, struct copy_value *out)
{
    const char *octets = PQgetvalue(own->page, own->row, column);
    size_t n = (size_t)PQgetlength(own->page, own->row, column);
    uint64_t integer;
    *out = (struct copy_value){.is_null = PQgetisnull(own->page, own->row, column) == 1};
    if (out->is_null)
        return;
    if (own->table->columns[column].type != ENGINE_INTEGER) {
        out->octets = bytes_of(octets, n);
    } else if (n == sizeof integer) {
        memcpy(&integer, octets, sizeof integer);
        out->integer = (int64_t)be64toh(integer);
    }
}

enum store_result side_fetch(struct copy_side *side, struct copy_value *row, struct fault *fault)
{
    struct postgresql_side *own = side_of(side);
    bool more = own->page != NULL && own->row < PQntuples(own->page);
    if (!more && !fetch_page(own, fault))
        return STORE_FAILED;
    if (PQntuples(own->page) == 0)
        return STORE_NOT_FOUND;
    for (size_t i = 0; i < own->table->column_count; i++)
        take_value(own, (int)i, &row[i]);
    own->row++;
    return STORE_OK;
}

/* ---- writing: COPY's binary form ---- */

static bool put(struct postgresql_side *own, const void *octets, size_t n)
{
    return n <= INT_MAX && PQputCopyData(own->connection, octets, (int)n) == 1;
}

static bool put_head(struct postgresql_side *own)
{
    static const char head[] =
        "PGCOPY\n\377\r\n\0" /* no flags: */ "\0\0\0\0" /* no more of a head: */ "\0\0\0";
    /* With the NUL at the end of the text. */
    return put(own, head, sizeof head);
}

static bool put_count(struct postgresql_side *own, size_t count)
{
    uint16_t octets = htobe16((uint16_t)count);
    return put(own, &octets, sizeof octets);
}

static bool put_field(struct postgresql_side *own, const void *value, size_t n)
{
    uint32_t length = htobe32((uint32_t)n);
    return put(own, &length, sizeof length) && put(own, value, n);
}

static bool put_value(struct postgresql_side *own, enum engine_type type, const struct copy_value *value)
{
    uint32_t null = UINT32_MAX;
    uint64_t integer = htobe64((uint64_t)value->integer);
    if (value->is_null)
        return put(own, &null, sizeof null);
    if (type == ENGINE_INTEGER)
        return put_field(own, &integer, sizeof integer);
    return put_field(own, value->octets.p, value->octets.n);
}

static bool can_be_stored(struct arena *arena, const struct copy_table *table, const struct copy_value *row,
                          struct fault *fault)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (row[i].is_null || table->columns[i].type != ENGINE_TEXT ||
            (bytes_is_text(row[i].octets) && bytes_is_utf8(row[i].octets)))
            continue;
        return fault_set(
            fault,
            "%s has %s in its column %s, which PostgreSQL cannot store: correct it in the source, "
            "while no server runs",
            copy_row_name(arena, table, row),
            bytes_is_text(row[i].octets) ? "octets that are not UTF-8" : "a NUL", table->columns[i].name);
    }
    return true;
}

static bool put_row(struct postgresql_side *own, const struct copy_table *table, const struct copy_value *row)
{
    bool good = put_count(own, table->column_count);
    for (size_t i = 0; good && i < table->column_count; i++)
        good = put_value(own, table->columns[i].type, &row[i]);
    return good;
}

/* A refusal of the server shows when COPY ends. */
static bool put_all(struct postgresql_side *own, const struct copy_table *table, struct copy_side *from,
                    struct fault *fault)
{
    struct arena *arena = arena_new();
    struct copy_value *row = copy_row_new(arena, table);
    enum store_result result = STORE_NOT_FOUND;
    bool sent = put_head(own), good = true;
    while (sent && good && (result = from->engine->fetch(from, row, fault)) == STORE_OK) {
        good = can_be_stored(arena, table, row, fault);
        sent = good && put_row(own, table, row);
    }
    arena_free(arena);
    if (result == STORE_FAILED)
        good = fault_prefix(fault, "%s: ", from->text);
    return good && (put_count(own, UINT16_MAX) || side_fail(own, fault));
}

/* Reads what became of COPY. */
static bool end_copy(struct postgresql_side *own, const char *why_not, struct fault *fault)
{
    bool good = PQputCopyEnd(own->connection, why_not) == 1 || side_fail(own, fault);
    for (PGresult *result; (result = PQgetResult(own->connection)) != NULL; PQclear(result)) {
        if (good && why_not == NULL && PQresultStatus(result) != PGRES_COMMAND_OK)
            good = side_fail(own, fault);
    }
    return good;
}

static bool copy_in(struct postgresql_side *own, const struct copy_table *table, struct copy_side *from,
                    struct fault *fault)
{
    struct arena *arena = arena_new();
    const char *sql = arena_printf(arena, "COPY \"%s\" (%s) FROM STDIN (FORMAT binary)", table->name,
                                   copy_column_names(arena, table));
    PGresult *begun = PQexec(own->connection, sql);
    bool good = PQresultStatus(begun) == PGRES_COPY_IN;
    PQclear(begun);
    arena_free(arena);
    if (!good)
        return side_fail(own, fault);
    if (put_all(own, table, from, fault))
        return end_copy(own, NULL, fault) || fault_prefix(fault, "%s: ", own->side.text);
    (void)end_copy(own, "the source has no more", NULL);
    return false;
}

bool side_fill(struct copy_side *side, const struct copy_table *table, struct copy_side *from,
               struct fault *fault)
{
    struct postgresql_side *own = side_of(side);
    if (side_end_selection(own, fault) && side_set_references_aside(own, fault))
        return copy_in(own, table, from, fault);
    return fault_prefix(fault, "%s: ", own->side.text);
}
