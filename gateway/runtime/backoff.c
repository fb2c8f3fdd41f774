/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/backoff.h"

#include <openssl/rand.h>

enum { SPREADS_IN_A_WAIT = 512 };

int64_t backoff_next(int64_t last, int64_t first, int64_t most)
{
    int64_t wait = last > most / 2 ? most : 2 * last;
    if (wait < first)
        wait = first;
    return wait < most ? wait : most;
}

int64_t backoff_after(int64_t failures, int64_t first, int64_t most)
{
    int64_t wait = backoff_next(0, first, most);
    for (int64_t i = 1; i < failures && wait < most; i++)
        wait = backoff_next(wait, first, most);
    return wait;
}

int64_t backoff_spread(int64_t wait, uint8_t spread)
{
    return wait + wait * spread / SPREADS_IN_A_WAIT;
}

uint8_t backoff_random(void)
{
    uint8_t random = 0;
    return RAND_bytes(&random, 1) == 1 ? random : 0;
}

int64_t backoff_wait(int64_t failures, int64_t first, int64_t most)
{
    return backoff_spread(backoff_after(failures, first, most), backoff_random());
}
