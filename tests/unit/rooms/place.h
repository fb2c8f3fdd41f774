/* SPDX-License-Identifier: Apache-2.0 */
/* Where a room is tested: a folder of its own with a root and a provisioner's key, a clock, and requests. */
#pragma once

#include "fakes.h"

/* The tests' time: 2026-11-26T12:00:00Z. */
#define PLACE_NOW INT64_C(1795694400)

struct place {
    char folder[64]; /* provisioner.json and root.crt lie in it */
    struct arena *arena;
};

void place_begin(struct place *place);
void place_end(struct place *place);
void place_write(const struct place *place, const char *name, const char *text);

struct place_request {
    const char *method;
    const char *path;
    int64_t user;              /* over the Unix socket; -1: over TCP, from 192.0.2.1 */
    const char *authorization; /* NULL: none */
    const char *body;          /* NULL: none */
    bool body_too_long;
};
/* To the server that started first. The reply is in the place's arena; fakes_settle() lets it come. */
struct fake_reply *place_send(const struct place *place, const struct place_request *sent);

/* The n-th server's, with an arena and an address of its own; what `request` holds is copied. */
struct fake_reply *place_deliver(const struct place *place, size_t server,
                                 const struct http_request *request);

/* "" where there is none. */
const char *fake_header(const struct fake_reply *reply, const char *name);
