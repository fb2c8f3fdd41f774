#include "gateway/runtime/worker.h"

#include <stdlib.h>

#include "acme/base/arena.h"
#include "acme/base/thread.h"

struct worker {
    pthread_t thread;
    bool begun;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t changed;
    struct worker_task *first, **last;
    bool stopping;
};

static struct worker_task *wait_for_task(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->first == NULL && !worker->stopping)
        pthread_cond_wait(&worker->changed, &worker->lock);
    struct worker_task *task = worker->first;
    if (task != NULL && (worker->first = task->next) == NULL)
        worker->last = &worker->first;
    pthread_mutex_unlock(&worker->lock);
    return task;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct worker_task *task;
    while ((task = wait_for_task(worker)) != NULL)
        task->run(task);
    return NULL;
}

struct worker *worker_new(void)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        end_without("memory");
    worker->last = &worker->first;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    return worker;
}

bool worker_begin(struct worker *worker)
{
    worker->begun = thread_start(&worker->thread, worker_main, worker) == 0;
    return worker->begun;
}

bool worker_post(struct worker *worker, struct worker_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&worker->lock);
    bool taken = !worker->stopping;
    if (taken) {
        *worker->last = task;
        worker->last = &task->next;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return taken;
}

void worker_stop(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    if (worker->begun)
        pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker)
{
    pthread_mutex_destroy(&worker->lock);
    pthread_cond_destroy(&worker->changed);
    free(worker);
}
