/* SPDX-License-Identifier: Apache-2.0 */
#include "moving_clock.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "gateway/runtime/clock.h"

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

static atomic_int_fast64_t at_ms = MOVING_CLOCK_BEGIN * MS_PER_S;
static atomic_int_fast64_t step_ms;

void moving_clock_move(int64_t by_ms)
{
    atomic_fetch_add(&at_ms, by_ms);
}

void moving_clock_run(int64_t by_ms)
{
    atomic_store(&step_ms, by_ms);
}

int64_t clock_now_ms(void)
{
    return atomic_load(&at_ms);
}

int64_t clock_now(void)
{
    return clock_now_ms() / MS_PER_S;
}

int64_t moving_clock_s(void)
{
    return clock_now();
}

/* ---- what libh2o calls: the program's own symbols come before the C library's ---- */

static __thread size_t turn;

size_t moving_clock_turn(void)
{
    return turn;
}

int epoll_wait(int file, struct epoll_event *events, int most, int timeout_ms)
{
    turn++;
    return (int)syscall(SYS_epoll_pwait, file, events, most, timeout_ms, NULL, 0);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    int64_t ms = atomic_fetch_add(&at_ms, atomic_load(&step_ms));
    *now = (struct timeval){.tv_sec = ms / MS_PER_S, .tv_usec = ms % MS_PER_S * US_PER_MS};
    return 0;
}
