/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway under test: its configuration, its start and stop, and what operators do to it. */
#pragma once

#include "gateway/server/server.h"

/* Makes the folder with what outlives an epoch. Once. */
void house_make(void);
void house_remove(void);

/* A new database, and a server on it. */
void house_begin(void);
void house_end(void);
struct server *house_server(void);
const struct config *house_config(void);

enum house_stop {
    HOUSE_STOP_CLEAN, /* what is under way ends first */
    HOUSE_CRASH,      /* the database is what it was at this moment */
    HOUSE_RESTORE,    /* the database is what it was at the last house_keep_copy */
};
/* Ends the server so, and starts it again. */
void house_restart(enum house_stop how);
void house_keep_copy(void);
/* From the next start on the configuration denies denied.test, or no more. */
void house_deny(bool denied);
bool house_denies(void);
/* The wall clock jumps, but not before the time when the CAs were made: without one, nothing starts. */
void house_set_clock(int64_t by_ms);

/* ---- an operator's doings ---- */

enum {
    HOUSE_MAC_BYTES = 32,
    HOUSE_ORDERS_PER_NAME = 12,
    HOUSE_ORDERS_PER_ACCOUNT = 150,
    HOUSE_REFUSALS = 100
};

struct house_eab_key {
    int64_t id;
    const char *kid; /* in the arena */
    uint8_t mac_key[HOUSE_MAC_BYTES];
    bool trusted;
};
void house_add_eab_key(struct arena *arena, const char *endpoint, bool trusted, struct house_eab_key *out);
void house_revoke_eab_key(const struct house_eab_key *key);
