/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "store/events.h"
#include "store/orders.h"
#include "store/sql/committer.h"
#include "writes.h"

LEAK_CHECKED_SUITE(committer);

Test(committer, what_is_answered_is_on_the_disk)
{
    struct database database;
    struct write write = {.body = write_insert, .number = 1};
    database_begin(&database);
    database_serve(&database);
    writes_submit(&database, &write);
    writes_wait(1);
    cr_assert_eq(write.outcome, STORE_COMMITTED);
    cr_assert_eq(writes_events_of(&database, 1), 1);
    cr_assert_eq(store_backlog(database.store), 0);
    database_end(&database);
}

Test(committer, one_operation_that_fails_takes_no_other_with_it)
{
    struct database database;
    struct write gate = {0}, writes[] = {{.body = write_insert, .number = 1},
                                         {.body = write_insert_and_fail, .number = 2},
                                         {.body = write_insert_and_refuse, .number = 3},
                                         {.body = write_insert, .number = 4}};
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 4; i++)
        writes_submit(&database, &writes[i]);
    cr_assert_eq(store_backlog(database.store), 5);
    writes_open_gate();
    writes_wait(5);
    static const enum store_outcome outcomes[] = {STORE_COMMITTED, STORE_UNAVAILABLE, STORE_COMMITTED,
                                                  STORE_COMMITTED};
    static const int64_t kept[] = {1, 0, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(writes[i].outcome, outcomes[i], "operation %zu", i);
        cr_expect_eq(writes_events_of(&database, (int)i + 1), kept[i], "operation %zu", i);
        cr_expect_eq(writes[i].place, i + 2, "answers come in the order of submission");
    }
    database_end(&database);
}

static struct order pending_order;
static enum store_result heard;

/* Expects a state that the order does not have: as if another had been faster. */
static enum store_apply_result insert_and_lose_race(struct write *write, struct store_writer *writer)
{
    struct order order = pending_order;
    order.status = ORDER_PROCESSING;
    if (write_insert(write, writer) != STORE_APPLIED)
        return STORE_DISCARD;
    heard = store_order_update(writer, &order, ORDER_READY);
    return store_applied(heard);
}

/* An engine may learn of it only behind the operations that follow. */
Test(committer, one_that_loses_a_race_hears_so_and_takes_no_other_with_it)
{
    struct database database;
    struct write gate = {0}, writes[] = {{.body = write_insert, .number = 1},
                                         {.body = insert_and_lose_race, .number = 2},
                                         {.body = write_insert, .number = 3}};
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "a.example");
    pending_order = make_order(&database, &account, &authorization, 1);
    database_disconnect(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 3; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(4);
    static const int64_t kept[] = {1, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(writes[i].outcome, STORE_COMMITTED, "operation %zu", i);
        cr_expect_eq(writes_events_of(&database, (int)i + 1), kept[i], "operation %zu", i);
    }
    cr_expect_eq(heard, STORE_LOST_RACE);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM orders WHERE status = 'pending'"), 1);
    database_end(&database);
}

/* ---- the observer of events ---- */

static int64_t observed[8];
static size_t observed_count;

static void observe(const struct event *events, size_t count)
{
    for (size_t i = 0; i < count && observed_count < 8; i++)
        observed[observed_count++] = events[i].order_id;
}

