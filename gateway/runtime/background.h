/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for slow work while serving: deriving keys from passwords, asking a CA before a change, long
 * reads. It runs one task after the other. The loops, the committer and the outbound thread only hand over.
 */
#pragma once

#include <stdbool.h>

struct background;

/* Makes a queue that takes tasks at once. They run after background_begin. */
struct background *background_new(void);
/* Starts the thread. False when no thread can be made. */
[[gnu::warn_unused_result]] bool background_begin(struct background *background);

/* Runs the tasks already posted, if the thread was started, and joins it. Later tasks are refused. */
void background_stop(struct background *background);
/* Frees the queue. Call it when nobody can post any more. */
void background_free(struct background *background);

/* Embedded in the object that is handed over. Its owner keeps it until `run` has been called. */
struct background_task {
    struct background_task *next; /* belongs to the background thread */
    void (*run)(struct background_task *task);
};

/* Posts a task. Any thread. False when the background thread has been told to stop: the task does not run. */
[[gnu::warn_unused_result]] bool background_post(struct background *background, struct background_task *task);
