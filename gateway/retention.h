/*
 * What is older than `retention` says is deleted by a running server: a pass soon after its start and each
 * hour, in steps of a few milliseconds on the committer's thread with pauses between them, so that clients do
 * not notice.
 */
#pragma once

#include "gateway/server/server.h"

struct retention_work;

/* Never NULL. Begins at once. */
struct retention_work *retention_start(struct server *server);

/* After the outbound thread has stopped and the store is closed. NULL is ignored. */
void retention_free(struct retention_work *work);
