/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When may be freed what others find without a lock? A loop, the committer's operation or the outbound thread
 * may have found it just before it was replaced, and uses it until it is done with what it is at. Once each
 * of those threads has gone on to something else, nobody can have it any more.
 */
#pragma once

#include "gateway/server/server.h"

/* Calls over(what), once, on the outbound thread. Any thread, while the server runs. Blocks nobody. */
void grace_period_begin(struct server *server, void (*over)(void *what), void *what);
