/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/grace_period.h"

#include <stdlib.h>

#include "gateway/admin/admin.h"

/* Visits one thread after the other, then frees itself. */
struct grace_period {
    struct http_message at_loop;
    struct store_operation at_committer;
    struct outbound_message at_outbound;
    struct server *server;
    size_t loops_passed;
    void (*over)(void *what);
    void *what;
};

static void visit_next_loop(struct grace_period *grace);

static void at_outbound(struct outbound_message *message)
{
    struct grace_period *grace =
        (struct grace_period *)((char *)message - offsetof(struct grace_period, at_outbound));
    grace->over(grace->what);
    free(grace);
}

static enum store_apply_result write_nothing(struct store_operation *operation, struct store_writer *writer)
{
    (void)operation;
    (void)writer;
    return STORE_DISCARD;
}

static void at_committer(struct store_operation *operation, enum store_outcome outcome)
{
    (void)outcome;
    struct grace_period *grace =
        (struct grace_period *)((char *)operation - offsetof(struct grace_period, at_committer));
    grace->at_outbound.run = at_outbound;
    outbound_post(grace->server->outbound, &grace->at_outbound);
}

static void at_loop(struct http_message *message)
{
    struct grace_period *grace =
        (struct grace_period *)((char *)message - offsetof(struct grace_period, at_loop));
    grace->loops_passed++;
    visit_next_loop(grace);
}

/* Returns the loops of ACME, of revocation status and of the admin API by number; NULL behind the last
 * one. */
static struct http_loop *loop_at(const struct server *server, size_t i)
{
    const struct http_server *front_ends[] = {server->http, server->pki_http};
    for (size_t n = 0; n < sizeof front_ends / sizeof *front_ends; n++) {
        size_t loops = front_ends[n] == NULL ? 0 : http_server_loops(front_ends[n]);
        if (i < loops)
            return http_server_loop(front_ends[n], i);
        i -= loops;
    }
    return i == 0 && server->admin != NULL ? admin_loop(server->admin) : NULL;
}

static void visit_next_loop(struct grace_period *grace)
{
    struct http_loop *loop = loop_at(grace->server, grace->loops_passed);
    if (loop != NULL) {
        grace->at_loop.run = at_loop;
        http_loop_post(loop, &grace->at_loop);
        return;
    }
    grace->at_committer = (struct store_operation){.apply = write_nothing, .done = at_committer};
    store_submit(grace->server->store, &grace->at_committer);
}

void grace_period_begin(struct server *server, void (*over)(void *what), void *what)
{
    struct grace_period *grace = calloc(1, sizeof *grace);
    if (grace == NULL)
        end_without("memory");
    grace->server = server;
    grace->over = over;
    grace->what = what;
    visit_next_loop(grace);
}
