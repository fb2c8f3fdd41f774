/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time for a request to come. libh2o has a timer of its own: 2.2 cannot shorten it for one loop alone,
 * and 2.3 begins it anew with each part of a body.
 */
#include <sys/socket.h>

#include "gateway/http/http_internal.h"

/* The oldest one is due first, because all have the same time. */
static void arm(struct http_loop *loop)
{
    if (h2o_timeout_is_linked(&loop->deadline_timer))
        h2o_timeout_unlink(&loop->deadline_timer);
    if (h2o_linklist_is_empty(&loop->deadlines))
        return;
    const struct http_deadline *oldest =
        H2O_STRUCT_FROM_MEMBER(struct http_deadline, in_loop, loop->deadlines.next);
    uint64_t due = oldest->since + loop->deadline_ms;
    uint64_t now = h2o_now(loop->context.loop);
    loop->deadline_timeout.timeout = due > now ? due - now : 0;
    h2o_timeout_link(loop->context.loop, &loop->deadline_timeout, &loop->deadline_timer);
}

static void on_due(h2o_timeout_entry_t *timer)
{
    struct http_loop *loop = H2O_STRUCT_FROM_MEMBER(struct http_loop, deadline_timer, timer);
    uint64_t now = h2o_now(loop->context.loop);
    while (!h2o_linklist_is_empty(&loop->deadlines)) {
        struct http_deadline *oldest =
            H2O_STRUCT_FROM_MEMBER(struct http_deadline, in_loop, loop->deadlines.next);
        if (oldest->since + loop->deadline_ms > now)
            break;
        /* libh2o reads the end of input, takes leave of TLS and closes. */
        shutdown(h2o_socket_get_fd(oldest->socket), SHUT_RD);
        h2o_linklist_unlink(&oldest->in_loop);
    }
    arm(loop);
}

void http_deadline_start(struct http_loop *loop)
{
    h2o_linklist_init_anchor(&loop->deadlines);
    h2o_timeout_init(loop->context.loop, &loop->deadline_timeout, 0);
    loop->deadline_timer.cb = on_due;
    loop->deadline_ms = (uint64_t)loop->server->config.request_timeout_ms;
}

void http_deadline_set(struct http_loop *loop, uint64_t ms)
{
    if (loop->deadline_ms == ms)
        return;
    loop->deadline_ms = ms;
    arm(loop);
}

void http_deadline_begin(struct http_loop *loop, struct http_deadline *deadline, h2o_socket_t *socket)
{
    http_deadline_end(deadline);
    deadline->socket = socket;
    deadline->since = h2o_now(loop->context.loop);
    h2o_linklist_insert(&loop->deadlines, &deadline->in_loop);
    if (!h2o_timeout_is_linked(&loop->deadline_timer))
        arm(loop);
}

void http_deadline_end(struct http_deadline *deadline)
{
    if (h2o_linklist_is_linked(&deadline->in_loop))
        h2o_linklist_unlink(&deadline->in_loop);
}

void http_deadline_stop(struct http_loop *loop)
{
    if (h2o_timeout_is_linked(&loop->deadline_timer))
        h2o_timeout_unlink(&loop->deadline_timer);
    h2o_timeout_dispose(loop->context.loop, &loop->deadline_timeout);
}
