/*
 * When may be freed what others find without a lock? A loop, the committer's operation or the outbound thread
 * may have found it just before it was replaced, and uses it until it is done with what it is at. Once each
 * of those threads has gone on to something else, nobody can have it any more.
 */
#pragma once

#include "gateway/http/http.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

struct server;

/* Embedded in what is to be freed; its owner keeps it until `over` was called, on the outbound thread. */
struct grace_period {
    struct http_message at_loop; /* these are private */
    struct store_operation at_committer;
    struct outbound_message at_outbound;
    struct server *server;
    size_t loops_passed;
    void (*over)(struct grace_period *grace);
};

/* Any thread, while the server runs. `over` is set. Blocks nobody. */
void grace_period_begin(struct grace_period *grace, struct server *server);
