/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a task on the outbound thread and waits for its end, for threads that may block. */
#pragma once

#include <semaphore.h>

#include "gateway/outbound/outbound.h"

/* The first member of a task, which lives until outbound_wait returns. */
struct outbound_errand {
    struct outbound_message message; /* first */
    sem_t ended;
};

/* Has `run` called on the outbound thread, and waits for outbound_errand_end. */
void outbound_wait(struct outbound *outbound, struct outbound_errand *errand,
                   void (*run)(struct outbound_message *message));

/* Ends the errand, in `run` or later, on any thread. Call it once: the errand must not be used afterwards. */
void outbound_errand_end(struct outbound_errand *errand);

/* Before outbound_stop: runs it on the outbound thread, and returns when it has. */
void outbound_run_and_wait(struct outbound *outbound, void (*run)(void *argument), void *argument);

/* The reply belongs to `arena`. */
void outbound_http_and_wait(struct outbound *outbound, struct arena *arena,
                            const struct outbound_http_request *request, struct outbound_http_reply *reply);
