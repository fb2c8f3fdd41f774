/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits (RFC 8555 §6.6): token buckets, in memory, in a table of fixed size. A rate of 100 in 1h allows
 * a hundred at once and one more every 36 seconds. One thread at a time.
 */
#pragma once

#include "acme/problem.h"

struct rate {
    int64_t count; /* 0: no limit */
    int64_t period_s;
};

/*
 * One bucket that a request takes a token from. A key that anybody can choose without proof (a name) needs an
 * `owner`, which signed or sent the request. Otherwise strangers could empty the bucket for everybody.
 */
struct rate_demand {
    const struct rate *rate;
    const char *what; /* "orders for": the key follows in the problem */
    const char *key;
    const char *owner; /* part of the bucket's identity, not shown; NULL: the key itself is the owner */
};

struct rate_limiter;

struct rate_limiter *rate_limiter_new(void);
/* Frees the limiter. NULL is ignored. */
void rate_limiter_free(struct rate_limiter *limiter);

/*
 * Takes a token from every bucket and returns NULL when each has one. Else it takes none and returns
 * rateLimited with a Retry-After; `refused` is the demand whose bucket is empty. `now_ms` is the wall
 * clock's. When that clock is set back, the tokens taken later count as not taken.
 */
[[gnu::warn_unused_result]] const struct problem *rate_limiter_take(struct rate_limiter *limiter,
                                                                    struct arena *arena,
                                                                    const struct rate_demand *demands,
                                                                    size_t count, int64_t now_ms,
                                                                    size_t *refused);

/* Counts one token that was taken elsewhere, whether there is one left or not. A bucket never lacks more than
 * it holds: nobody waits longer than the rate's period. */
void rate_limiter_note(struct rate_limiter *limiter, struct arena *arena, const struct rate_demand *demand,
                       int64_t now_ms);

/* Gives back the tokens that rate_limiter_take took for these demands: what they were for was not done. A
 * bucket that another has displaced meanwhile gets nothing. */
void rate_limiter_give_back(struct rate_limiter *limiter, struct arena *arena,
                            const struct rate_demand *demands, size_t count);
