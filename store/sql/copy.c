/* SPDX-License-Identifier: Apache-2.0 */
/* Copying a database into another one. */
#include "store/sql/copy.h"

#include <string.h>

struct copy {
    struct arena *arena;
    struct copy_side *from, *to;
    struct copy_schema tables; /* those that are copied; both sides have them */
};

/* It is about one engine's database: each has its own. */
static bool is_left_out(const char *table)
{
    return strcmp(table, "schema_version") == 0;
}

/* ---- the schema ---- */

static bool read_schema(struct copy *copy, struct copy_side *side, struct copy_schema *out,
                        struct fault *fault)
{
    struct copy_schema all = {0};
    if (!side->engine->read_schema(side, copy->arena, &all, fault))
        return fault_prefix(fault, "%s: ", side->text);
    *out = (struct copy_schema){.tables = all.tables};
    for (size_t i = 0; i < all.count; i++) {
        if (!is_left_out(all.tables[i].name))
            out->tables[out->count++] = all.tables[i];
    }
    return true;
}

static bool is_same_column(const struct copy_column *one, const struct copy_column *other)
{
    return one->type == other->type && strcmp(one->name, other->name) == 0;
}

/* Without a key, rows have no order; an odd column of acmegate's own fails the unit tests. */
static bool is_same_table(const struct copy_table *one, const struct copy_table *other)
{
    bool same = one->column_count == other->column_count && one->key_count == other->key_count &&
                one->key_count != 0 && one->odd == NULL && other->odd == NULL;
    for (size_t i = 0; same && i < one->column_count; i++)
        same = is_same_column(&one->columns[i], &other->columns[i]);
    for (size_t i = 0; same && i < one->key_count; i++)
        same = one->key[i] == other->key[i];
    return same;
}

static const struct copy_table *find_table(const struct copy_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->tables[i].name, name) == 0)
            return &schema->tables[i];
    }
    return NULL;
}

/* The other one may have been added by its operator: what is in it would be lost. */
static bool has_all_of(const struct copy_schema *schema, const struct copy_schema *other,
                       const struct copy_side *side, struct fault *fault)
{
    for (size_t i = 0; i < other->count; i++) {
        const struct copy_table *found = find_table(schema, other->tables[i].name);
        if (found == NULL)
            return fault_set(fault,
                             "%s has a table %s that is not acmegate's: move it to a database of its own",
                             side->text, other->tables[i].name);
        if (!is_same_table(found, &other->tables[i]))
            return fault_set(fault,
                             "%s: the table %s has been changed: it has not the columns of acmegate's schema",
                             side->text, other->tables[i].name);
    }
    return true;
}

static bool read_schemas(struct copy *copy, struct fault *fault)
{
    struct copy_schema target;
    return read_schema(copy, copy->from, &copy->tables, fault) &&
           read_schema(copy, copy->to, &target, fault) &&
           has_all_of(&target, &copy->tables, copy->from, fault) &&
           has_all_of(&copy->tables, &target, copy->to, fault);
}

/* ---- the rows ---- */

static bool select_rows(struct copy_side *side, const struct copy_table *table, struct fault *fault)
{
    return side->engine->select(side, table, fault) || fault_prefix(fault, "%s: ", side->text);
}

static enum store_result fetch_row(struct copy_side *side, struct copy_value *row, struct fault *fault)
{
    enum store_result result = side->engine->fetch(side, row, fault);
    if (result == STORE_FAILED)
        fault_prefix(fault, "%s: ", side->text);
    return result;
}

static bool expect_empty(struct copy *copy, struct fault *fault)
{
    for (size_t i = 0; i < copy->tables.count; i++) {
        const struct copy_table *table = &copy->tables.tables[i];
        struct copy_value *row = copy_row_new(copy->arena, table);
        enum store_result result =
            select_rows(copy->to, table, fault) ? fetch_row(copy->to, row, fault) : STORE_FAILED;
        if (result == STORE_OK)
            return fault_set(fault,
                             "%s is not empty: its table %s has rows, and a copy replaces none; name a new "
                             "database",
                             copy->to->text, table->name);
        if (result == STORE_FAILED)
            return false;
    }
    return true;
}

