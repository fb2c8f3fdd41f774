/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of rate limits that other gateways have taken. Each gateway tells the others what it took once that
 * is committed, and counts what it hears as if it had taken it itself. So a limit is that of all gateways
 * together, but for what is on its way, and for messages that were lost.
 */
#pragma once

#include "acme/rate_limiter.h"

enum { SHARED_RATES_MAX = 1024 /* waiting to be counted; what comes behind them is lost */ };

struct shared_rates;

struct shared_rates *shared_rates_new(void);
/* NULL is ignored. */
void shared_rates_free(struct shared_rates *shared);

/* Another gateway has taken this token. Any thread. The demand is copied. */
void shared_rates_add(struct shared_rates *shared, const struct rate_demand *demand);

/* Counts all that were added since. The limiter's thread. */
void shared_rates_count(struct shared_rates *shared, struct rate_limiter *limiter, struct arena *arena,
                        int64_t now_ms);
