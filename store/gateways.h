/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateways of one database. PostgreSQL may have several at once, SQLite has one.
 *
 * Work that is due belongs to one gateway: the one that wrote the row into that state. It alone finds it due
 * (store_orders_due and the like), so nothing is claimed, and no claim costs a write. A gateway that is
 * silent loses its work to another one, which first makes sure that the silent one can write nothing more.
 */
#pragma once

#include "store/store.h"

/* Gateways that can serve one database at once. Each has a number from 1 on, which is part of the ids and
 * nonces that it makes. */
enum { STORE_GATEWAYS_MAX = 15 };

/* Returns the number of the gateway that this process is. It stays the same until store_close. */
unsigned store_gateway_number(const struct store *store);

/* Returns how many others serve the database now, as of a few seconds ago. */
size_t store_gateways_others(const struct store *store);

/* True in *leads for one of those that serve: work that one gateway does for all, such as retention, is this
 * one's. Within `apply`: no other one leads in a transaction of the same time. */
[[gnu::warn_unused_result]] enum store_result store_gateway_leads(struct store_writer *writer, bool *leads);

/*
 * At a start, before any work: takes over the work of a process that was this gateway, and work that is
 * nobody's; with SQLite all there is. Attempts that they left without an answer become ATTEMPT_UNKNOWN, and
 * their orders are due at once. Returns the number of those attempts. Within `apply`.
 */
[[gnu::warn_unused_result]] enum store_result store_gateway_settle(struct store_writer *writer, int64_t now,
                                                                   int64_t *unknown_attempts);

enum {
    STORE_GATEWAY_LIVES_S = 30
}; /* without a sign of life, which one that serves gives every few seconds */

/* A text that a gateway has sealed with its secret key. */
struct gateway_seal {
    const char *gateway; /* its name */
    struct bytes sealed;
};

/* Loads those of the gateways that serve, but for this process's own: with SQLite only of one that has just
 * started. */
[[gnu::warn_unused_result]] enum store_result store_gateway_seals(
    struct store_reader *reader, struct arena *arena, struct gateway_seal out[static STORE_GATEWAYS_MAX],
    size_t *count);

/* Sets that of this gateway. */
[[gnu::warn_unused_result]] enum store_result store_gateway_set_seal(struct store_writer *writer,
                                                                     struct bytes sealed);
