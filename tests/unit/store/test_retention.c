/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "database.h"
#include "store/events.h"
#include "store/retention.h"

LEAK_CHECKED_SUITE(retention);
LEAK_CHECKED_SUITE(sqlite_retention);

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
        database_begin_writing(database);
        cr_assert_eq(store_retention_step(database->writer, &retention, pass), STORE_OK);
        database_end_writing(database, true);
    }
    return steps;
}

static void issue_many(struct database *database, const struct account *account, int count)
{
    database_begin_writing(database);
    for (int i = 0; i < count; i++)
        make_issued_order(database, account, arena_printf(database->arena, "host-%d.example.org", i), NULL);
    database_end_writing(database, true);
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
                                          "attempts", "certificates",         "certificate_names"};
    struct database database;
    struct retention_pass pass;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    issue_many(&database, &account, 200);
    int64_t newest_event = database_count(&database, "SELECT max(id) FROM events");
    int steps = run_pass(&database, everything_older_than(400 * DAY, NOW + 500 * DAY), &pass);
    cr_assert_eq(rows(&database, "events"), 1, "the newest stays");
    cr_assert_eq(database_count(&database, "SELECT id FROM events"), newest_event);
    cr_assert_gt(steps, 4, "in steps");
    for (size_t i = 0; i < sizeof emptied / sizeof *emptied; i++)
        cr_expect_eq(rows(&database, emptied[i]), 0, "%s", emptied[i]);
    cr_assert_eq(rows(&database, "accounts"), 1);
    cr_assert(pass.orders == 200 && pass.authorizations == 200 && pass.certificates == 200 &&
              pass.events == 1599);
    cr_assert(store_check(database.location, NULL, &fault), "%s", fault.message);
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

#define REVOKED "revocation_requested_at = 1, revoked_at = 1, status = 'revoked'"

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
        {"a confirmed revocation that has long ended needs nothing", "UPDATE certificates SET " REVOKED, 0,
         0},
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

