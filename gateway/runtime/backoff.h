/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before another try. Each wait is twice the one before it, from `first` to `most`. Jitter
 * lengthens it by up to a half, so that gateways which failed together do not come back together. Waits are
 * in the unit of `first`: seconds or milliseconds.
 */
#pragma once

#include <stdint.h>

/* The wait that follows one of `last`, without jitter. 0 as `last`: there was none yet. */
int64_t backoff_next(int64_t last, int64_t first, int64_t most);

/* The wait after `failures` tries in a row that failed, without jitter. `first` for one, and for none. */
int64_t backoff_after(int64_t failures, int64_t first, int64_t most);

/* `wait` and a part of its half: `spread` of 256. For those who bring their own randomness. */
int64_t backoff_spread(int64_t wait, uint8_t spread);

/* Random, for backoff_spread. Without randomness it is 0: waits are then merely alike. Any thread. */
uint8_t backoff_random(void);

/* backoff_after with jitter. */
int64_t backoff_wait(int64_t failures, int64_t first, int64_t most);
