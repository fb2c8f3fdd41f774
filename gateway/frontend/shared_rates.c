/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/shared_rates.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct taken {
    struct rate rate;
    const char *what, *key, *owner; /* the arena's */
};

struct shared_rates {
    atomic_size_t count; /* changed with the lock held; read without it while it is 0 */
    pthread_mutex_t lock;
    struct arena *arena; /* of those that wait */
    struct taken taken[SHARED_RATES_MAX];
};

struct shared_rates *shared_rates_new(void)
{
    struct shared_rates *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        end_without("memory");
    pthread_mutex_init(&shared->lock, NULL);
    shared->arena = arena_new();
    return shared;
}

void shared_rates_free(struct shared_rates *shared)
{
    if (shared == NULL)
        return;
    pthread_mutex_destroy(&shared->lock);
    arena_free(shared->arena);
    free(shared);
}

void shared_rates_add(struct shared_rates *shared, const struct rate_demand *demand)
{
    pthread_mutex_lock(&shared->lock);
    size_t count = atomic_load(&shared->count);
    if (count < SHARED_RATES_MAX) {
        shared->taken[count] = (struct taken){
            .rate = *demand->rate,
            .what = arena_duplicate(shared->arena, demand->what),
            .key = arena_duplicate(shared->arena, demand->key),
            .owner = demand->owner == NULL ? NULL : arena_duplicate(shared->arena, demand->owner)};
        atomic_store(&shared->count, count + 1);
    }
    pthread_mutex_unlock(&shared->lock);
}

void shared_rates_count(struct shared_rates *shared, struct rate_limiter *limiter, struct arena *arena,
                        int64_t now_ms)
{
    if (atomic_load_explicit(&shared->count, memory_order_relaxed) == 0)
        return;
    pthread_mutex_lock(&shared->lock);
    for (size_t i = 0; i < atomic_load(&shared->count); i++) {
        const struct taken *taken = &shared->taken[i];
        const struct rate_demand demand = {&taken->rate, taken->what, taken->key, taken->owner};
        rate_limiter_note(limiter, arena, &demand, now_ms);
    }
    atomic_store(&shared->count, 0);
    arena_free(shared->arena);
    shared->arena = arena_new();
    pthread_mutex_unlock(&shared->lock);
}
