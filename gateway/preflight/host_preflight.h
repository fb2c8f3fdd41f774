/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks this host before the server starts: its database, the secrets beside it, the addresses and sockets
 * to listen on, sockets that were passed, and settings that are likely mistakes. `acmegate check` prints the
 * result, and `serve` begins with it: both use the same words.
 */
#pragma once

#include "acme/base/arena.h"
#include "gateway/config/config.h"
#include "store/location.h"

enum preflight_verdict {
    PREFLIGHT_OK,
    PREFLIGHT_WARNING, /* it works, and somebody may suffer */
    PREFLIGHT_FAULT,   /* the server does not start, or does not serve */
};

struct host_preflight {
    struct arena *arena;
    const struct config *config;
    const struct store_location *location;
    bool whole_database; /* reads all of it, to find damage */
    bool before_start;   /* another process starts, perhaps with more rights: a denied port is a warning */
    /* A sentence. It ends with what to do, unless it is PREFLIGHT_OK. */
    void (*tell)(void *context, enum preflight_verdict verdict, const char *line);
    void *context;
    bool failed; /* filled: there was a fault */
};

/* Changes nothing and asks nobody. A server that runs on the same database keeps its ports: they are not held
 * against it. */
void host_preflight(struct host_preflight *preflight);
