/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for what is slow while serving: deriving keys from passwords, asking a CA before a change, long
 * reads. It runs one task after the other; loops, the committer and the outbound thread only hand over.
 */
#pragma once

#include <stdbool.h>

struct background;

/* Takes tasks from now on, and runs them once it has begun. */
struct background *background_new(void);
/* False when no thread can be made. */
[[gnu::warn_unused_result]] bool background_begin(struct background *background);

/* Runs what was posted, when it has begun, and joins the thread. What is posted later is not taken. */
void background_stop(struct background *background);
/* When nobody can post any more. */
void background_free(struct background *background);

/* Embedded in whatever is handed over; its owner keeps it until `run` was called. */
struct background_task {
    struct background_task *next; /* the background thread's */
    void (*run)(struct background_task *task);
};

/* Any thread. False when the background thread has been told to stop: the task is not run. */
[[gnu::warn_unused_result]] bool background_post(struct background *background, struct background_task *task);
