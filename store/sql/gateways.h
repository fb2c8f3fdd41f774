/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway that this process is, and the others; private to store/. */
#pragma once

#include "store/gateways.h"
#include "store/sql/query.h"

struct gateway_identity {
    char name[STORE_GATEWAY_NAME_BYTES]; /* as store_set_gateway was told; "" without it */
    char version[STORE_GATEWAY_NAME_BYTES];
    int64_t id;      /* of the row in `gateways`; 0: it serves nothing */
    unsigned number; /* 0: it serves nothing */
};
const struct gateway_identity *gateway_identity(void);
/* Before any other thread reads it. */
void gateway_set_row(int64_t id, unsigned number);

/* The owner of work that becomes due: this gateway; for a command, one that serves, which may be none. It
 * needs gateway_bind. */
#define GATEWAY_OWNER \
    "coalesce($gateway, (SELECT id FROM gateways WHERE state = 'serving' ORDER BY seen_at DESC LIMIT 1))"
/* Binds $gateway: NULL for a command. */
void gateway_bind(struct query *query, const struct store_writer *writer);
/* Binds $gateway: the one whose due work is read. */
void gateway_bind_own(struct query *query);

/* A server on SQLite: makes or takes its row, where all others are gone. False, logged. */
[[gnu::warn_unused_result]] bool gateway_enter(struct store_writer *writer);
/* The row says from now on that the gateway has stopped. What fails is logged. Nothing happens for one that
 * did not enter. */
void gateway_leave(struct store_writer *writer);

/*
 * The sign of life of a gateway that is one of several: an operation that the committer runs every
 * GATEWAY_BEAT_MS. It counts for each other gateway how many of them have passed without a transaction of the
 * other. So time passes only while this one can write, and no clock is compared. After GATEWAY_SILENT_BEATS
 * the other is fenced, and its work is taken over in the same transaction.
 */
enum { GATEWAY_BEAT_MS = 2000, GATEWAY_SILENT_BEATS = 8 };

struct heartbeat;

struct heartbeat *heartbeat_new(void);
void heartbeat_free(struct heartbeat *heartbeat);
/* Returns the operation, to be submitted; NULL while it is under way. Committer's thread. */
struct store_operation *heartbeat_begin(struct heartbeat *heartbeat);
/* Any thread. */
size_t heartbeat_others(const struct heartbeat *heartbeat);
