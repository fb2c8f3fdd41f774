/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits (RFC 8555 §6.6): token buckets, in memory, in a table of fixed size. A rate of 100 in 1h lets a
 * hundred through at once and one more every 36 seconds. For one thread at a time.
 */
#pragma once

#include "acme/problem.h"

struct rate {
    int64_t count; /* 0: no limit */
    int64_t period_s;
};

/*
 * One bucket that a request draws on. A key that somebody chooses who has proven nothing (a name) needs an
 * `owner` that the request is signed or sent by: else strangers could empty the bucket for everybody.
 */
struct rate_demand {
    const struct rate *rate;
    const char *what; /* "orders for": the key follows in the problem */
    const char *key;
    const char *owner; /* part of the bucket's identity, not shown; NULL: the key itself is the owner */
};

struct rate_limiter;

struct rate_limiter *rate_limiter_new(void);
/* NULL is ignored. */
void rate_limiter_free(struct rate_limiter *limiter);

/*
 * NULL when every bucket has a token: one is taken of each. Else rateLimited with a Retry-After, and nothing
 * is taken, and `refused` is the demand that has none. `now_ms` is the wall clock's; when that is set back,
 * what was taken comes back as if it had not been.
 */
[[gnu::warn_unused_result]] const struct problem *rate_limiter_take(struct rate_limiter *limiter,
                                                                    struct arena *arena,
                                                                    const struct rate_demand *demands,
                                                                    size_t count, int64_t now_ms,
                                                                    size_t *refused);
