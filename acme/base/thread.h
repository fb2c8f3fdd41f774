/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of the program. Each blocks the signals that the main thread waits for (sigwait). Only the signals
 * of its own faults reach it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Starts a thread. Returns 0, or the error of pthread_create. */
[[nodiscard]] int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/* Returns the moment `ms` milliseconds from now, for thread_wait_until. It is on the monotonic clock: a step
 * of the wall clock makes no wait longer or shorter. */
struct timespec thread_deadline(int64_t ms);

/* Waits for a signal of `changed`, with `mutex` held. Returns false once the deadline has passed. A wait may
 * also end without a reason, so the caller checks its state again. */
[[nodiscard]] bool thread_wait_until(pthread_cond_t *changed, pthread_mutex_t *mutex,
                                     const struct timespec *deadline);
