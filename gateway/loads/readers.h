/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that read the database for those that may not wait: the loops and the outbound thread. They are
 * started where reads wait for the network (store_reads_wait). Each has a connection of its own. It is opened
 * at the first load, and opened again after it was lost.
 *
 * Clients' loads and all others wait in two queues. Neither kind can take every reader, and neither queue can
 * fill the other.
 */
#pragma once

#include "store/store.h"

enum {
    READERS_COUNT = 4,
    READERS_FOR_CLIENTS = 3, /* loads of clients that run at once, at most */
    READERS_FOR_OTHERS = 2,  /* loads of the admin API and of the outbound thread that run at once, at most */
    READERS_WAITING_MAX = 1024, /* loads that wait, of each kind */
    READERS_PAUSE_MS = 500,     /* without a try, after the database could not be opened */
    READERS_SILENT_MS = 5000,   /* without an answer, until readers_answer is false */
};

enum readers_for { READERS_CLIENT, READERS_OTHER, READERS_KINDS };

struct readers;

/*
 * Embedded in the object that is handed over. Its owner keeps it until `done` was called, and with it all
 * that `load` uses.
 *
 * Rows that it sends for and does not read are forgotten behind it (store_read_ahead_end).
 *
 * `load` uses no issuer (issuers.h): one that was replaced is freed once the loops, the committer and the
 * outbound thread have passed, and a reader is none of them.
 */
struct readers_load {
    struct readers_load *next; /* belongs to the readers */
    void (*load)(struct readers_load *load, struct store_reader *reader);
    /* Once, after `load`, on another thread than the owner's. It only hands over. `loaded` is false when
     * `load` was not called: the database cannot be opened, or the readers stop. */
    void (*done)(struct readers_load *load, bool loaded);
};

/* Starts the threads. The location outlives them. NULL with `fault` when no thread can be made. */
[[gnu::warn_unused_result]] struct readers *readers_new(const struct store_location *location,
                                                        struct fault *fault);

/* Any thread; never blocks on the database. The loads of a kind begin in the order submitted. False when the
 * queue is full or the readers stop: `done` is not called then. */
[[gnu::warn_unused_result]] bool readers_submit(struct readers *readers, enum readers_for kind,
                                                struct readers_load *load);

/* The loads of a kind that wait or run. Any thread. 0 for NULL. */
size_t readers_backlog(struct readers *readers, enum readers_for kind);

/* False when loads have waited for READERS_SILENT_MS, and the database has answered none. Any thread; costs
 * no read. */
[[gnu::warn_unused_result]] bool readers_answer(const struct readers *readers);

/* Waits for the loads that run. Those that wait are done without a load. NULL is ignored. */
void readers_stop(struct readers *readers);

/* After readers_stop, when nobody can submit any more. NULL is ignored. */
void readers_free(struct readers *readers);
