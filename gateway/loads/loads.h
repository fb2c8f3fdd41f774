/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in which the outbound thread reads the database. A load step reads, and another step follows on
 * the outbound thread. With SQLite both run at once. Where reads wait for the network, a reader's thread runs
 * the load (readers.h), and what follows is posted.
 */
#pragma once

#include "gateway/loads/readers.h"
#include "gateway/outbound/outbound.h"

struct loads;

/* Borrows the outbound thread and the readers. Without readers (NULL) the outbound thread reads itself. NULL
 * with `fault` when the database cannot be opened. */
[[gnu::warn_unused_result]] struct loads *loads_new(const struct store_location *location,
                                                    struct outbound *outbound, struct readers *readers,
                                                    struct fault *fault);

/*
 * Reads with `load`, then calls `then(work)` on the outbound thread: within this call, or in a later turn. On
 * the outbound thread. `load` is left out when the database cannot be opened, or too many loads wait: so the
 * caller sets `work` up as after a read that failed.
 *
 * `load` may run on another thread. It writes to `work` alone, which nobody else uses until `then` is called,
 * and reads nothing of the outbound thread's. It uses no issuer (readers.h). Both run for the object that the
 * caller works for (crash_record.h). What the caller has decided before may be outdated in `then`. Once
 * outbound_stop has returned, `then` is not called any more.
 */
void loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
               void (*then)(void *work), void *work);

/* After outbound_stop and readers_stop: closes the outbound thread's own reader. No load runs any more, so
 * the work of those that were under way can be freed. NULL is ignored. */
void loads_stop(struct loads *loads);

/* After loads_stop, when nobody takes messages from the outbound thread any more. NULL is ignored. */
void loads_free(struct loads *loads);
