/*
 * One thread for what is slow while serving: deriving keys from passwords, asking a CA before a change, long
 * reads. It runs one task after the other; loops, the committer and the outbound thread only hand over.
 */
#pragma once

#include <stdbool.h>

struct worker;

/* Takes tasks from now on, and runs them once it has begun. */
struct worker *worker_new(void);
/* False when no thread can be made. */
[[gnu::warn_unused_result]] bool worker_begin(struct worker *worker);

/* Runs what was posted, when it has begun, and joins the thread. What is posted later is not taken. */
void worker_stop(struct worker *worker);
/* When nobody can post any more. */
void worker_free(struct worker *worker);

/* Embedded in whatever is handed over; its owner keeps it until `run` was called. */
struct worker_task {
    struct worker_task *next; /* the worker's */
    void (*run)(struct worker_task *task);
};

/* Any thread. False when the worker has been told to stop: the task is not run. */
[[gnu::warn_unused_result]] bool worker_post(struct worker *worker, struct worker_task *task);