Test(committer, the_observer_gets_the_events_that_were_committed)
{
    struct database database;
    struct write gate = {0}, last = {.body = write_insert, .number = 6},
                 writes[] = {{.body = write_insert, .number = 1},
                             {.body = write_insert_and_fail, .number = 2},
                             {.body = write_insert_and_refuse, .number = 3},
                             {.body = write_insert, .number = 4}};
    store_set_log(writes_keep_quiet);
    store_set_event_observer(observe);
    database_begin(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 4; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(5);
    writes_submit(&database, &last);
    database_end(&database);
    static const int64_t expected[] = {1, 4, 6};
    cr_assert_eq(observed_count, 3);
    cr_assert_arr_eq(observed, expected, sizeof expected);
}

/* A caller that overlooks the refusal. */
static enum store_apply_result insert_and_overlook(struct write *write, struct store_writer *writer)
{
    struct order order = {.status = ORDER_VALID};
    enum store_apply_result result = write_insert(write, writer);
    cr_expect_eq(store_order_update(writer, &order, ORDER_PENDING), STORE_REFUSED);
    return result;
}

Test(committer, an_operation_with_a_refused_state_is_undone_whatever_it_returns)
{
    struct database database;
    struct write gate = {0},
                 writes[] = {{.body = insert_and_overlook, .number = 1}, {.body = write_insert, .number = 2}};
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (size_t i = 0; i < 2; i++)
        writes_submit(&database, &writes[i]);
    writes_open_gate();
    writes_wait(3);
    cr_expect_eq(writes[0].outcome, STORE_FAULT);
    cr_expect_eq(writes_events_of(&database, 1), 0);
    cr_expect_eq(writes[1].outcome, STORE_COMMITTED);
    cr_expect_eq(writes_events_of(&database, 2), 1);
    database_end(&database);
}

Test(committer, what_was_submitted_is_run_before_it_closes)
{
    enum { WRITES = 3 * BATCH_MAX_OPERATIONS };
    struct database database;
    struct write gate = {0}, *writes = calloc(WRITES, sizeof *writes);
    database_begin(&database);
    database_serve(&database);
    writes_submit_at_gate(&database, &gate);
    for (int i = 0; i < WRITES; i++) {
        writes[i] = (struct write){.body = write_insert, .number = 7};
        writes_submit(&database, &writes[i]);
    }
    writes_open_gate();
    store_close(database.store);
    database.store = NULL;
    cr_assert_eq(writes_answered(), WRITES + 1);
    cr_assert_eq(writes_events_of(&database, 7), WRITES);
    free(writes);
    database_end(&database);
}

/* ---- two threads ---- */

enum { EACH = 500 };

struct submitter {
    struct database *database;
    int number;
    struct write writes[EACH];
};

static enum store_apply_result insert_or_not(struct write *write, struct store_writer *writer)
{
    return write->number % 5 == 0 ? write_insert_and_fail(write, writer) : write_insert(write, writer);
}

static void *submit_all(void *argument)
{
    struct submitter *submitter = argument;
    for (int i = 0; i < EACH; i++) {
        submitter->writes[i] =
            (struct write){.body = insert_or_not, .number = 1 + submitter->number * EACH + i};
        writes_submit(submitter->database, &submitter->writes[i]);
    }
    return NULL;
}

static void check_submitter(const struct submitter *submitter)
{
    size_t place = 0;
    for (int i = 0; i < EACH; i++) {
        const struct write *write = &submitter->writes[i];
        cr_assert_gt(write->place, place, "thread %d, operation %d", submitter->number, i);
        cr_assert_eq(write->outcome, write->number % 5 == 0 ? STORE_UNAVAILABLE : STORE_COMMITTED);
        place = write->place;
    }
}

Test(committer, two_threads_submit_and_each_keeps_its_order)
{
    struct database database;
    struct submitter *submitters = calloc(2, sizeof *submitters);
    pthread_t threads[2];
    store_set_log(writes_keep_quiet);
    database_begin(&database);
    database_serve(&database);
    for (int i = 0; i < 2; i++) {
        submitters[i].database = &database;
        submitters[i].number = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, submit_all, &submitters[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    writes_wait((size_t)2 * EACH);
    for (int i = 0; i < 2; i++)
        check_submitter(&submitters[i]);
    cr_assert_eq(database_count(&database, "SELECT count(DISTINCT order_id) FROM events"), 2 * EACH * 4 / 5);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM events WHERE order_id % 5 = 0"), 0);
    free(submitters);
    database_end(&database);
}
