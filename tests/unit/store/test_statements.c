/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "database.h"

LEAK_CHECKED_SUITE(statements);

/* True for a step of a query plan that reads a whole table or index. The statements give each subquery in
 * FROM a name that begins with subquery_: PostgreSQL 15 demands a name. The table of gateways has a few rows.
 */
static bool reads_everything(const char *detail)
{
    return strncmp(detail, "SCAN ", 5) == 0 && strncmp(detail, "SCAN CONSTANT ROW", 17) != 0 &&
           strncmp(detail, "SCAN (", 6) != 0 && strncmp(detail, "SCAN subquery_", 14) != 0 &&
           strncmp(detail, "SCAN gateways", 13) != 0;
}

/* A start, and a takeover, read all due work. The indexes hold nothing else. */
static bool may_read_due_work(const char *name, const char *detail)
{
    static const char *const names[] = {"abandoned_owner_after", "orders_take", "authorizations_take",
                                        "revocations_take"};
    bool may = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        may = may || strcmp(name, names[i]) == 0;
    return may && (strstr(detail, "_due") != NULL || strstr(detail, "INDEX orders_processing") != NULL);
}

/* Listings that are told by a filter: what they are of is found by that, not row by row by id. */
static bool begins_at_its_filter(const char *name, const char *detail)
{
    bool by_range = strstr(detail, "(rowid<?)") != NULL || strstr(detail, "(rowid>? AND rowid<?)") != NULL;
    return strstr(name, "listing_") != name || strstr(name, "_by_") == NULL || !by_range;
}

static size_t check_plan(sqlite3 *db, const struct statement *statement)
{
    char sql[4096];
    size_t steps = 0;
    sqlite3_stmt *prepared;
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", statement->sql);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &prepared, NULL), SQLITE_OK, "%s: %s", statement->name,
                 sqlite3_errmsg(db));
    while (sqlite3_step(prepared) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(prepared, 3);
        cr_expect(!reads_everything(detail) || may_read_due_work(statement->name, detail), "%s: %s",
                  statement->name, detail);
        cr_expect(begins_at_its_filter(statement->name, detail), "%s: %s", statement->name, detail);
        steps++;
    }
    sqlite3_finalize(prepared);
    return steps;
}

Test(statements, none_reads_a_whole_table)
{
    struct database database;
    size_t steps = 0;
    database_begin(&database);
    database_connect(&database);
    for (enum statement_group group = 0; group < STATEMENT_GROUP_END; group++) {
        const struct statement_table *table = store_statement_table(group);
        for (size_t i = 0; group != STATEMENTS_TRANSACTIONS && i < table->count; i++)
            steps += check_plan(database_of(database.writer->reader), &table->statements[i]);
    }
    cr_assert_gt(steps, 30);
    database_end(&database);
}

Test(statements, the_check_recognizes_a_scan)
{
    cr_assert(reads_everything("SCAN orders"));
    cr_assert(reads_everything("SCAN o USING INDEX orders_by_account"));
    cr_assert_not(reads_everything("SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)"));
    const char *by_range = "SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    cr_assert(begins_at_its_filter("listing_orders", by_range));
    cr_assert_not(begins_at_its_filter("listing_orders_by_name", by_range));
}

Test(statements, every_one_is_named_and_fits_its_place)
{
    for (enum statement_group group = 0; group < STATEMENT_GROUP_END; group++) {
        const struct statement_table *table = store_statement_table(group);
        cr_assert_leq(table->count, STATEMENTS_IN_GROUP_MAX);
        for (size_t i = 0; i < table->count; i++) {
            cr_expect_not_null(table->statements[i].name, "group %d, statement %zu", (int)group, i);
            cr_expect_not_null(table->statements[i].sql, "group %d, statement %zu", (int)group, i);
        }
    }
}

Test(statements, every_parameter_is_named)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    for (enum statement_group group = 0; group < STATEMENT_GROUP_END; group++) {
        const struct statement_table *table = store_statement_table(group);
        for (size_t i = 0; i < table->count; i++) {
            sqlite3_stmt *prepared = sqlite_rows.prepare(store_reader_of(database.writer), group, i);
            cr_assert_not_null(prepared, "%s", table->statements[i].name);
            for (int n = 1; n <= sqlite3_bind_parameter_count(prepared); n++) {
                const char *name = sqlite3_bind_parameter_name(prepared, n);
                cr_expect(name != NULL && name[0] == '$', "%s, parameter %d", table->statements[i].name, n);
            }
        }
    }
    database_end(&database);
}

Test(statements, a_prepared_one_is_kept)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    sqlite3_stmt *first = sqlite_rows.prepare(store_reader_of(database.writer), STATEMENTS_ORDERS, 0);
    cr_assert_not_null(first);
    cr_assert_eq(sqlite_rows.prepare(store_reader_of(database.writer), STATEMENTS_ORDERS, 0), first);
    database_end(&database);
}
