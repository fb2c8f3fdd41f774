/* SPDX-License-Identifier: Apache-2.0 */
/* The states that the store writes, and those that it refuses: every pair, at its own door. */
#include <stdio.h>

#include "database.h"
#include "store/authorizations.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(transitions);
LEAK_CHECKED_SUITE(sqlite_transitions);

enum { LATER = 60 };

static char logged[1024];
static size_t logged_count;

static void keep_line(const char *message)
{
    snprintf(logged, sizeof logged, "%s", message);
    logged_count++;
}

static struct account begin(struct database *database)
{
    database_begin(database);
    database_connect(database);
    logged_count = 0;
    store_set_log(keep_line);
    return make_account(database, "thumbprint");
}

/* Expects a result of writing a pair. A refusal is logged with both states, and is no failure of a
 * statement. */
static void expect_result(const struct database *database, enum store_result result, bool allowed,
                          const char *from, const char *to)
{
    cr_expect_eq(result, allowed ? STORE_OK : STORE_REFUSED, "%s to %s: %d", from, to, (int)result);
    cr_expect_not(database->writer->reader->failed, "%s to %s", from, to);
    cr_expect_eq(database->writer->refused, !allowed, "%s to %s", from, to);
    database->writer->refused = false;
    cr_expect_eq(logged_count, !allowed, "%s to %s: %zu lines", from, to, logged_count);
    if (!allowed)
        cr_expect(strstr(logged, from) != NULL && strstr(logged, to) != NULL, "%s to %s: %s", from, to,
                  logged);
    logged_count = 0;
}

/* ---- orders ---- */

/* A row for each state that an order is in, a column for each that it is to have. Row 0: it is new. Column 0:
 * none. */
static const char *const order_pairs[] = {
    [0] = "011001",
    [ORDER_PENDING] = "011001", /* pending to pending: its end moves */
    [ORDER_READY] = "001101",
    [ORDER_PROCESSING] = "000111", /* processing to processing: the next attempt is put off */
    [ORDER_VALID] = "000000",
    [ORDER_INVALID] = "000000",
};

static void try_order(struct database *database, struct order order, enum order_status from,
                      enum order_status to)
{
    struct order loaded;
    const char *was = order_status_name(from), *becomes = order_status_name(to);
    bool allowed = order_pairs[from][to] == '1';
    database_run(database,
                 arena_printf(database->arena, "UPDATE orders SET status = '%s', status_since = %lld", was,
                              (long long)NOW));
    order.status = to;
    order.status_since = NOW + LATER;
    expect_result(database, store_order_update(database->writer, &order, from), allowed, was, becomes);
    cr_assert_eq(store_order_load(store_reader_of(database->writer), database->arena, order.id, &loaded),
                 STORE_OK);
    cr_expect_eq(loaded.status, allowed ? to : from, "%s to %s", was, becomes);
    cr_expect_eq(loaded.status_since, allowed ? NOW + LATER : NOW, "%s to %s", was, becomes);
}

Test(transitions, an_order_is_written_as_the_table_allows)
{
    struct database database;
    struct account account = begin(&database);
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    for (enum order_status from = ORDER_PENDING; from <= ORDER_INVALID; from++)
        for (enum order_status to = 0; to <= ORDER_INVALID; to++)
            try_order(&database, order, from, to);
    database_end(&database);
}

Test(transitions, an_order_begins_as_the_table_allows)
{
    static const char count[] = "SELECT count(*) FROM orders";
    struct database database;
    struct account account = begin(&database);
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    for (enum order_status to = 0; to <= ORDER_INVALID; to++) {
        bool allowed = order_pairs[0][to] == '1';
        int64_t before = database_count(&database, count);
        order.status = to;
        expect_result(&database, store_order_insert(database.writer, &order), allowed, "none",
                      order_status_name(to));
        cr_expect_eq(database_count(&database, count), before + allowed, "%s", order_status_name(to));
    }
    database_end(&database);
}

/* ---- authorizations ---- */

static const char *const authorization_pairs[] = {
    [0] = "0110000",
    [AUTHORIZATION_PENDING] = "0111110", /* pending to pending: a challenge is chosen, or tried again */
    [AUTHORIZATION_VALID] = "0010111",
    [AUTHORIZATION_INVALID] = "0000000",
    [AUTHORIZATION_DEACTIVATED] = "0000000",
    [AUTHORIZATION_EXPIRED] = "0000000",
    [AUTHORIZATION_REVOKED] = "0000000",
};

/* Of the chosen challenge; row and column 0: none is chosen. It stays as it is when its authorization moves.
 */
static const char *const challenge_pairs[] = {
    [0] = "10100",
    [CHALLENGE_PENDING] = "01100",
    [CHALLENGE_PROCESSING] = "00111",
    [CHALLENGE_VALID] = "00010",
    [CHALLENGE_INVALID] = "00001",
};

struct authorization_states {
    enum authorization_status status;
    enum challenge_status challenge;
};

static void put(struct database *database, struct authorization_states states)
{
    const char *sql = states.challenge == 0
                          ? arena_printf(database->arena,
                                         "UPDATE authorizations SET expires_at = %lld, status = '%s',"
                                         " challenge_type = NULL, challenge_status = NULL",
                                         (long long)NOW, authorization_status_name(states.status))
                          : arena_printf(database->arena,
                                         "UPDATE authorizations SET expires_at = %lld, status = '%s',"
                                         " challenge_type = 'dns-01', challenge_status = '%s'",
                                         (long long)NOW, authorization_status_name(states.status),
                                         challenge_status_name(states.challenge));
    database_run(database, sql);
}

static const char *words(struct database *database, struct authorization_states states)
{
    return arena_printf(database->arena, "%s (challenge %s)", authorization_status_name(states.status),
                        challenge_status_name(states.challenge));
}

