/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

LEAK_CHECKED_SUITE(ids);

Test(ids, ids_follow_the_clock_and_never_go_back)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    int64_t first = store_next_id(database.writer, NOW * 1000);
    cr_assert_eq(first, (NOW - 1767225600) * 1000 * 4096);
    cr_assert_eq(store_next_id(database.writer, NOW * 1000), first + 1);
    cr_assert_eq(store_next_id(database.writer, (NOW - 3600) * 1000), first + 2);
    cr_assert_eq(store_next_id(database.writer, NOW * 1000 + 1), first + 4096);
    cr_assert_lt(store_next_id(database.writer, (NOW + INT64_C(60) * 365 * 86400) * 1000), INT64_C(1) << 53);
    database_end(&database);
}

/* A busy server hands out thousands in a second, which objects are numbered by. */
Test(ids, ids_of_a_command_are_apart_from_those_of_a_server_in_the_same_second)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    struct store_command *command = store_command_open(database.location, &fault);
    cr_assert_not_null(command, "%s", fault.message);
    int64_t commands = store_next_id(command->writer, NOW * 1000), servers = 0;
    for (size_t i = 0; i < 100000; i++)
        servers = store_next_id(database.writer, NOW * 1000);
    cr_expect_gt(commands, servers);
    cr_expect_lt(store_next_id(command->writer, NOW * 1000) + 100000,
                 store_next_id(database.writer, (NOW + 1) * 1000));
    store_command_close(command);
    database_end(&database);
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
        cr_expect_eq(store_next_id(database.writer, NOW * 1000), highest + 1, "%s", tables[i]);
    }
    database_end(&database);
}
