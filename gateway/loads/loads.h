/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in which the outbound thread reads the database. A load step reads, and another step follows on
 * the outbound thread. With SQLite both run at once. An engine with round trips would run the load elsewhere
 * and post what follows.
 */
#pragma once

#include "store/store.h"

struct loads;

/* NULL with `fault` when the database cannot be opened. */
[[gnu::warn_unused_result]] struct loads *loads_new(const struct store_location *location,
                                                    struct fault *fault);

/*
 * Reads with `load`, then calls `then(work)` on the outbound thread: within this call, or in a later turn. On
 * the outbound thread.
 *
 * `load` may run on another thread. It writes to `work` alone, which nobody else uses until `then` is called,
 * and reads nothing of the outbound thread's. Both run for the object that the caller works for
 * (crash_record.h). What the caller has decided before may be outdated in `then`. Once outbound_stop has
 * returned, `then` is not called any more.
 */
void loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
               void (*then)(void *work), void *work);

/* After outbound_stop. No load runs once this has returned, so the work of those that were under way can be
 * freed. NULL is ignored. */
void loads_free(struct loads *loads);