static void try_authorization(struct database *database, struct authorization authorization,
                              struct authorization_states from, struct authorization_states to)
{
    struct authorization loaded;
    const char *was = words(database, from), *becomes = words(database, to);
    bool allowed = authorization_pairs[from.status][to.status] == '1' &&
                   challenge_pairs[from.challenge][to.challenge] == '1';
    put(database, from);
    authorization.status = to.status;
    authorization.chosen = to.challenge == 0 ? 0 : CHALLENGE_DNS_01;
    authorization.challenge_status = to.challenge;
    authorization.expires_at = NOW + LATER;
    expect_result(database,
                  store_authorization_update(database->writer, &authorization, from.status, from.challenge),
                  allowed, was, becomes);
    cr_assert_eq(store_authorization_load(store_reader_of(database->writer), database->arena,
                                          authorization.id, &loaded),
                 STORE_OK);
    cr_expect_eq(loaded.status, allowed ? to.status : from.status, "%s to %s", was, becomes);
    cr_expect_eq(loaded.challenge_status, allowed ? to.challenge : from.challenge, "%s to %s", was, becomes);
    cr_expect_eq(loaded.expires_at, allowed ? NOW + LATER : NOW, "%s to %s", was, becomes);
}

Test(transitions, an_authorization_is_written_as_the_table_allows)
{
    struct database database;
    struct account account = begin(&database);
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    for (enum authorization_status from = AUTHORIZATION_PENDING; from <= AUTHORIZATION_REVOKED; from++)
        for (enum authorization_status to = 0; to <= AUTHORIZATION_REVOKED; to++)
            for (enum challenge_status challenge = 0; challenge <= CHALLENGE_INVALID; challenge++)
                try_authorization(&database, authorization, (struct authorization_states){from, challenge},
                                  (struct authorization_states){to, challenge});
    database_end(&database);
}

Test(transitions, a_challenge_is_written_as_the_table_allows)
{
    struct database database;
    struct account account = begin(&database);
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    for (enum challenge_status from = 0; from <= CHALLENGE_INVALID; from++)
        for (enum challenge_status to = 0; to <= CHALLENGE_INVALID; to++) {
            const struct authorization_states was = {AUTHORIZATION_PENDING, from};
            try_authorization(&database, authorization, was,
                              (struct authorization_states){AUTHORIZATION_PENDING, to});
            try_authorization(&database, authorization, was,
                              (struct authorization_states){AUTHORIZATION_DEACTIVATED, to});
        }
    database_end(&database);
}

Test(transitions, an_authorization_begins_as_the_table_allows)
{
    static const char count[] = "SELECT count(*) FROM authorizations";
    struct database database;
    struct account account = begin(&database);
    struct authorization made = make_authorization(&database, &account, "www.example.org");
    for (enum authorization_status to = 0; to <= AUTHORIZATION_REVOKED; to++) {
        bool allowed = authorization_pairs[0][to] == '1';
        int64_t before = database_count(&database, count);
        made.status = to;
        expect_result(&database, store_authorization_insert(database.writer, &made), allowed, "none",
                      authorization_status_name(to));
        cr_expect_eq(database_count(&database, count), before + allowed, "%s", authorization_status_name(to));
    }
    database_end(&database);
}

/* ---- no other way ---- */

/* The statement that is being prepared, and what it writes. */
struct writing {
    const char *name;
    size_t states; /* how many of the statements met so far write one */
};

static bool is_state(const char *table, const char *column)
{
    if (strcmp(table, "orders") == 0)
        return column == NULL || strcmp(column, "status") == 0;
    return strcmp(table, "authorizations") == 0 &&
           (column == NULL || strcmp(column, "status") == 0 || strcmp(column, "challenge_status") == 0);
}

/* SQLite asks this of each table and column that a statement would touch. */
static int look_at(void *context, int action, const char *table, const char *column, const char *database,
                   const char *trigger)
{
    static const char *const guarded[] = {"order_insert", "order_update", "authorization_insert",
                                          "authorization_update"};
    struct writing *writing = context;
    (void)database;
    (void)trigger;
    if ((action != SQLITE_INSERT && action != SQLITE_UPDATE) ||
        !is_state(table, action == SQLITE_INSERT ? NULL : column))
        return SQLITE_OK;
    bool known = false;
    for (size_t i = 0; i < sizeof guarded / sizeof *guarded; i++)
        known = known || strcmp(writing->name, guarded[i]) == 0;
    cr_expect(known, "%s writes %s of %s beside the table of transitions", writing->name,
              action == SQLITE_INSERT ? "a row" : column, table);
    writing->states++;
    return SQLITE_OK;
}

Test(sqlite_transitions, no_other_statement_writes_a_state)
{
    struct database database;
    struct writing writing = {0};
    database_begin(&database);
    database_connect(&database);
    sqlite3_set_authorizer(database_of(database.writer->reader), look_at, &writing);
    for (enum statement_group group = 0; group < STATEMENT_GROUP_END; group++) {
        const struct statement_table *table = store_statement_table(group);
        for (size_t i = 0; i < table->count; i++) {
            sqlite3_stmt *prepared;
            writing.name = table->statements[i].name;
            cr_assert_eq(sqlite3_prepare_v2(database_of(database.writer->reader), table->statements[i].sql,
                                            -1, &prepared, NULL),
                         SQLITE_OK, "%s: %s", writing.name,
                         sqlite3_errmsg(database_of(database.writer->reader)));
            sqlite3_finalize(prepared);
        }
    }
    /* Two inserts, the status of an order, and the two of an authorization. */
    cr_expect_eq(writing.states, 5);
    database_end(&database);
}
