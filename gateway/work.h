/*
 * The work behind challenges, orders and revocations, on the outbound thread. It is derived from the
 * database: what is in processing and due is taken, on wake-up and each second, after a restart the same way.
 */
#pragma once

#include "gateway/server.h"

/* NULL with `why`. Takes nothing up before work_begin. */
[[gnu::warn_unused_result]] struct work *work_new(struct server *server, const char *database,
                                                  char why[static 256]);
void work_begin(struct work *work);

/* What may have become due, as bits: each kind costs a look into the database. */
enum work_due { WORK_DUE_CHALLENGES = 1, WORK_DUE_ORDERS = 2, WORK_DUE_REVOCATIONS = 4 };

/* Any thread: something of these kinds was committed that may be due now. Cheap when already awake. */
void work_wake(struct work *work, unsigned due);

/* Takes up nothing more, waits (bounded) for what is under way, and tells nobody about what ends later. */
void work_stop(struct work *work);

/* After outbound_stop and store_close. */
void work_free(struct work *work);
