/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletes rows that are older than `retention` allows, in a running server: a pass soon after its start and
 * each hour. It runs in steps of a few milliseconds on the committer's thread, with pauses between them, so
 * that clients do not notice.
 */
#pragma once

#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

struct retention_work;

/* Borrowed for its life. */
struct retention_parts {
    const struct config *config;
    struct store *store;
    struct outbound *outbound;
};

/* Never NULL. Begins at once. */
struct retention_work *retention_start(const struct retention_parts *parts);

/* After the outbound thread has stopped and the store is closed. NULL is ignored. */
void retention_free(struct retention_work *work);
