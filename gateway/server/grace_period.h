/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides when an object may be freed that others find without a lock. A loop, an operation of the committer
 * or the outbound thread may have found it just before it was replaced, and uses it until its current task
 * ends. Once each of those threads has begun another task, none can still have it.
 */
#pragma once

#include "gateway/server/server.h"

/* Calls over(what), once, on the outbound thread. Any thread, while the server runs. Blocks nobody. */
void grace_period_begin(struct server *server, void (*over)(void *what), void *what);
