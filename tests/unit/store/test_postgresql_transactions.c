/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that meet other transactions, and statements that fail after they were put off. */
#include <libpq-fe.h>
#include <stdlib.h>

#include "store/accounts.h"
#include "store/events.h"
#include "store/orders.h"
#include "writes.h"

LEAK_CHECKED_SUITE(postgresql_transactions);

static struct database database;

/* A caller that does not look. */
static void overlook(enum store_result result)
{
    (void)result;
}

/* ---- another transaction ---- */

static PGconn *other;

static PGconn *connect_other(void)
{
    const char *const keywords[] = {"host", "user", "dbname", NULL};
    const char *const values[] = {getenv("ACMEGATE_UNIT_POSTGRESQL"), "postgres", database.name, NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 0);
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    return connection;
}

static void run_other(const char *sql)
{
    PGresult *result = PQexec(other, sql);
    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}

static void wait_until_other_waits(void)
{
    const char *waits = arena_printf(
        database.arena, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %d", PQbackendPID(other));
    while (database_count(&database, waits) == 0)
        continue;
}

/* ---- conflicts ---- */

static struct account accounts[2];
static int runs; /* of the operation in the middle */

static enum store_result change_account(struct store_writer *writer, size_t i)
{
    struct account account;
    enum store_result result =
        store_account_load(store_reader_of(writer), database.arena, accounts[i].id, &account);
    account.contacts_json = "[]";
    return result == STORE_OK ? store_account_update(writer, &account) : result;
}

/* The table has the same number in the databases of other tests. */
static bool is_alone(void)
{
    return database_count(
               &database,
               "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'ExclusiveLock'"
               " AND relation = 'gateways'::regclass"
               " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == 1;
}

static enum store_apply_result meet_a_change(struct write *write, struct store_writer *writer)
{
    (void)write;
    cr_expect_eq(change_account(writer, 1), STORE_OK);
    cr_expect_eq(is_alone(), ++runs == 2, "run %d", runs);
    if (runs == 1)
        run_other(arena_printf(database.arena, "UPDATE accounts SET terms_agreed = 1 WHERE id = %lld",
                               (long long)accounts[0].id));
    return store_applied(change_account(writer, 0));
}

/* The other one does not look for deadlocks, so that this one ends. */
static enum store_apply_result meet_a_deadlock(struct write *write, struct store_writer *writer)
{
    (void)write;
    if (++runs > 1) {
        PQclear(PQgetResult(other));
        while (PQgetResult(other) != NULL)
            continue;
        run_other("ROLLBACK");
        return store_applied(change_account(writer, 1));
    }
    run_other("SET deadlock_timeout = '1h'");
    run_other("BEGIN");
    run_other(arena_printf(database.arena, "UPDATE accounts SET terms_agreed = 1 WHERE id = %lld",
                           (long long)accounts[0].id));
    struct account account;
    cr_expect_eq(change_account(writer, 1), STORE_OK);
    cr_expect_eq(store_account_load(store_reader_of(writer), database.arena, accounts[1].id, &account),
                 STORE_OK, "the change has been made when this is answered");
    cr_expect_eq(PQsendQuery(other, "UPDATE accounts SET terms_agreed = 1"), 1);
    wait_until_other_waits();
    return store_applied(change_account(writer, 0));
}

static enum store_apply_result find_or_insert(struct store_writer *writer)
{
    struct account found, account = accounts[0];
    account.thumbprint = "new";
    enum store_result result =
        store_account_by_key(store_reader_of(writer), database.arena, "acme", "new", &found);
    if (result == STORE_NOT_FOUND && runs == 1)
        run_other("INSERT INTO accounts (id, endpoint, thumbprint, status, key, contacts, terms_agreed,"
                  " created_at) VALUES (1, 'acme', 'new', 'valid', '{}', '[]', 0, 0)");
    return store_applied(result == STORE_NOT_FOUND ? store_account_insert(writer, &account) : result);
}

static enum store_apply_result meet_the_same_row(struct write *write, struct store_writer *writer)
{
    (void)write;
    runs++;
    return find_or_insert(writer);
}

/* The failure is seen by the statement behind it. */
static enum store_apply_result meet_the_same_row_and_read(struct write *write, struct store_writer *writer)
{
    struct account account;
    enum store_apply_result result = meet_the_same_row(write, writer);
    overlook(store_account_load(store_reader_of(writer), database.arena, accounts[0].id, &account));
    return result;
}

static size_t undone; /* runs */

static void count_undone(const struct store_batch *batch)
{
    undone += batch->undone;
}

static void serve_with_accounts(void)
{
    store_set_log(writes_hear);
    store_set_observer(count_undone);
    database_begin(&database);
    database_connect(&database);
    accounts[0] = make_account(&database, "first");
    accounts[1] = make_account(&database, "second");
    database_disconnect(&database);
    database_serve(&database);
    other = connect_other();
}

static void end(void)
{
    PQfinish(other);
    database_end(&database);
}

/* Two good operations around one. */
static void run_between(struct write writes[static 3])
{
    struct write gate = {0};
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 3; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(4);
    cr_expect_eq(writes_answered(), 4, "each is answered once");
    cr_expect_eq(writes_events_of(&database, 1), 1);
    cr_expect_eq(writes_events_of(&database, 3), 1);
    cr_expect_eq(writes[0].outcome, STORE_COMMITTED);
    cr_expect_eq(writes[2].outcome, STORE_COMMITTED);
}

#define CONFLICT(name, meet) \
    Test(postgresql_transactions, a_batch_runs_again_after_##name) \
    { \
        struct write writes[] = { \
            {.body = write_insert, .number = 1}, {.body = (meet)}, {.body = write_insert, .number = 3}}; \
        serve_with_accounts(); \
        run_between(writes); \
        cr_expect_eq(writes[1].outcome, STORE_COMMITTED); \
        cr_expect_eq(runs, 2); \
        cr_expect_eq(undone, 1); \
        cr_expect_eq(writes_heard("a batch of"), 0); \
        cr_expect_eq(writes_heard("COMMIT"), 0, "%s", writes_heard_line(0)); \
        cr_expect_eq(writes_heard("could not serialize") + writes_heard("deadlock"), 0); \
        end(); \
    }

CONFLICT(a_serialization_failure, meet_a_change)
CONFLICT(a_deadlock, meet_a_deadlock)
CONFLICT(a_row_of_another, meet_the_same_row)
CONFLICT(a_row_of_another_that_the_next_statement_shows, meet_the_same_row_and_read)

/* The other one does not ask for the lock of writers. */
static enum store_apply_result meet_a_change_each_time(struct write *write, struct store_writer *writer)
{
    (void)write;
    cr_expect_eq(change_account(writer, 1), STORE_OK);
    run_other(arena_printf(database.arena,
                           "UPDATE accounts SET terms_agreed = 1 - terms_agreed WHERE id = %lld",
                           (long long)accounts[0].id));
    return store_applied(change_account(writer, 0));
}

/* meet_a_change looks who has the lock. */
Test(postgresql_transactions, a_server_keeps_others_waiting_for_one_run_alone)
{
    struct write first = {.body = meet_a_change}, second = {.body = meet_a_change};
    serve_with_accounts();
    writes_submit(&database, &first);
    writes_wait(1);
    cr_expect_eq(runs, 2);
    runs = 0;
    writes_submit(&database, &second);
    writes_wait(2);
    cr_expect_eq(second.outcome, STORE_COMMITTED);
    cr_expect_eq(runs, 2);
    end();
}

Test(postgresql_transactions, a_batch_that_meets_a_change_each_time_fails_and_says_why_once)
{
    struct write write = {.body = meet_a_change_each_time};
    serve_with_accounts();
    writes_submit(&database, &write);
    writes_wait(1);
    cr_expect_eq(write.outcome, STORE_UNAVAILABLE);
    cr_expect_eq(writes_heard("the transaction was undone each time: ERROR: could not serialize access"), 1,
                 "%s", writes_heard_line(0));
    cr_expect_eq(writes_heard("could not serialize"), 1);
    cr_expect_eq(undone, 8);
    cr_expect_eq(writes_heard("a batch of 1 operations could not be written"), 1);
    end();
}

/* ---- a statement that was put off and fails ---- */

static enum store_apply_result insert_order_of_nobody(struct write *write, struct store_writer *writer)
{
    struct order order = {.account_id = 1, .profile = "default", .status = ORDER_PENDING, .created_at = NOW};
    (void)write_insert(write, writer);
    overlook(store_order_insert(writer, &order));
    return STORE_APPLIED;
}

/* One that is waited for comes behind it. */
static enum store_apply_result insert_order_and_read(struct write *write, struct store_writer *writer)
{
    struct account account;
    enum store_apply_result result = insert_order_of_nobody(write, writer);
    overlook(store_account_load(store_reader_of(writer), database.arena, accounts[0].id, &account));
    return result;
}

static enum store_apply_result insert_account_without_a_key(struct write *write, struct store_writer *writer)
{
    struct account account = accounts[0];
    account.key = (struct bytes){0};
    account.thumbprint = NULL;
    (void)write_insert(write, writer);
    overlook(store_account_insert(writer, &account));
    return STORE_APPLIED;
}

static enum store_apply_result insert_a_state_that_is_none(struct write *write, struct store_writer *writer)
{
    struct account account = accounts[0];
    account.status = 0;
    account.thumbprint = "third";
    (void)write_insert(write, writer);
    overlook(store_account_insert(writer, &account));
    return STORE_APPLIED;
}

/* A row that stays there. */
static enum store_apply_result insert_an_account_twice(struct write *write, struct store_writer *writer)
{
    struct account account = accounts[0];
    (void)write_insert(write, writer);
    overlook(store_account_insert(writer, &account));
    return STORE_APPLIED;
}

/* More than are sent at once. */
static enum store_apply_result insert_many(struct write *write, struct store_writer *writer)
{
    struct account account = accounts[0];
    for (int i = 0; i < 600; i++) {
        if (i == write->number - 1000)
            overlook(store_account_insert(writer, &account));
        if (write_insert(write, writer) != STORE_APPLIED)
            return STORE_DISCARD;
    }
    return STORE_APPLIED;
}

static const struct failure {
    const char *what;
    enum store_apply_result (*body)(struct write *write, struct store_writer *writer);
    const char *label, *words;
    int number;
} failures[] = {
    {"a reference", insert_order_of_nobody, "store: order_insert: ", "violates foreign key constraint", 2},
    {"a reference, then a read", insert_order_and_read,
     "store: order_insert: ", "violates foreign key constraint", 2},
    {"a NULL", insert_account_without_a_key, "store: account_insert: ", "violates not-null constraint", 2},
    {"a state", insert_a_state_that_is_none, "store: account_insert: ", "violates", 2},
    {"a row that is there", insert_an_account_twice, "store: account_insert: ", "violates unique constraint",
     2},
    {"one of many", insert_many, "store: account_insert: ", "violates unique constraint", 1000 + 300},
    {"the last before the answers are read", insert_many,
     "store: account_insert: ", "violates unique constraint", 1000 + 248},
};

/* Each statement that the log names, but for those that were passed over. */
static void expect_blamed(const struct failure *failure)
{
    size_t blamed = 0;
    const char *line;
    for (size_t i = 0; (line = writes_heard_line(i)) != NULL; i++) {
        if (strstr(line, "an earlier statement of the transaction failed") != NULL)
            continue;
        cr_expect(strncmp(line, failure->label, strlen(failure->label)) == 0, "%s: %s", failure->what, line);
        cr_expect_not_null(strstr(line, failure->words), "%s: %s", failure->what, line);
        blamed++;
    }
    cr_expect_eq(blamed, 2, "%s: when it was put off, and when it was waited for", failure->what);
}

static void fail_between(const struct failure *failure)
{
    struct write writes[] = {{.body = write_insert, .number = 1},
                             {.body = failure->body, .number = failure->number},
                             {.body = write_insert, .number = 3}};
    writes_forget_heard();
    serve_with_accounts();
    run_between(writes);
    cr_expect_eq(writes[1].outcome, STORE_UNAVAILABLE, "%s", failure->what);
    cr_expect_eq(writes_events_of(&database, failure->number), 0, "%s", failure->what);
    expect_blamed(failure);
    end();
}

#define FAILURE(name, index) \
    Test(postgresql_transactions, only_its_operation_fails_with_##name) \
    { \
        fail_between(&failures[index]); \
    }

FAILURE(a_reference, 0)
FAILURE(a_reference_that_the_next_statement_shows, 1)
FAILURE(a_null, 2)
FAILURE(a_state, 3)
FAILURE(a_row_that_is_there, 4)
FAILURE(one_of_many, 5)
FAILURE(the_last_before_the_answers_are_read, 6)
