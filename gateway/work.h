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

/* Any thread: something was committed that may be due now. Cheap when already awake. */
void work_wake(struct work *work);

/* Takes up nothing more, waits (bounded) for what is under way, and tells nobody about what ends later. */
void work_stop(struct work *work);

/* After outbound_stop and store_close. */
void work_free(struct work *work);
