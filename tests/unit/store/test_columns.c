/* SPDX-License-Identifier: Apache-2.0 */
/* Values as the engines give them to the store. */
#include "database.h"
#include "odd_statements.h"
#include "store/sql/query.h"
#include "writes.h"

LEAK_CHECKED_SUITE(columns);
LEAK_CHECKED_SUITE(postgresql_columns);

struct value {
    struct statement statement; /* of one column and one row */
    int64_t integer;
    const char *text; /* NULL: NULL */
    bool is_number;
};

static void expect_value(struct store_reader *reader, struct arena *arena, const struct value *value)
{
    odd_statements_use(&value->statement, 1);
    QUERY(query, reader, arena, ODD_STATEMENTS, 0);
    cr_assert_eq(query_next(&query), STORE_OK, "%s", value->statement.sql);
    cr_expect_eq(query_column_is_number(&query), value->is_number, "%s", value->statement.sql);
    cr_expect_eq(query_take_integer(&query), value->integer, "%s", value->statement.sql);
    query.column = 0;
    const char *text = query_take_text(&query);
    cr_expect_eq(text == NULL, value->text == NULL, "%s", value->statement.sql);
    if (text != NULL && value->text != NULL)
        cr_expect_str_eq(text, value->text, "%s", value->statement.sql);
}

/* Each on a connection of its own, which prepares it. */
static void expect_values(const struct value *values, size_t count)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    for (size_t i = 0; i < count; i++) {
        struct fault fault;
        struct store_reader *reader = store_reader_open(database.location, &fault);
        cr_assert_not_null(reader, "%s", fault.message);
        expect_value(reader, database.arena, &values[i]);
        store_reader_close(reader);
    }
    database_end(&database);
}

#define ROWS(values) "(SELECT " values ") AS subquery_rows"
#define THREE        ROWS("1 AS n UNION ALL SELECT 2 UNION ALL SELECT 4")

Test(columns, numbers_are_the_same_in_both_engines)
{
    static const struct value values[] = {
        {{"count", "SELECT count(*) FROM " THREE}, 3, "3", true},
        {{"sum", "SELECT sum(n) FROM " THREE}, 7, "7", true},
        {{"negative sum", "SELECT sum(-n) FROM " THREE}, -7, "-7", true},
        {{"sum of nothing", "SELECT sum(n) FROM " THREE " WHERE n > 9"}, 0, NULL, false},
        {{"zero", "SELECT sum(n) FROM " ROWS("0 AS n")}, 0, "0", true},
        {{"large sum", "SELECT sum(n) FROM " ROWS("9223372036854775807 AS n")},
         INT64_MAX,
         "9223372036854775807",
         true},
        {{"least sum", "SELECT sum(n) FROM " ROWS("-9223372036854775807 - 1 AS n")},
         INT64_MIN,
         "-9223372036854775808",
         true},
        {{"round sum", "SELECT sum(n) FROM " ROWS("50000000 AS n UNION ALL SELECT 50000000")},
         100000000,
         "100000000",
         true},
        {{"average", "SELECT avg(n) FROM " THREE}, 2, "2.33333333333333", true},
        {{"whole average", "SELECT avg(n) FROM " ROWS("2 AS n")}, 2, "2.0", true},
        {{"negative average", "SELECT avg(-n) FROM " THREE}, -2, "-2.33333333333333", true},
        {{"small", "SELECT avg(n) / 1000000 FROM " THREE}, 0, "2.33333333333333e-06", true},
        {{"real", "SELECT CAST(1.5 AS double precision)"}, 1, "1.5", true},
        {{"whole real", "SELECT CAST(3 AS double precision)"}, 3, "3.0", true},
        {{"huge real", "SELECT CAST('1e300' AS double precision)"}, INT64_MAX, "1.0e+300", true},
        {{"low real", "SELECT CAST('-1e300' AS double precision)"}, INT64_MIN, "-1.0e+300", true},
        {{"text", "SELECT CAST('words' AS text)"}, 0, "words", false},
        {{"no text", "SELECT CAST(NULL AS text)"}, 0, NULL, false},
    };
    expect_values(values, sizeof values / sizeof *values);
}

Test(postgresql_columns, numbers_of_its_own_types_are_read)
{
    static const struct value values[] = {
        {{"time", "SELECT extract(epoch FROM timestamptz '2026-06-01 00:00:00Z')"},
         NOW,
         "1780272000.0",
         true},
        {{"float4", "SELECT 1.5::float4"}, 1, "1.5", true},
        {{"int2", "SELECT (-2)::int2"}, -2, "-2", true},
        {{"int4", "SELECT (-70000)::int4"}, -70000, "-70000", true},
        {{"bool", "SELECT true"}, 1, "1", true},
        {{"scale", "SELECT 10000.0001::numeric"}, 10000, "10000.0001", true},
        {{"beyond", "SELECT 9223372036854775808::numeric"}, INT64_MAX, "9.22337203685478e+18", true},
        {{"round", "SELECT 100000000000000000000::numeric"}, INT64_MAX, "1.0e+20", true},
        {{"low", "SELECT -9223372036854775809::numeric"}, INT64_MIN, "-9.22337203685478e+18", true},
        {{"jsonb", "SELECT '{\"a\": 1}'::jsonb"}, 0, "{\"a\": 1}", false},
        {{"name", "SELECT 'n'::name"}, 0, "n", false},
    };
    expect_values(values, sizeof values / sizeof *values);
}

static char heard[512];

static void hear(const char *message)
{
    snprintf(heard, sizeof heard, "%s", message);
}

Test(postgresql_columns, what_cannot_be_read_is_a_fault_that_names_the_column)
{
    static const struct {
        struct statement statement;
        const char *words;
    } cases[] = {
        {{"a_time", "SELECT now() AS moment"}, "store: a_time: the column moment has the type 1184"},
        {{"a_day", "SELECT current_date AS day"}, "store: a_day: the column day has the type 1082"},
        {{"numbers", "SELECT 1, ARRAY[1, 2] AS list"}, "store: numbers: the column list has the type 1007"},
        {{"no_number", "SELECT 'NaN'::numeric AS n"}, "store: no_number: the column n has a value that"},
        {{"endless", "SELECT 'infinity'::float8 AS n"}, "store: endless: the column n has a value that"},
        {{"huge", "SELECT 10::numeric ^ 400 AS n"}, "store: huge: the column n has a value that"},
        {{"null", "SELECT NULL::date AS day"}, "store: null: the column day has the type 1082"},
    };
    struct database database;
    store_set_log(hear);
    database_begin(&database);
    database_connect(&database);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault;
        struct store_reader *reader = store_reader_open(database.location, &fault);
        cr_assert_not_null(reader, "%s", fault.message);
        odd_statements_use(&cases[i].statement, 1);
        struct query query = query_begin(reader, database.arena, ODD_STATEMENTS, 0);
        cr_expect_eq(query_next(&query), STORE_FAILED, "%s", cases[i].statement.sql);
        cr_expect_not_null(strstr(heard, cases[i].words), "%s", heard);
        cr_expect_eq(query_take_integer(&query), 0);
        query_end(&query);
        store_reader_close(reader);
    }
    database_end(&database);
}
