/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the program: each blocks the signals that are the main thread's (its sigwait), and only those of
 * a fault of its own reach it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* 0, or what pthread_create says. */
[[nodiscard]] int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/* The moment `ms` milliseconds from now, for thread_wait_until. It is on the monotonic clock: a step of the
 * wall clock makes no wait longer or shorter. */
struct timespec thread_deadline(int64_t ms);

/* Waits for a signal of `changed`, with `mutex` held. Returns false once the deadline has passed. A wait may
 * also end for no reason, so the caller looks at its state again. */
[[nodiscard]] bool thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex,
                                     const struct timespec *deadline);
