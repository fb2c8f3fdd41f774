/* SPDX-License-Identifier: Apache-2.0 */
/* How PostgreSQL runs a statement. Values go and come in binary form. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/arena.h"
#include "store/postgresql/columns.h"

/* From the catalogue pg_type; they never change. */
enum {
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_TEXT = 25,
};

static void *prepare(struct store_reader *reader, enum statement_group group, size_t index)
{
    struct postgresql_reader *own = (struct postgresql_reader *)reader;
    struct postgresql_statement **kept = &own->statements[group][index];
    const struct statement *statement = &store_statement_table(group)->statements[index];
    if (*kept != NULL)
        return *kept;
    struct postgresql_statement *made = calloc(1, sizeof *made);
    if (made == NULL)
        end_without("memory");
    made->owner = own;
    made->label = statement->name;
    snprintf(made->name, sizeof made->name, "s%u", own->next_name++);
    if (!statement_translate(statement->sql, made)) {
        store_log("store: %s: more than %d parameters", statement->name, PARAMETERS_MAX);
        statement_free(made);
        return NULL;
    }
    *kept = made;
    return made;
}

static void reset(void *prepared)
{
    struct postgresql_statement *statement = prepared;
    PQclear(statement->result);
    statement->result = NULL;
    for (int i = 0; i < statement->parameters; i++) {
        free(statement->copies[i]);
        statement->copies[i] = NULL;
        statement->values[i] = NULL;
    }
}

/* ---- parameters ---- */

static int parameter(void *prepared, const char *name)
{
    const struct postgresql_statement *statement = prepared;
    for (int i = 0; i < statement->parameters; i++) {
        if (strcmp(statement->names[i], name) == 0)
            return i + 1;
    }
    return 0;
}

static const char *bind(struct postgresql_statement *statement, int number, Oid type, const void *value,
                        size_t n)
{
    int i = number - 1;
    if (n > INT_MAX)
        return "a value is too long";
    statement->types[i] = type;
    statement->values[i] = value;
    statement->lengths[i] = (int)n;
    statement->formats[i] = 1;
    return NULL;
}

static const char *bind_integer(void *prepared, int number, int64_t value)
{
    struct postgresql_statement *statement = prepared;
    uint64_t *integer = &statement->integers[number - 1];
    *integer = htobe64((uint64_t)value);
    return bind(statement, number, OID_INT8, integer, sizeof *integer);
}

static const char *bind_null(void *prepared, int number, enum engine_type type)
{
    static const Oid types[] = {
        [ENGINE_INTEGER] = OID_INT8, [ENGINE_TEXT] = OID_TEXT, [ENGINE_BLOB] = OID_BYTEA};
    return bind(prepared, number, types[type], NULL, 0);
}

static const char *bind_text(void *prepared, int number, struct bytes text, bool copy)
{
    struct postgresql_statement *statement = prepared;
    const char *characters = text.n == 0 ? "" : (const char *)text.p;
    if (memchr(characters, '\0', text.n) != NULL)
        return "a text has a NUL in it";
    if (copy) {
        free(statement->copies[number - 1]);
        statement->copies[number - 1] = strndup(characters, text.n);
        characters = statement->copies[number - 1];
        if (characters == NULL)
            end_without("memory");
    }
    return bind(statement, number, OID_TEXT, characters, text.n);
}

static const char *bind_blob(void *prepared, int number, struct bytes blob)
{
    return bind(prepared, number, OID_BYTEA, blob.p, blob.n);
}

/* ---- running ---- */

static bool run_once(struct postgresql_statement *statement)
{
    PQclear(statement->result);
    statement->result = NULL;
    return pipeline_send(statement) && pipeline_collect(statement->owner, &statement->result);
}

/* Outside a transaction nothing is lost when a lost connection is made anew. */
static bool run(struct postgresql_statement *statement)
{
    struct postgresql_reader *own = statement->owner;
    statement->row = -1;
    if (own->is_open)
        return run_once(statement);
    if (!session_is_alive(own))
        return false;
    return run_once(statement) || (own->connection == NULL && session_is_alive(own) && run_once(statement));
}

static enum store_result step(void *prepared, const char **why)
{
    struct postgresql_statement *statement = prepared;
    struct postgresql_reader *own = statement->owner;
    if (statement->result == NULL && !run(statement)) {
        *why = own->why;
        return STORE_FAILED;
    }
    if (statement->row < 0)
        own->changed = strtoll(PQcmdTuples(statement->result), NULL, 10);
    if (++statement->row >= PQntuples(statement->result))
        return STORE_NOT_FOUND;
    *why = own->why;
    return columns_are_readable(statement->result, statement->row, own->why) ? STORE_OK : STORE_FAILED;
}

static const char *send_later(void *prepared)
{
    struct postgresql_statement *statement = prepared;
    struct postgresql_reader *own = statement->owner;
    const char *why = NULL;
    if (own->is_open && !own->careful)
        return pipeline_send(statement) ? NULL : own->why;
    return step(statement, &why) == STORE_FAILED ? why : NULL;
}

static int64_t changed(const struct store_reader *reader)
{
    return ((const struct postgresql_reader *)reader)->changed;
}

/* ---- columns ---- */

static int64_t integer(void *prepared, int column)
{
    const struct postgresql_statement *statement = prepared;
    return column_integer(statement->result, statement->row, column);
}

static bool octets(void *prepared, int column, struct bytes *out, const char **why)
{
    struct postgresql_statement *statement = prepared;
    (void)why;
    return column_octets(statement->result, statement->row, column, statement->numbers[column], out);
}

static size_t column_count(void *prepared)
{
    const struct postgresql_statement *statement = prepared;
    return (size_t)PQnfields(statement->result);
}

static const char *column_name(void *prepared, int column)
{
    const struct postgresql_statement *statement = prepared;
    return PQfname(statement->result, column);
}

static bool is_number(void *prepared, int column)
{
    const struct postgresql_statement *statement = prepared;
    return column_is_number(statement->result, statement->row, column);
}

const struct engine_rows postgresql_rows = {
    .prepare = prepare,
    .reset = reset,
    .parameter = parameter,
    .bind_integer = bind_integer,
    .bind_null = bind_null,
    .bind_text = bind_text,
    .bind_blob = bind_blob,
    .step = step,
    .send = send_later,
    .changed = changed,
    .integer = integer,
    .octets = octets,
    .column_count = column_count,
    .column_name = column_name,
    .is_number = is_number,
};
