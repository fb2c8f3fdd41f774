/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libh2o, for gateway/http/ only: release 2.2.5, or upstream's source as of 2026, which calls itself 2.3.0
 * and has library version 0.16. All that differs between them stands here, in http_h2o_2_2.c and in
 * http_h2o_2_3.c. CMake takes the file of the version that it finds.
 */
#pragma once

#define H2O_USE_LIBUV 0
#include <h2o.h>
#include <h2o/version.h>

#include "acme/base/bytes.h"

#if H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR == 13

/* Who sends the alert of a handshake that fails. */
enum { HTTP_H2O_SENDS_ALERTS = 0 };

typedef h2o_iovec_t http_sendvec;
#define HTTP_SENDVEC(vec)                 (vec)
#define HTTP_ADD_OSTREAM(req, type, slot) ((type *)h2o_add_ostream(req, sizeof(type), slot))

#else

enum { HTTP_H2O_SENDS_ALERTS = 1 };

typedef h2o_sendvec_t http_sendvec;
#define HTTP_ADD_OSTREAM(req, type, slot) ((type *)h2o_add_ostream(req, _Alignof(type), sizeof(type), slot))

static inline http_sendvec HTTP_SENDVEC(h2o_iovec_t vec)
{
    http_sendvec made;
    h2o_sendvec_init_raw(&made, vec.base, vec.len);
    return made;
}

/* The timeouts of 2.2: a duration that timers share. */
typedef struct {
    uint64_t timeout; /* milliseconds */
} h2o_timeout_t;
typedef h2o_timer_t h2o_timeout_entry_t;

static inline void h2o_timeout_init(h2o_loop_t *loop, h2o_timeout_t *timeout, uint64_t ms)
{
    (void)loop;
    timeout->timeout = ms;
}

static inline void h2o_timeout_dispose(h2o_loop_t *loop, h2o_timeout_t *timeout)
{
    (void)loop;
    (void)timeout;
}

static inline void h2o_timeout_link(h2o_loop_t *loop, h2o_timeout_t *timeout, h2o_timeout_entry_t *entry)
{
    h2o_timer_link(loop, timeout->timeout, entry);
}

#define h2o_timeout_unlink    h2o_timer_unlink
#define h2o_timeout_is_linked h2o_timer_is_linked

#endif

/* The socket that a request comes from. */
h2o_socket_t *http_h2o_socket(const h2o_req_t *req);

/*
 * The raw head of a request, with more of the connection's input behind it. libh2o has changed only its
 * header names, to lower case. Empty when libh2o could not read the head: the request must not be answered.
 * Valid until the answer is sent.
 */
struct bytes http_h2o_head(const h2o_req_t *req);

/* libh2o's own limits of time for a request, its body and a response that makes no progress. */
void http_h2o_set_request_timeout(h2o_globalconf_t *conf, uint64_t ms);

/* Closes the connections that have no part of a request. */
void http_h2o_close_idle(h2o_context_t *context);

/* Adds the time (RFC 9110 §6.6.1) to the headers of a response that is about to be sent, unless libh2o does.
 */
void http_h2o_add_date(h2o_req_t *req);

/* Gives back memory that libh2o has kept for reuse on this thread. Returns the time until the next call is
 * due, in milliseconds. */
int32_t http_h2o_collect(h2o_context_t *context);

/* Frees the context, its loop and what libh2o has kept on this thread. No connection is left, and no timer.
 */
void http_h2o_dispose(h2o_context_t *context);
