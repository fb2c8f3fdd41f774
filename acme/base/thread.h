/* Threads of the program: each blocks the signals that are the main thread's (its sigwait), and only those of
 * a fault of its own reach it. */
#pragma once

#include <pthread.h>

/* 0, or what pthread_create says. */
[[nodiscard]] int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);
