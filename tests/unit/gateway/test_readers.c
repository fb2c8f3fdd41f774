/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loads/readers.h"

#include <semaphore.h>
#include <stdio.h>

#include "acme/base/thread.h"
#include "store/database.h"

LEAK_CHECKED_SUITE(readers);

enum { PATIENCE_MS = 20 * 1000 };

/* A load that waits for the test, when it is to. */
struct trial {
    struct readers_load load; /* first */
    sem_t *holds;             /* NULL: it does not wait */
    bool ran;
    int outcome; /* -1: not done yet */
};

static struct database database;
static struct readers *readers;
static sem_t begun, let_go, let_last, ended;
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static struct trial *order[READERS_WAITING_MAX + READERS_COUNT + 1];
static size_t order_count;

static void run(struct readers_load *load, struct store_reader *reader)
{
    struct trial *trial = (struct trial *)load;
    cr_assert_not_null(reader);
    trial->ran = true;
    pthread_mutex_lock(&order_lock);
    order[order_count++] = trial;
    pthread_mutex_unlock(&order_lock);
    sem_post(&begun);
    if (trial->holds != NULL)
        sem_wait(trial->holds);
}

static void done(struct readers_load *load, bool loaded)
{
    ((struct trial *)load)->outcome = loaded;
    sem_post(&ended);
}

static void wait_for(sem_t *what, size_t times)
{
    while (times-- > 0)
        sem_wait(what);
}

static void let(size_t times)
{
    while (times-- > 0)
        sem_post(&let_go);
}

static bool submit(struct trial *trial, enum readers_for kind, sem_t *holds)
{
    *trial = (struct trial){.load = {.load = run, .done = done}, .holds = holds, .outcome = -1};
    return readers_submit(readers, kind, &trial->load);
}

static void begin(void)
{
    struct fault fault;
    order_count = 0;
    sem_t *all[] = {&begun, &let_go, &let_last, &ended};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        cr_assert_eq(sem_init(all[i], 0, 0), 0);
    database_begin(&database);
    database_connect(&database);
    readers = readers_new(database.location, &fault);
    cr_assert_not_null(readers, "%s", fault.message);
}

static void end(void)
{
    readers_stop(readers);
    readers_free(readers);
    database_end(&database);
    sem_destroy(&begun);
    sem_destroy(&let_go);
    sem_destroy(&let_last);
    sem_destroy(&ended);
}

/* Fills what loads of a kind may take, and waits until they run. */
static void hold(struct trial *tries, enum readers_for kind, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(submit(&tries[i], kind, &let_go));
    wait_for(&begun, count);
}

