/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, columns and rows of a copy, and their names in statements and messages. */
#include <inttypes.h>

#include "store/sql/copy.h"
#include "store/sql/query.h"

static struct copy_table *table_of(struct arena *arena, struct copy_schema *schema, const char *name)
{
    struct copy_table *last = schema->count == 0 ? NULL : &schema->tables[schema->count - 1];
    if (last != NULL && strcmp(last->name, name) == 0)
        return last;
    schema->tables = array_with_room(arena, schema->tables, schema->count, sizeof schema->tables[0]);
    schema->tables[schema->count] = (struct copy_table){.name = arena_duplicate(arena, name)};
    return &schema->tables[schema->count++];
}

void copy_add_column(struct arena *arena, struct copy_schema *schema, const struct copy_found *found,
                     const char *const types[3])
{
    struct copy_table *table = table_of(arena, schema, found->table);
    const char *name = arena_duplicate(arena, found->column);
    enum engine_type type = ENGINE_INTEGER;
    while (type <= ENGINE_BLOB && strcmp(types[type], found->type) != 0)
        type++;
    if (type > ENGINE_BLOB || found->place > COPY_KEY_COLUMNS_MAX) {
        table->odd = name;
        return;
    }
    table->columns = array_with_room(arena, table->columns, table->column_count, sizeof table->columns[0]);
    table->columns[table->column_count] = (struct copy_column){name, type};
    if (found->place != 0)
        table->key[found->place - 1] = table->column_count;
    if (found->place > table->key_count)
        table->key_count = found->place;
    table->column_count++;
}

struct copy_value *copy_row_new(struct arena *arena, const struct copy_table *table)
{
    return arena_alloc_array(arena, table->column_count, sizeof(struct copy_value));
}

static const char *value_text(struct arena *arena, const struct copy_column *column,
                              const struct copy_value *value)
{
    return column->type == ENGINE_INTEGER ? arena_printf(arena, "%" PRId64, value->integer)
                                          : arena_string(arena, value->octets);
}

const char *copy_row_name(struct arena *arena, const struct copy_table *table, const struct copy_value *row)
{
    const char *name = arena_printf(arena, "the row of %s with", table->name);
    for (size_t i = 0; i < table->key_count; i++) {
        size_t at = table->key[i];
        name = arena_printf(arena, "%s%s %s %s", name, i == 0 ? "" : ",", table->columns[at].name,
                            value_text(arena, &table->columns[at], &row[at]));
    }
    return name;
}

/* The names come from the database's own catalogue: none has a quote in it, or the statement fails. */
static const char *append_name(struct arena *arena, const char *list, const char *name)
{
    return arena_printf(arena, "%s%s\"%s\"", list, *list == '\0' ? "" : ", ", name);
}

const char *copy_column_names(struct arena *arena, const struct copy_table *table)
{
    const char *list = "";
    for (size_t i = 0; i < table->column_count; i++)
        list = append_name(arena, list, table->columns[i].name);
    return list;
}

const char *copy_selection(struct arena *arena, const struct copy_table *table)
{
    const char *key = "";
    for (size_t i = 0; i < table->key_count; i++)
        key = append_name(arena, key, table->columns[table->key[i]].name);
    return arena_printf(arena, "SELECT %s FROM \"%s\" ORDER BY %s", copy_column_names(arena, table),
                        table->name, key);
}
