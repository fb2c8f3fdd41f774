/* SPDX-License-Identifier: Apache-2.0 */
#include "growth.h"

#include <time.h>

enum { TRIES = 5 };

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double least_seconds(void (*work)(void *context, size_t n), void *context, size_t n)
{
    double least = 0;
    for (int i = 0; i < TRIES; i++) {
        double begin = processor_seconds();
        work(context, n);
        double took = processor_seconds() - begin;
        if (i == 0 || took < least)
            least = took;
    }
    return least;
}

double growth_of(void (*work)(void *context, size_t n), void *context, size_t n)
{
    double few = least_seconds(work, context, n);
    return least_seconds(work, context, GROWTH_FACTOR * n) / few;
}
