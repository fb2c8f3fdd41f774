/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes the wait before another try. Each wait is twice the one before it, from `first` to `most`. Jitter
 * lengthens it by up to a half, so that gateways which failed together do not come back together. Waits are
 * in the unit of `first`: seconds or milliseconds.
 */
#pragma once

#include <stdint.h>

/* Returns the wait that follows a wait of `last`, without jitter. 0 as `last`: no wait came before. */
int64_t backoff_next(int64_t last, int64_t first, int64_t most);

/* Returns the wait after `failures` failed tries in a row, without jitter. It is `first` for one failure, and
 * for none. */
int64_t backoff_after(int64_t failures, int64_t first, int64_t most);

/* Adds a part of half of `wait`: `spread` of 256. For callers with their own randomness. */
int64_t backoff_spread(int64_t wait, uint8_t spread);

/* Returns a random value for backoff_spread. Any thread. It is 0 when there is no randomness: waits are then
 * merely alike. */
uint8_t backoff_random(void);

/* backoff_after with jitter. */
int64_t backoff_wait(int64_t failures, int64_t first, int64_t most);