/* With nothing to be kept: lists name a certificate until one that was made after its end. */
Test(retention, a_revoked_certificate_is_known_for_a_week_after_its_end)
{
    static const struct {
        int64_t days_since_end;
        int64_t certificates;
    } cases[] = {{6, 1}, {8, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct retention_pass pass;
        database_begin(&database);
        database_connect(&database);
        struct account account = make_account(&database, "a");
        make_issued_order(&database, &account, "www.example.org", NULL);
        database_run(&database, "UPDATE certificates SET " REVOKED);
        run_pass(&database, everything_older_than(1, NOW + (cases[i].days_since_end + 1) * DAY), &pass);
        cr_expect_eq(rows(&database, "certificates"), cases[i].certificates, "%lld days after",
                     (long long)cases[i].days_since_end);
        database_end(&database);
    }
}

/* Else a second order might replace it (RFC 9773 §5). */
Test(retention, an_order_that_replaced_a_certificate_stays_while_that_lives)
{
    static const struct {
        const char *what, *replaces;
        int64_t replaced_ends, own_ends; /* days from now */
        int64_t orders;
    } cases[] = {
        {"it lives", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", 1, -1, 1},
        {"it has ended", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", -1, -1, 0},
        {"another lives", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyI", 1, -1, 0},
        {"it has ended, and the order's own lives", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", -1, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct retention_pass pass;
        int64_t now = NOW + 500 * DAY;
        database_begin(&database);
        database_connect(&database);
        struct account account = make_account(&database, "a");
        make_issued_order(&database, &account, "www.example.org", "87654321");
        struct order order = make_issued_order(&database, &account, "www.example.org", "77aa");
        database_run(&database,
                     arena_printf(database.arena,
                                  "UPDATE orders SET replaces = '%s' WHERE id = %lld;"
                                  "UPDATE certificates SET not_after = %lld + 86400 * CASE order_id WHEN "
                                  "%lld THEN %lld ELSE %lld END",
                                  cases[i].replaces, (long long)order.id, (long long)now, (long long)order.id,
                                  (long long)cases[i].own_ends, (long long)cases[i].replaced_ends));
        run_pass(&database, everything_older_than(400 * DAY, now), &pass);
        cr_expect_eq(database_count(&database, arena_printf(database.arena,
                                                            "SELECT count(*) FROM orders WHERE id = %lld",
                                                            (long long)order.id)),
                     cases[i].orders, "%s", cases[i].what);
        database_end(&database);
    }
}

/* SQL with $newest and $later as what the table `given` has. */
static const char *with_given(struct database *database, const char *sql)
{
    static const char *const names[] = {"newest", "later"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (const char *at; (at = strstr(sql, arena_printf(database->arena, "$%s", names[i]))) != NULL;)
            sql = arena_printf(database->arena, "%.*s(SELECT %s FROM given)%s", (int)(at - sql), sql,
                               names[i], at + 1 + strlen(names[i]));
    return sql;
}

static const char *origins(const struct database *database)
{
    return database_text(
        database,
        database_is_postgresql()
            ? "SELECT coalesce(string_agg(origin, ' ' ORDER BY id), '') FROM certificates"
            : "SELECT group_concat(origin, ' ') FROM (SELECT origin FROM certificates ORDER BY id)");
}

/* Without it, a name that went back would seem never to have moved. */
Test(retention, a_names_last_certificate_by_acme_stays_while_the_name_has_others)
{
    static const struct {
        const char *what, *change;
        const char *left; /* origins */
        const char *state;
    } cases[] = {
        {"the name went back",
         "UPDATE certificates SET origin = 'external', not_after = $later WHERE id = $newest",
         "acme external", "went back"},
        {"the other is no more needed either",
         "UPDATE certificates SET origin = 'external' WHERE id = $newest", "", ""},
        {"the other is by ACME", "UPDATE certificates SET not_after = $later WHERE id = $newest", "acme",
         "moved"},
        {"the other is another name's",
         "UPDATE certificates SET origin = 'external', not_after = $later WHERE id = $newest;"
         "UPDATE certificate_names SET name = 'other.example.org' WHERE certificate_id = $newest",
         "external", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        struct retention_pass pass;
        int64_t now = NOW + 500 * DAY;
        database_begin(&database);
        database_connect(&database);
        struct account account = make_account(&database, "a");
        make_issued_order(&database, &account, "www.example.org", NULL); /* never the last */
        make_issued_order(&database, &account, "www.example.org", NULL);
        make_issued_order(&database, &account, "www.example.org", NULL);
        database_run(&database,
                     arena_printf(database.arena,
                                  "CREATE TEMP TABLE given AS SELECT %lld AS later, max(id) AS newest"
                                  " FROM certificates; %s",
                                  (long long)now + 20000 * (int64_t)DAY,
                                  with_given(&database, cases[i].change)));
        run_pass(&database, everything_older_than(400 * DAY, now), &pass);
        cr_expect_str_eq(origins(&database), cases[i].left, "%s", cases[i].what);
        cr_expect_str_eq(
            database_text(&database, "SELECT max(state) FROM v_migration WHERE name = 'www.example.org'"),
            cases[i].state, "%s", cases[i].what);
        database_end(&database);
    }
}

/* A step that failed before it deleted anything cannot be continued past. */
Test(retention, a_pass_goes_on_only_past_what_it_reached)
{
    static const struct {
        const char *what;
        struct retention_pass reached;
        bool goes_on;
    } cases[] = {
        {"further", {.stage = 1, .after = 6}, true},
        {"nothing", {.stage = 1, .after = 5}, false},
        {"back", {.stage = 1, .after = 4}, false},
        {"another stage", {.stage = 2, .after = 6}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retention_pass pass = {.stage = 1, .after = 5};
        cr_expect_eq(store_retention_go_on(&pass, &cases[i].reached), cases[i].goes_on, "%s", cases[i].what);
        cr_expect_eq(pass.alone_until, cases[i].goes_on ? 6 : 0, "%s", cases[i].what);
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

/* A host that gets a new name at each start leaves a row each time. */
Test(retention, gateways_that_are_long_gone_go)
{
    static const struct {
        const char *state;
        int64_t seen_at;
        bool goes;
    } cases[] = {
        {"gone", NOW, true},
        {"gone", NOW + 200 * (int64_t)DAY, false},
        {"stopped", NOW, false},
        {"serving", NOW, false},
    };
    struct database database;
    struct retention_pass pass;
    database_begin(&database);
    database_connect(&database);
    int64_t before = rows(&database, "gateways");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        database_run(&database,
                     arena_printf(database.arena,
                                  "INSERT INTO gateways (id, name, version, started_at, seen_at, state)"
                                  " VALUES (%zu, 'host-%zu', '1', 1, %lld, '%s')",
                                  100 + i, i, (long long)cases[i].seen_at, cases[i].state));
    run_pass(&database, (struct retention){.now = NOW + 500 * (int64_t)DAY}, &pass);
    cr_assert_eq(pass.gateways, 0, "without a limit all stay");
    run_pass(&database, everything_older_than(400 * DAY, NOW + 500 * (int64_t)DAY), &pass);
    cr_assert_eq(pass.gateways, 1);
    cr_assert_eq(rows(&database, "gateways"), before + 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(
            database_count(&database, arena_printf(database.arena,
                                                   "SELECT count(*) FROM gateways WHERE id = %zu", 100 + i)),
            !cases[i].goes, "%s", cases[i].state);
    database_end(&database);
}

/* Clients come and go, and the file is as long after a year as after a month. */
Test(sqlite_retention, the_file_stops_growing)
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

/* A pass as the server makes it: what a step that fails has written is undone. */
static void run_pass_over_failures(struct database *database, struct retention retention,
                                   struct retention_pass *pass)
{
    *pass = (struct retention_pass){0};
    for (int steps = 0; !pass->finished; steps++) {
        struct retention_pass next = *pass;
        cr_assert_lt(steps, 1000);
        database_begin_writing(database);
        bool good = store_retention_step(database->writer, &retention, &next) == STORE_OK;
        database_end_writing(database, good);
        if (good)
            *pass = next;
        else
            cr_assert(store_retention_go_on(pass, &next));
    }
}

Test(retention, rows_that_cannot_be_deleted_do_not_stop_the_others)
{
    struct database database;
    struct retention_pass pass;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "a");
    issue_many(&database, &account, 100);
    database_run(&database, "CREATE TABLE stays AS SELECT id FROM orders ORDER BY id LIMIT 2 OFFSET 3;"
                            "INSERT INTO stays SELECT max(id) FROM orders");
    database_run(&database,
                 database_is_postgresql()
                     ? "CREATE FUNCTION stay() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS"
                       " $$BEGIN IF old.id IN (SELECT id FROM stays) THEN RAISE 'it stays'; END IF;"
                       " RETURN old; END$$;"
                       "CREATE TRIGGER stays BEFORE DELETE ON orders FOR EACH ROW"
                       " EXECUTE FUNCTION stay()"
                     : "CREATE TRIGGER stays BEFORE DELETE ON orders"
                       " WHEN old.id IN (SELECT id FROM stays)"
                       " BEGIN SELECT RAISE(ABORT, 'it stays'); END");
    run_pass_over_failures(&database, everything_older_than(400 * DAY, NOW + 500 * DAY), &pass);
    cr_assert(pass.undeleted == 3 && pass.orders == 97);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM orders WHERE id IN (SELECT id FROM stays)"),
                 3);
    cr_assert(rows(&database, "orders") == 3 && rows(&database, "certificates") == 3);
    database_end(&database);
}

Test(retention, when_somebody_was_served_last_is_known)
{
    struct database database;
    int64_t at;
    database_begin(&database);
    database_connect(&database);
    cr_assert_eq(store_retention_last_seen(store_reader_of(database.writer), NOW, &at), STORE_OK);
    cr_assert_eq(at, 0);
    make_event(&database, (struct event){.type = EVENT_ORDER_CREATED, .at = NOW - 10 * DAY});
    make_event(&database, (struct event){.type = EVENT_ORDER_CREATED, .at = NOW - 2 * DAY});
    make_event(&database, (struct event){.type = EVENT_ORDER_CREATED, .at = NOW - 60});
    cr_assert_eq(store_retention_last_seen(store_reader_of(database.writer), NOW, &at), STORE_OK);
    cr_assert_eq(at, NOW - 2 * DAY);
    cr_assert_eq(store_retention_last_seen(store_reader_of(database.writer), NOW + 400 * DAY, &at), STORE_OK);
    cr_assert_eq(at, NOW - 60);
    database_end(&database);
}
