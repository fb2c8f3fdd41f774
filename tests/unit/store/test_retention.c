#include <time.h>

#include "database.h"

LEAK_CHECKED_SUITE(retention);

enum { DAY = 86400 };

static struct retention everything_older_than(int64_t age, int64_t now)
{
    return (struct retention){now - age, now - age, now - age, now};
}

/* A pass to its end, each step in a transaction of its own; how many steps it took. */
static int run_pass(struct database *database, struct retention retention, struct retention_pass *pass)
{
    int steps = 0;
    *pass = (struct retention_pass){0};
    for (; !pass->finished; steps++) {
        cr_assert_lt(steps, 10000);
        cr_assert_eq(sqlite3_exec(database->writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        cr_assert_eq(store_retention_step(database->writer, &retention, pass), STORE_OK);
        cr_assert_eq(sqlite3_exec(database->writer->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    }
    return steps;
}

static void issue_many(struct database *database, const struct account *account, int count)
{
    cr_assert_eq(sqlite3_exec(database->writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < count; i++)
        make_issued_order(database, account, arena_printf(database->arena, "host-%d.example.org", i), NULL);
    cr_assert_eq(sqlite3_exec(database->writer->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static int64_t rows(const struct database *database, const char *table)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return database_count(database, sql);
}

Test(retention, what_is_old_goes_and_the_account_stays)
{
    static const char *const emptied[] = {"orders",   "order_authorizations", "authorizations",
                                          "attempts", "certificates",         "certificate_names",
                                          "events"};
    struct database database;
    struct retention_pass pass;
    struct store_error error;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    issue_many(&database, &account, 200);
    int steps = run_pass(&database, everything_older_than(400 * DAY, NOW + 500 * DAY), &pass);
    cr_assert_gt(steps, 4, "in steps");
    for (size_t i = 0; i < sizeof emptied / sizeof *emptied; i++)
        cr_expect_eq(rows(&database, emptied[i]), 0, "%s", emptied[i]);
    cr_assert_eq(rows(&database, "accounts"), 1);
    cr_assert(pass.orders == 200 && pass.authorizations == 200 && pass.certificates == 200 &&
              pass.events == 1600);
    cr_assert(store_check(database.path, NULL, &error), "%s", error.message);
    database_end(&database);
}

Test(retention, nothing_that_is_young_goes)
{
    struct database database;
    struct retention_pass pass;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    make_issued_order(&database, &account, "www.example.org", NULL);
    run_pass(&database, everything_older_than(400 * DAY, NOW + 399 * DAY), &pass);
    run_pass(&database, (struct retention){.now = NOW + 9999 * (int64_t)DAY}, &pass);
    cr_assert(rows(&database, "orders") == 1 && rows(&database, "certificates") == 1 &&
              rows(&database, "events") == 8);
    database_end(&database);
}

Test(retention, what_is_needed_stays_however_old)
{
    static const struct {
        const char *what;
        const char *change;
        int64_t orders, certificates;
    } cases[] = {
        {"a certificate that has not expired", "UPDATE certificates SET not_after = $later", 1, 1},
        {"a revocation that is not confirmed", "UPDATE certificates SET revocation_requested_at = 1", 1, 1},
        {"an order in processing", "UPDATE orders SET status = 'processing'", 1, 1},
        {"an order that may go while its certificate is kept", "UPDATE certificates SET not_after = $recent",
         0, 1},
        {"a confirmed revocation needs nothing",
         "UPDATE certificates SET revocation_requested_at = 1, revoked_at = 1, status = 'revoked'", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct retention_pass pass;
        int64_t now = NOW + 500 * DAY;
        database_begin(&database);
        database_connect(&database);
        struct account account = make_account(&database, "a");
        make_issued_order(&database, &account, "www.example.org", NULL);
        const char *value = strstr(cases[i].change, "$later") != NULL ? "later" : "recent";
        int64_t not_after = strcmp(value, "later") == 0 ? now + DAY : now - DAY;
        const char *at = strchr(cases[i].change, '$');
        database_run(&database, at == NULL
                                    ? cases[i].change
                                    : arena_printf(database.arena, "%.*s%lld", (int)(at - cases[i].change),
                                                   cases[i].change, (long long)not_after));
        run_pass(&database, everything_older_than(400 * DAY, now), &pass);
        cr_expect_eq(rows(&database, "orders"), cases[i].orders, "%s", cases[i].what);
        cr_expect_eq(rows(&database, "authorizations"), cases[i].orders, "%s", cases[i].what);
        cr_expect_eq(rows(&database, "certificates"), cases[i].certificates, "%s", cases[i].what);
        database_end(&database);
    }
}

Test(retention, an_authorization_stays_while_an_order_rests_on_it)
{
    struct database database;
    struct retention_pass pass;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    struct authorization shared = make_authorization(&database, &account, "www.example.org");
    struct order first = make_order(&database, &account, &shared, 1);
    make_order(&database, &account, &shared, 1);
    database_run(&database,
                 arena_printf(database.arena, "UPDATE orders SET expires_at = %lld WHERE id <> %lld",
                              (long long)(NOW + 500 * DAY), (long long)first.id));
    run_pass(&database, everything_older_than(400 * DAY, NOW + 500 * DAY), &pass);
    cr_assert(rows(&database, "orders") == 1 && rows(&database, "authorizations") == 1);
    database_end(&database);
}

/* Clients come and go, and the file is as long after a year as after a month. */
Test(retention, the_file_stops_growing)
{
    enum { ROUNDS = 12, SETTLED = 2, ORDERS = 150 };
    struct database database;
    struct retention_pass pass;
    int64_t settled = 0, given_back = 0;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    for (int round = 0; round < ROUNDS; round++) {
        issue_many(&database, &account, ORDERS);
        int64_t pages = database_count(&database, "PRAGMA page_count");
        if (round == SETTLED)
            settled = pages;
        cr_assert(round <= SETTLED || pages <= settled, "round %d: %lld pages, %lld before", round,
                  (long long)pages, (long long)settled);
        run_pass(&database, everything_older_than(400 * DAY, NOW + 500 * DAY), &pass);
        given_back += pass.pages;
        cr_assert_leq(database_count(&database, "PRAGMA freelist_count"),
                      database_count(&database, "PRAGMA page_count") / 4);
    }
    cr_assert_gt(given_back, 0);
    database_end(&database);
}

/* Among many that stay, a step looks at a few and moves on. */
Test(retention, a_step_is_bounded)
{
    struct database database;
    struct retention_pass pass = {0};
    struct retention retention = everything_older_than(400 * DAY, NOW + 500 * DAY);
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    issue_many(&database, &account, 300);
    cr_assert_eq(store_retention_step(database.writer, &retention, &pass), STORE_OK);
    cr_assert(pass.orders >= 1 && pass.orders <= 64, "%lld orders in a step", (long long)pass.orders);
    cr_assert_not(pass.finished);
    database_end(&database);
}
