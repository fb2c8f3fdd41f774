/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that the name servers answer: those of validation.resolvers, else the system's. Each is asked for
 * the address of base_url's host (of "localhost" when that is an address), all at once. `acmegate check` and
 * `serve` use the same words.
 */
#pragma once

#include "gateway/outbound/outbound.h"
#include "gateway/preflight/host_preflight.h"

struct name_servers_probe {
    struct outbound_message message; /* first: the message is the probe */
    struct outbound *outbound;
    const struct config *config;
    struct arena *arena;
    /* Called as in struct host_preflight, on the outbound thread, a line for each server. A failing server is
     * a warning; it is a fault when no server serves this host. */
    void (*tell)(void *context, enum preflight_verdict verdict, const char *line);
    void *context;
    void (*over)(struct name_servers_probe *probe); /* the last call; NULL: nobody waits */
    void *owner;                                    /* the caller's, for `over` */
};

/* Begins the probe. Any thread. The lines follow within two seconds. The probe and its arena belong to the
 * outbound thread until `over` was called or that thread has ended. The system's name servers are not asked
 * when the system resolves base_url's host without them. */
void name_servers_probe(struct name_servers_probe *probe);

/* Probes and returns after the last line, for threads that may block. `over` belongs to this function. */
void name_servers_probe_and_wait(struct name_servers_probe *probe);
