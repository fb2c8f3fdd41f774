/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/watchdog.h"

#include <pthread.h>
#include <stdlib.h>

#include "acme/base/arena.h"
#include "gateway/server/grace_period.h"

struct watchdog {
    struct server *server;
    void (*alive)(void);
    pthread_mutex_t lock;
    pthread_cond_t came_back;
    bool under_way; /* under the lock */
};

struct watchdog *watchdog_new(struct server *server, void (*alive)(void))
{
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        end_without("memory");
    watchdog->server = server;
    watchdog->alive = alive;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_cond_init(&watchdog->came_back, NULL);
    return watchdog;
}

static void come_back(void *what)
{
    struct watchdog *watchdog = what;
    watchdog->alive();
    pthread_mutex_lock(&watchdog->lock);
    watchdog->under_way = false;
    pthread_cond_signal(&watchdog->came_back);
    pthread_mutex_unlock(&watchdog->lock);
}

void watchdog_begin_round(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->lock);
    bool begins = !watchdog->under_way;
    watchdog->under_way = true;
    pthread_mutex_unlock(&watchdog->lock);
    if (begins)
        grace_period_begin(watchdog->server, come_back, watchdog);
}

void watchdog_free(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    pthread_mutex_lock(&watchdog->lock);
    while (watchdog->under_way)
        pthread_cond_wait(&watchdog->came_back, &watchdog->lock);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_mutex_destroy(&watchdog->lock);
    pthread_cond_destroy(&watchdog->came_back);
    free(watchdog);
}