static bool copy_rows(struct copy *copy, struct fault *fault)
{
    for (size_t i = 0; i < copy->tables.count; i++) {
        const struct copy_table *table = &copy->tables.tables[i];
        if (!select_rows(copy->from, table, fault) ||
            !copy->to->engine->fill(copy->to, table, copy->from, fault))
            return false;
    }
    return true;
}

/* ---- the comparison ---- */

static bool is_same_value(const struct copy_column *column, const struct copy_value *one,
                          const struct copy_value *other)
{
    if (one->is_null || other->is_null)
        return one->is_null == other->is_null;
    return column->type == ENGINE_INTEGER ? one->integer == other->integer
                                          : bytes_equal(one->octets, other->octets);
}

static bool is_same_key(const struct copy_table *table, const struct copy_value *one,
                        const struct copy_value *other)
{
    for (size_t i = 0; i < table->key_count; i++) {
        size_t at = table->key[i];
        if (!is_same_value(&table->columns[at], &one[at], &other[at]))
            return false;
    }
    return true;
}

static bool refuse_single(const struct copy *copy, const struct copy_side *side,
                          const struct copy_table *table, const struct copy_value *row, struct fault *fault)
{
    return fault_set(fault, "the copy differs: only %s has %s", side->text,
                     copy_row_name(copy->arena, table, row));
}

static bool compare_row(const struct copy *copy, const struct copy_table *table,
                        const struct copy_value *from, const struct copy_value *to, struct fault *fault)
{
    if (!is_same_key(table, from, to))
        return refuse_single(copy, copy->from, table, from, fault);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_same_value(&table->columns[i], &from[i], &to[i]))
            return fault_set(fault, "the copy differs: %s has another %s in %s",
                             copy_row_name(copy->arena, table, from), table->columns[i].name, copy->to->text);
    }
    return true;
}

static bool compare_table(struct copy *copy, const struct copy_table *table, int64_t *rows,
                          struct fault *fault)
{
    struct copy_value *from = copy_row_new(copy->arena, table), *to = copy_row_new(copy->arena, table);
    *rows = 0;
    if (!select_rows(copy->from, table, fault) || !select_rows(copy->to, table, fault))
        return false;
    for (;; ++*rows) {
        enum store_result left = fetch_row(copy->from, from, fault);
        enum store_result right = left != STORE_FAILED ? fetch_row(copy->to, to, fault) : STORE_FAILED;
        if (right == STORE_FAILED)
            return false;
        if (left != STORE_OK && right != STORE_OK)
            return true;
        if (left != right)
            return left == STORE_OK ? refuse_single(copy, copy->from, table, from, fault)
                                    : refuse_single(copy, copy->to, table, to, fault);
        if (!compare_row(copy, table, from, to, fault))
            return false;
    }
}

/* ---- the copy ---- */

static bool run(struct copy *copy, void (*report)(void *context, const char *table, int64_t rows),
                void *context, struct fault *fault)
{
    if (!read_schemas(copy, fault) || !expect_empty(copy, fault) || !copy_rows(copy, fault))
        return false;
    for (size_t i = 0; i < copy->tables.count; i++) {
        int64_t rows;
        if (!compare_table(copy, &copy->tables.tables[i], &rows, fault))
            return false;
        if (report != NULL)
            report(context, copy->tables.tables[i].name, rows);
    }
    return copy->to->engine->keep(copy->to, fault) || fault_prefix(fault, "%s: ", copy->to->text);
}

static bool is_same_place(const struct store_location *one, const struct store_location *other)
{
    return one->engine == other->engine && strcmp(one->text, other->text) == 0;
}

bool store_copy(const struct store_location *from, const struct store_location *to,
                void (*report)(void *context, const char *table, int64_t rows), void *context,
                struct fault *fault)
{
    if (is_same_place(from, to))
        return fault_set(fault, "%s cannot be copied to itself", from->text);
    struct copy copy = {.arena = arena_new()};
    copy.from = from->engine->copy->open_source(from, fault);
    copy.to = copy.from != NULL ? to->engine->copy->open_target(to, fault) : NULL;
    bool copied = copy.to != NULL && run(&copy, report, context, fault);
    if (copy.to != NULL)
        copy.to->engine->close(copy.to);
    if (copy.from != NULL)
        copy.from->engine->close(copy.from);
    arena_free(copy.arena);
    return copied;
}
