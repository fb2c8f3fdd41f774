/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How store_copy and an engine meet. Private to store/.
 *
 * A side is a database that a copy has to itself: from `open` until `close` no server starts on it. Its
 * tables and columns are read from the database, so that none can be forgotten.
 */
#pragma once

#include "store/sql/engine.h"

enum { COPY_KEY_COLUMNS_MAX = 4 };

struct copy_column {
    const char *name;
    enum engine_type type;
};

struct copy_table {
    const char *name;
    struct copy_column *columns; /* in the order of the schema */
    size_t column_count;
    size_t key[COPY_KEY_COLUMNS_MAX]; /* columns of the primary key */
    size_t key_count;
    const char *odd; /* a column that cannot be copied; NULL: none */
};

/* All tables of the database, by name, in the order of octets. */
struct copy_schema {
    struct copy_table *tables;
    size_t count;
};

struct copy_value {
    bool is_null;
    int64_t integer;     /* of an ENGINE_INTEGER */
    struct bytes octets; /* of any other */
};

/* An engine's side begins with it. */
struct copy_side {
    const struct engine_copy *engine;
    const char *text; /* of the location */
};

/* A function that can fail fills `fault`. */
struct engine_copy {
    /* Opens the side to be read as of one moment. Its schema must be the program's. The location lives on. */
    struct copy_side *(*open_source)(const struct store_location *location, struct fault *fault);
    /* Opens the side to be filled in one transaction. Makes the schema where there is none, and otherwise
     * needs the program's. References between rows are not asked until `keep`. */
    struct copy_side *(*open_target)(const struct store_location *location, struct fault *fault);
    bool (*read_schema)(struct copy_side *side, struct arena *arena, struct copy_schema *out,
                        struct fault *fault);

    /* Begins to read all rows of a table, in the order of its key; an earlier selection ends. The table lives
     * until the selection ends. */
    bool (*select)(struct copy_side *side, const struct copy_table *table, struct fault *fault);
    /* Fills one value a column. They live until the next call. STORE_NOT_FOUND behind the last row. */
    enum store_result (*fetch)(struct copy_side *side, struct copy_value *row, struct fault *fault);

    /* Inserts the rows that `from`, the other side, has selected. */
    bool (*fill)(struct copy_side *side, const struct copy_table *table, struct copy_side *from,
                 struct fault *fault);
    /* Asks whether all references hold, has numbers that the database gives go on behind those of the rows,
     * and commits. */
    bool (*keep)(struct copy_side *side, struct fault *fault);
    /* Without `keep`, a target is empty again. */
    void (*close)(struct copy_side *side);
};

extern const struct engine_copy sqlite_copy, postgresql_copy;

/* Makes a list with room for one value a column. */
struct copy_value *copy_row_new(struct arena *arena, const struct copy_table *table);
/* Names a row in messages: "the row of orders with id 5". */
const char *copy_row_name(struct arena *arena, const struct copy_table *table, const struct copy_value *row);

/* "a", "b": the names of a table's columns, for a statement. */
const char *copy_column_names(struct arena *arena, const struct copy_table *table);
/* SELECT of all its rows, in the order of the key. */
const char *copy_selection(struct arena *arena, const struct copy_table *table);

/* A column as the database describes it. */
struct copy_found {
    const char *table;
    const char *column;
    const char *type;
    size_t place; /* in the primary key, from 1; 0: not part of it */
};
/* Adds it to the schema, in the arena; columns come in the order of the schema, those of a table one behind
 * the other. `types` are the engine's words for the values of enum engine_type. */
void copy_add_column(struct arena *arena, struct copy_schema *schema, const struct copy_found *found,
                     const char *const types[3]);
