/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

LEAK_CHECKED_SUITE(ids);

/* The first one of the gateway with this number in a millisecond. */
static int64_t first_of(int64_t ms, unsigned number)
{
    return (ms - 1767225600000) * 4096 + 256 * (int64_t)number;
}

Test(ids, ids_follow_the_clock_and_never_go_back)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    int64_t first = store_next_id(database.writer, NOW * 1000);
    cr_assert_eq(first, first_of(NOW * 1000, 1));
    cr_assert_eq(store_next_id(database.writer, NOW * 1000), first + 1);
    cr_assert_eq(store_next_id(database.writer, (NOW - 3600) * 1000), first + 2);
    cr_assert_eq(store_next_id(database.writer, NOW * 1000 + 1), first_of(NOW * 1000 + 1, 1));
    cr_assert_lt(store_next_id(database.writer, (NOW + INT64_C(60) * 365 * 86400) * 1000), INT64_C(1) << 53);
    database_end(&database);
}

/* As many as a busy gateway makes in a second, and more than fit into a millisecond. The clocks of the
 * gateways differ, and one begins behind the ids of another. */
Test(ids, gateways_and_commands_never_make_the_same_id)
{
    enum { IDS = 2000 };
    static const struct {
        unsigned number;
        bool is_command;
        int64_t clock_ms;
        bool continues;
    } makers[] = {{1, false, NOW * 1000, false},      {2, false, NOW * 1000, false},
                  {15, false, NOW * 1000 - 3, false}, {14, false, NOW * 1000 + 4, false},
                  {0, true, NOW * 1000, false},       {3, false, NOW * 1000 - 5000, true},
                  {4, false, NOW * 1000 - 5000, true}};
    enum { MAKERS = sizeof makers / sizeof *makers };
    static int64_t last[MAKERS][IDS];
    for (size_t m = 0; m < MAKERS; m++) {
        struct store_writer writer = {.is_command = makers[m].is_command,
                                      .last_id = makers[m].continues ? last[1][IDS - 1] : 0};
        gateway_set_row(1, makers[m].number);
        for (size_t i = 0; i < IDS; i++) {
            last[m][i] = store_next_id(&writer, makers[m].clock_ms);
            cr_assert_eq(last[m][i] / 256 % 16, makers[m].number, "maker %zu, id %zu", m, i);
            cr_assert(i == 0 || last[m][i] > last[m][i - 1], "maker %zu, id %zu", m, i);
        }
        cr_assert(!makers[m].continues || last[m][0] > last[1][IDS - 1], "maker %zu", m);
    }
}

/* Gives the table's newest row another id. SQLite keeps references only on a connection that asks for it. */
static void database_move_id(const struct database *database, const char *table, long long id)
{
    database_run(database,
                 arena_printf(database->arena,
                              "%sUPDATE %s SET id = %lld WHERE id = (SELECT max(id) FROM %s)",
                              database_is_postgresql() ? "SET session_replication_role = replica;" : "",
                              table, id, table));
}

Test(ids, ids_continue_after_the_highest_of_any_table)
{
    static const char *const tables[] = {"events", "certificates",   "attempts",
                                         "orders", "authorizations", "accounts"};
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    long long highest = (long long)store_next_id(database.writer, NOW * 1000 + 86400000);
    database_run(&database, "INSERT INTO events (id, at, kind, who) VALUES (1, 0, 'x', 'y')");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        database_disconnect(&database);
        highest += 1000;
        database_move_id(&database, tables[i], highest);
        database_connect(&database);
        int64_t next = store_next_id(database.writer, NOW * 1000);
        cr_expect(next > highest && next <= highest + 4096, "%s: %lld", tables[i], (long long)next);
    }
    database_end(&database);
}
