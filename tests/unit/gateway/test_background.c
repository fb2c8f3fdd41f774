/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/background.h"

#include <semaphore.h>

#include "leaks.h"

LEAK_CHECKED_SUITE(background);

enum { TASKS = 4 };

/* It writes its number down, and lets the test go on. */
struct numbered {
    struct background_task task; /* first */
    int number;
};

static struct background *background;
static int order[2 * TASKS];
static size_t run_count;
static sem_t was_run;

static void note(struct background_task *task)
{
    order[run_count++] = ((struct numbered *)task)->number;
    sem_post(&was_run);
}

static void post_all(struct numbered tasks[static TASKS], int first)
{
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct numbered){.task = {.run = note}, .number = first + i};
        cr_assert(background_post(background, &tasks[i].task));
    }
}

static void begin(void)
{
    background = background_new();
    run_count = 0;
    cr_assert_eq(sem_init(&was_run, 0, 0), 0);
}

static void end(void)
{
    background_free(background);
    sem_destroy(&was_run);
}

/* Before it begins and while it runs, also when it has nothing left to do. */
Test(background, tasks_run_one_after_the_other)
{
    struct numbered early[TASKS], late[TASKS];
    begin();
    post_all(early, 0);
    cr_assert(background_begin(background));
    for (size_t i = 0; i < TASKS; i++)
        sem_wait(&was_run);
    post_all(late, TASKS);
    for (size_t i = 0; i < TASKS; i++)
        sem_wait(&was_run);
    background_stop(background);
    cr_expect_eq(run_count, 2 * TASKS);
    for (int i = 0; i < 2 * TASKS; i++)
        cr_expect_eq(order[i], i, "%d", i);
    end();
}

Test(background, a_stop_completes_what_was_posted_and_takes_nothing_more)
{
    struct numbered tasks[TASKS], more = {.task = {.run = note}};
    begin();
    post_all(tasks, 0);
    cr_assert(background_begin(background));
    background_stop(background);
    cr_expect_eq(run_count, TASKS);
    cr_expect_not(background_post(background, &more.task));
    cr_expect_eq(run_count, TASKS);
    end();
}

Test(background, one_that_never_began_stops)
{
    struct numbered task = {.task = {.run = note}};
    begin();
    cr_expect(background_post(background, &task.task));
    background_stop(background);
    cr_expect_eq(run_count, 0);
    end();
}
