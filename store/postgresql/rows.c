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
    if (!statement_translate(statement->sql, made)) {
        store_log("store: %s: more than %d parameters", statement->name, PARAMETERS_MAX);
        statement_free(made);
        return NULL;
    }
    *kept = made;
    return made;
}

/* Forgets the present run, but not the values. */
static void end_run(struct postgresql_statement *statement)
{
    PQclear(statement->result);
    statement->result = NULL;
    statement->asked = statement->kept = false;
    statement->run++;
}

static void clear(struct postgresql_statement *statement)
{
    end_run(statement);
    for (int i = 0; i < statement->parameters; i++) {
        free(statement->copies[i]);
        statement->copies[i] = NULL;
        statement->values[i] = NULL;
    }
}

static void reset(void *prepared)
{
    struct postgresql_statement *statement = prepared;
    if (!statement->kept)
        clear(statement);
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

/* True when the run that was kept has this value. Otherwise it is of no use. */
static bool is_kept(struct postgresql_statement *statement, int i, const void *value, size_t n)
{
    if (!statement->kept)
        return false;
    const char *bound = statement->values[i];
    if (bound == NULL ? value == NULL
                      : value != NULL && (size_t)statement->lengths[i] == n && memcmp(bound, value, n) == 0)
        return true;
    end_run(statement);
    return false;
}

static void bind(struct postgresql_statement *statement, int i, Oid type, const void *value, size_t n)
{
    statement->types[i] = type;
    statement->values[i] = value;
    statement->lengths[i] = (int)n;
    statement->formats[i] = 1;
}

static const char *bind_integer(void *prepared, int number, int64_t value)
{
    struct postgresql_statement *statement = prepared;
    int i = number - 1;
    uint64_t integer = htobe64((uint64_t)value);
    if (is_kept(statement, i, &integer, sizeof integer))
        return NULL;
    statement->integers[i] = integer;
    bind(statement, i, OID_INT8, &statement->integers[i], sizeof integer);
    return NULL;
}

static const char *bind_null(void *prepared, int number, enum engine_type type)
{
    static const Oid types[] = {
        [ENGINE_INTEGER] = OID_INT8, [ENGINE_TEXT] = OID_TEXT, [ENGINE_BLOB] = OID_BYTEA};
    struct postgresql_statement *statement = prepared;
    if (!is_kept(statement, number - 1, NULL, 0))
        bind(statement, number - 1, types[type], NULL, 0);
    return NULL;
}

static char *copy_of(const void *octets, size_t n)
{
    char *copy = malloc(n + 1);
    if (copy == NULL)
        end_without("memory");
    memcpy(copy, octets, n);
    return copy;
}

/* Puts the value into memory of the statement. */
static void own_value(struct postgresql_statement *statement, int i)
{
    char *copy = copy_of(statement->values[i], (size_t)statement->lengths[i]);
    free(statement->copies[i]);
    statement->values[i] = statement->copies[i] = copy;
}

static const char *bind_octets(struct postgresql_statement *statement, int number, Oid type,
                               struct bytes octets)
{
    if (octets.n > INT_MAX)
        return "a value is too long";
    if (!is_kept(statement, number - 1, octets.p, octets.n))
        bind(statement, number - 1, type, octets.p, octets.n);
    return NULL;
}

static const char *bind_text(void *prepared, int number, struct bytes text, bool copy)
{
    struct postgresql_statement *statement = prepared;
    if (text.n == 0)
        text = bytes_of("", 0);
    if (memchr(text.p, '\0', text.n) != NULL)
        return "a text has a NUL in it";
    const char *why = bind_octets(statement, number, OID_TEXT, text);
    if (why == NULL && copy && !statement->kept)
        own_value(statement, number - 1);
    return why;
}

static const char *bind_blob(void *prepared, int number, struct bytes blob)
{
    return bind_octets(prepared, number, OID_BYTEA, blob);
}

/* ---- running ---- */

/* True with a result, which `ask` may have sent for before. */
static bool run_once(struct postgresql_statement *statement)
{
    if (!statement->asked && !pipeline_ask(statement))
        return false;
    statement->asked = false;
    bool good = pipeline_collect(statement->owner, NULL);
    return statement->result != NULL && (good || !statement->owner->broken);
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

/* NULL when the whole transaction runs again: the query is not at fault. */
static const char *why_failed(const struct postgresql_reader *own)
{
    return own->again ? NULL : own->why;
}

static enum store_result step(void *prepared, const char **why)
{
    struct postgresql_statement *statement = prepared;
    struct postgresql_reader *own = statement->owner;
    statement->kept = false;
    if (statement->result == NULL && !run(statement)) {
        *why = why_failed(own);
        return STORE_FAILED;
    }
    if (statement->row < 0)
        own->changed = strtoll(PQcmdTuples(statement->result), NULL, 10);
    if (++statement->row >= PQntuples(statement->result))
        return STORE_NOT_FOUND;
    *why = own->why;
    return columns_are_readable(statement->result, statement->row, own->why) ? STORE_OK : STORE_FAILED;
}

/* The values have to be there when the same ones are bound again. */
static void keep_values(struct postgresql_statement *statement)
{
    for (int i = 0; i < statement->parameters; i++) {
        const char *value = statement->values[i];
        if (value != NULL && value != statement->copies[i] && value != (const char *)&statement->integers[i])
            own_value(statement, i);
    }
}

/* True with room for one more, without those that were used since. */
static bool may_keep(struct postgresql_reader *own)
{
    size_t count = 0;
    for (size_t i = 0; i < own->kept_count; i++) {
        if (own->kept[i]->kept)
            own->kept[count++] = own->kept[i];
    }
    own->kept_count = count;
    return count < KEPT_MAX;
}

static void ask(void *prepared)
{
    struct postgresql_statement *statement = prepared;
    struct postgresql_reader *own = statement->owner;
    if (statement->kept || own->careful || !may_keep(own))
        return;
    statement->row = -1;
    statement->asked = statement->kept = pipeline_ask(statement);
    if (!statement->kept)
        return;
    keep_values(statement);
    own->kept[own->kept_count++] = statement;
}

static void forget(struct store_reader *reader)
{
    struct postgresql_reader *own = (struct postgresql_reader *)reader;
    for (; own->kept_count != 0; own->kept_count--) {
        struct postgresql_statement *statement = own->kept[own->kept_count - 1];
        if (statement->kept)
            clear(statement);
    }
}

static enum store_result send_later(void *prepared, bool must_change, const char **why)
{
    struct postgresql_statement *statement = prepared;
    struct postgresql_reader *own = statement->owner;
    forget(&own->reader);
    if (own->is_open && !own->careful) {
        bool sent = pipeline_send_change(statement, must_change);
        *why = sent ? NULL : why_failed(own);
        return sent ? STORE_OK : STORE_FAILED;
    }
    if (step(statement, why) == STORE_FAILED)
        return STORE_FAILED;
    return must_change && own->changed == 0 ? STORE_NOT_FOUND : STORE_OK;
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
    .ask = ask,
    .forget = forget,
    .step = step,
    .send = send_later,
    .changed = changed,
    .integer = integer,
    .octets = octets,
    .column_count = column_count,
    .column_name = column_name,
    .is_number = is_number,
};