Test(readers, each_kind_finds_a_reader_while_the_other_hangs)
{
    static const struct {
        enum readers_for hangs, other;
        size_t most;
    } cases[] = {{READERS_CLIENT, READERS_OTHER, READERS_FOR_CLIENTS},
                 {READERS_OTHER, READERS_CLIENT, READERS_FOR_OTHERS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trial held[READERS_COUNT], waits, passes;
        begin();
        hold(held, cases[i].hangs, cases[i].most);
        cr_assert(submit(&waits, cases[i].hangs, NULL));
        cr_assert(submit(&passes, cases[i].other, NULL));
        wait_for(&ended, 1);
        cr_expect_eq(passes.outcome, true, "case %zu", i);
        cr_expect_eq(order_count, cases[i].most + 1, "case %zu: one more than its share ran", i);
        let(cases[i].most);
        wait_for(&ended, cases[i].most + 1);
        cr_expect_eq(waits.outcome, true, "case %zu", i);
        end();
    }
}

/* One reader alone takes them, once it is let go. */
Test(readers, a_queue_is_bounded_and_keeps_its_order)
{
    static struct trial waiting[READERS_WAITING_MAX], more;
    struct trial held[READERS_COUNT - 1], last;
    begin();
    hold(held, READERS_OTHER, READERS_FOR_OTHERS);
    hold(held + READERS_FOR_OTHERS, READERS_CLIENT, READERS_COUNT - 1 - READERS_FOR_OTHERS);
    cr_assert(submit(&last, READERS_CLIENT, &let_last));
    wait_for(&begun, 1);
    for (size_t i = 0; i < READERS_WAITING_MAX; i++)
        cr_assert(submit(&waiting[i], READERS_CLIENT, NULL), "%zu", i);
    cr_expect_not(submit(&more, READERS_CLIENT, NULL));
    cr_expect(submit(&more, READERS_OTHER, NULL), "the other queue is full too");
    cr_expect_eq(readers_backlog(readers, READERS_CLIENT),
                 READERS_COUNT - READERS_FOR_OTHERS + READERS_WAITING_MAX);
    cr_expect_eq(readers_backlog(readers, READERS_OTHER), READERS_FOR_OTHERS + 1);
    sem_post(&let_last);
    wait_for(&ended, 1 + READERS_WAITING_MAX);
    for (size_t i = 0; i < READERS_WAITING_MAX; i++)
        cr_expect(order[READERS_COUNT + i] == &waiting[i], "%zu", i);
    let(READERS_COUNT - 1);
    wait_for(&ended, READERS_COUNT);
    cr_expect_eq(more.outcome, true);
    end();
}

static void *stop(void *argument)
{
    readers_stop(readers);
    return argument;
}

Test(readers, a_stop_waits_for_what_runs_and_gives_back_what_waits)
{
    struct trial held[READERS_COUNT], waits[2], late;
    begin();
    hold(held, READERS_OTHER, READERS_FOR_OTHERS);
    cr_assert(submit(&waits[0], READERS_OTHER, NULL));
    cr_assert(submit(&waits[1], READERS_OTHER, NULL));
    pthread_t stopper;
    cr_assert_eq(pthread_create(&stopper, NULL, stop, NULL), 0);
    wait_for(&ended, 2); /* the idle readers give them back */
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(waits[i].outcome, false);
        cr_expect_not(waits[i].ran);
        cr_expect_eq(held[i].outcome, -1, "a load that runs was cut off");
    }
    cr_expect_not(submit(&late, READERS_CLIENT, NULL));
    let(READERS_FOR_OTHERS);
    pthread_join(stopper, NULL);
    for (size_t i = 0; i < READERS_FOR_OTHERS; i++)
        cr_expect_eq(held[i].outcome, true);
    end();
}

/* No try is made for a while after one that failed. */
static void submit_until_loaded(struct trial *trial)
{
    static const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    struct timespec deadline = thread_deadline(PATIENCE_MS), now;
    do {
        nanosleep(&pause, NULL);
        cr_assert(submit(trial, READERS_CLIENT, NULL));
        wait_for(&ended, 1);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (trial->outcome == false && now.tv_sec <= deadline.tv_sec);
}

/* The file is away for a while, which every reader finds out. */
Test(readers, a_reader_is_opened_again_after_it_was_lost)
{
    struct trial held[READERS_COUNT], without, again;
    begin();
    const char *away = arena_printf(database.arena, "%s.away", database.path);
    hold(held, READERS_OTHER, READERS_FOR_OTHERS);
    hold(held + READERS_FOR_OTHERS, READERS_CLIENT, READERS_COUNT - READERS_FOR_OTHERS);
    cr_assert_eq(rename(database.path, away), 0);
    let(READERS_COUNT);
    wait_for(&ended, READERS_COUNT);
    cr_assert(submit(&without, READERS_CLIENT, NULL));
    wait_for(&ended, 1);
    cr_expect_eq(without.outcome, false);
    cr_expect_not(without.ran);
    cr_assert_eq(rename(away, database.path), 0);
    cr_expect(readers_answer(readers), "this soon");
    submit_until_loaded(&again);
    cr_expect_eq(again.outcome, true);
    end();
}
