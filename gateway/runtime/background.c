/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/background.h"

#include <stdlib.h>

#include "acme/base/arena.h"
#include "acme/base/thread.h"

struct background {
    pthread_t thread;
    bool begun;
    pthread_mutex_t lock; /* protects the fields below */
    pthread_cond_t changed;
    struct background_task *first, **last;
    bool stopping;
};

static struct background_task *wait_for_task(struct background *background)
{
    pthread_mutex_lock(&background->lock);
    while (background->first == NULL && !background->stopping)
        pthread_cond_wait(&background->changed, &background->lock);
    struct background_task *task = background->first;
    if (task != NULL && (background->first = task->next) == NULL)
        background->last = &background->first;
    pthread_mutex_unlock(&background->lock);
    return task;
}

static void *background_main(void *argument)
{
    struct background *background = argument;
    struct background_task *task;
    while ((task = wait_for_task(background)) != NULL)
        task->run(task);
    return NULL;
}

struct background *background_new(void)
{
    struct background *background = calloc(1, sizeof *background);
    if (background == NULL)
        end_without("memory");
    background->last = &background->first;
    pthread_mutex_init(&background->lock, NULL);
    pthread_cond_init(&background->changed, NULL);
    return background;
}

bool background_begin(struct background *background)
{
    background->begun = thread_start(&background->thread, background_main, background) == 0;
    return background->begun;
}

bool background_post(struct background *background, struct background_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&background->lock);
    bool taken = !background->stopping;
    if (taken) {
        *background->last = task;
        background->last = &task->next;
        pthread_cond_signal(&background->changed);
    }
    pthread_mutex_unlock(&background->lock);
    return taken;
}

void background_stop(struct background *background)
{
    pthread_mutex_lock(&background->lock);
    background->stopping = true;
    pthread_cond_signal(&background->changed);
    pthread_mutex_unlock(&background->lock);
    if (background->begun)
        pthread_join(background->thread, NULL);
}

void background_free(struct background *background)
{
    pthread_mutex_destroy(&background->lock);
    pthread_cond_destroy(&background->changed);
    free(background);
}
