/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/rate_limiter.h"

#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/seeded_hash.h"

/*
 * A bucket is one time (the generic cell rate algorithm): when it will be full again. It has one of the few
 * places of its row. When others hold them all, the one that is full soonest makes room.
 */
enum { ROWS = 4096, PLACES = 4 };

struct bucket {
    uint64_t key; /* 0: free */
    int64_t full_at_ms;
};

struct rate_limiter {
    struct hash_seed seed;
    struct bucket row[ROWS][PLACES];
    int64_t now_ms;   /* of the last request, by the limiter's own clock */
    int64_t ahead_ms; /* how far that clock is ahead of the wall clock */
};

struct rate_limiter *rate_limiter_new(void)
{
    struct rate_limiter *limiter = calloc(1, sizeof *limiter);
    if (limiter == NULL)
        end_without("memory");
    hash_seed_make(&limiter->seed);
    return limiter;
}

void rate_limiter_free(struct rate_limiter *limiter)
{
    free(limiter);
}

static uint64_t hash(const struct rate_limiter *limiter, struct arena *arena,
                     const struct rate_demand *demand)
{
    return seeded_hash(&limiter->seed, arena, (const char *[]){demand->what, demand->key, demand->owner}, 3);
}

static struct bucket *find(struct rate_limiter *limiter, uint64_t key, int64_t now_ms)
{
    struct bucket *row = limiter->row[key % ROWS];
    struct bucket *fullest = &row[0];
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].key == key)
            return &row[i];
        if (row[i].full_at_ms < fullest->full_at_ms)
            fullest = &row[i];
    }
    *fullest = (struct bucket){.key = key, .full_at_ms = now_ms};
    return fullest;
}

/* Returns the time in which one token comes back. */
static int64_t interval_ms(const struct rate *rate)
{
    int64_t interval = rate->period_s * 1000 / rate->count;
    return interval < 1 ? 1 : interval;
}

static int64_t lesser(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* When a bucket would be full again that lacks all that it holds. */
static int64_t full_at_from_empty(const struct rate *rate, int64_t now_ms)
{
    return now_ms + interval_ms(rate) * rate->count;
}

/* A bucket that another rate has emptied lacks no more than it holds by the present one. */
static struct bucket *bucket_of(struct rate_limiter *limiter, struct arena *arena,
                                const struct rate_demand *demand, int64_t now_ms)
{
    struct bucket *bucket = find(limiter, hash(limiter, arena, demand), now_ms);
    bucket->full_at_ms = lesser(bucket->full_at_ms, full_at_from_empty(demand->rate, now_ms));
    return bucket;
}

static int64_t full_at_after(const struct bucket *bucket, const struct rate *rate, int64_t now_ms)
{
    return (bucket->full_at_ms > now_ms ? bucket->full_at_ms : now_ms) + interval_ms(rate);
}

static const struct problem *refuse(struct arena *arena, const struct rate_demand *demand, int64_t wait_ms)
{
    char period[DURATION_TEXT_BYTES];
    duration_format(period, demand->rate->period_s);
    int64_t wait_s = (wait_ms + 999) / 1000;
    struct problem *problem = problem_new(
        arena, PROBLEM_RATE_LIMITED, "Too many %s %s: %lld in %s are allowed. Try again in %lld seconds.",
        demand->what, demand->key, (long long)demand->rate->count, period, (long long)wait_s);
    problem->retry_after_s = wait_s;
    return problem;
}

/* A clock that was set back must not keep anybody waiting until it has caught up. The limiter's own clock
 * stands still for that moment, and continues. */
static int64_t never_back(struct rate_limiter *limiter, int64_t wall_ms)
{
    if (wall_ms + limiter->ahead_ms < limiter->now_ms)
        limiter->ahead_ms = limiter->now_ms - wall_ms;
    limiter->now_ms = wall_ms + limiter->ahead_ms;
    return limiter->now_ms;
}

const struct problem *rate_limiter_take(struct rate_limiter *limiter, struct arena *arena,
                                        const struct rate_demand *demands, size_t count, int64_t now_ms,
                                        size_t *refused)
{
    now_ms = never_back(limiter, now_ms);
    /* Two buckets of one row must not displace each other: each is looked up again. */
    for (size_t i = 0; i < count; i++) {
        const struct rate *rate = demands[i].rate;
        if (rate->count == 0)
            continue;
        const struct bucket *bucket = bucket_of(limiter, arena, &demands[i], now_ms);
        int64_t wait_ms = full_at_after(bucket, rate, now_ms) - full_at_from_empty(rate, now_ms);
        if (wait_ms > 0) {
            *refused = i;
            return refuse(arena, &demands[i], wait_ms);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (demands[i].rate->count == 0)
            continue;
        struct bucket *bucket = bucket_of(limiter, arena, &demands[i], now_ms);
        bucket->full_at_ms = full_at_after(bucket, demands[i].rate, now_ms);
    }
    return NULL;
}

void rate_limiter_note(struct rate_limiter *limiter, struct arena *arena, const struct rate_demand *demand,
                       int64_t now_ms)
{
    const struct rate *rate = demand->rate;
    if (rate->count == 0)
        return;
    now_ms = never_back(limiter, now_ms);
    struct bucket *bucket = bucket_of(limiter, arena, demand, now_ms);
    bucket->full_at_ms = lesser(full_at_after(bucket, rate, now_ms), full_at_from_empty(rate, now_ms));
}

void rate_limiter_give_back(struct rate_limiter *limiter, struct arena *arena,
                            const struct rate_demand *demands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t key = hash(limiter, arena, &demands[i]);
        struct bucket *row = limiter->row[key % ROWS];
        for (size_t place = 0; demands[i].rate->count != 0 && place < PLACES; place++)
            if (row[place].key == key)
                row[place].full_at_ms -= interval_ms(demands[i].rate);
    }
}
