/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/http/ only. */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "acme/base/fault.h"
#include "gateway/http/http.h"
#include "gateway/http/http_h2o.h"
#include "gateway/runtime/log_gate.h"

enum { HTTP_PARK_BUCKETS = 256 };

struct http_connection;
struct http_connections;

struct http_listener {
    struct http_loop *loop;
    const struct listen_address *address; /* NULL: the Unix socket */
    h2o_socket_t *socket;
    bool is_reading; /* it accepts */
};

struct http_guard {
    struct http_request *request;
    h2o_req_t *req;
    struct http_connection *connection;
};

/* A connection whose next request is awaited, for how long already. */
struct http_deadline {
    h2o_linklist_t in_loop;
    h2o_socket_t *socket;
    uint64_t since; /* h2o_now */
};

struct http_parked {
    struct http_parked *next;
    struct http_parked **link;
    h2o_timeout_entry_t timer;
    struct http_request *request;
    int64_t key;
    void (*resume)(struct http_request *request);
    void (*late)(struct http_request *request); /* in its place when the time is over */
};

struct http_loop {
    h2o_context_t context; /* first: a request's context is its loop */
    struct http_server *server;
    pthread_t thread;
    h2o_multithread_receiver_t receiver;
    h2o_accept_ctx_t accept;
    h2o_accept_ctx_t accept_plain;            /* without TLS */
    struct http_tls_certificate *certificate; /* of new connections; only the loop's thread touches it */
    struct http_listener *listeners;          /* in the order of the server's listen_fds */
    h2o_linklist_t awaited;                   /* connections whose PROXY header is awaited */
    h2o_timeout_t handshake_timeout;
    h2o_linklist_t deadlines; /* of connections whose request is awaited, oldest first */
    h2o_timeout_t deadline_timeout;
    h2o_timeout_entry_t deadline_timer;
    uint64_t deadline_ms;
    bool draining;
    bool stopped;
    atomic_size_t connections; /* others only read it */
    atomic_size_t requests;    /* handed to the application and not yet answered; others only read it */
    struct http_connections *tcp;
    struct http_connections *local;
    /* Anybody can cause these lines. */
    struct log_gate evictions, failures, refusals, unclear;
    h2o_timeout_t park_timeout, look_timeout;
    struct http_parked *parked[HTTP_PARK_BUCKETS];
    void *data;
};

struct http_server {
    struct http_server_config config;
    h2o_globalconf_t globalconf;
    h2o_hostconf_t *host;
    int *listen_fds; /* of config.listen, then of the Unix socket */
    size_t listen_count;
    struct http_local_socket *local; /* NULL: none */
    struct http_loop **loops;
    size_t loop_count;
    _Atomic int64_t hold_ms;
    pthread_mutex_t start_lock;
    pthread_cond_t start_changed;
    size_t started;
    size_t failed;
};

/* ---- http_tls.c ---- */

/* A context of one loop, for its whole life: libh2o keeps the pointer of accepted connections. */
SSL_CTX *http_tls_context_new(struct http_loop *loop);

/* ---- http_tls_alert.c ---- */

/* Sends the alerts of handshakes that fail, and notes why in their connection. */
void http_tls_watch_handshakes(SSL_CTX *context);

struct http_tls_certificate;
struct http_tls_certificate *http_tls_certificate_parse(struct bytes chain_pem, struct bytes key_pem,
                                                        struct fault *fault);
void http_tls_certificate_free(struct http_tls_certificate *certificate);

/* ---- http_listen.c ---- */

/* A bound, listening, non-blocking socket, or -1 with `fault`. A socket that was passed is duplicated. */
int http_listen(const struct listen_address *address, struct fault *fault);

/* A Unix socket that is in its folder until it is removed; one that was passed stays there. */
struct http_local_socket;
struct http_local_socket *http_local_listen(const char *path, struct fault *fault);
int http_local_fd(const struct http_local_socket *local);
/* Takes it out of its folder, unless another has taken its place there. Its descriptor is the caller's. NULL
 * is ignored. */
void http_local_remove(struct http_local_socket *local);

/* ---- http_accept.c ---- */

/* Connections begin with HTTP instead of TLS. */
bool http_listener_is_plain(const struct http_listener *listener);
/* One of trusted_proxies. */
bool http_is_trusted_proxy(const struct http_loop *loop, const struct address *address);
/* Begins TLS, or HTTP. */
void http_accept_go_on(struct http_connection *connection, h2o_socket_t *socket);
/* Counts a connection that is closed before TLS, and says why. */
void http_tell_refusal(struct http_loop *loop, enum http_event event, const struct address *from,
                       const char *why);
/* Says no more than once in ten seconds that a request's client cannot be told apart from its proxy. */
void http_tell_unclear(struct http_loop *loop, const struct address *proxy, const char *why);
/* A socket has closed; `connection` is its. */
void http_on_connection_closed(struct http_connection *connection);
/* Begins or goes on accepting, when there is room; on TCP, when there is a certificate. */
void http_accept_resume(struct http_loop *loop);
/* Stops for good: closes the loop's listeners. */
void http_accept_stop(struct http_loop *loop);
/* Has room for `max` connections on TCP from now on. Idle ones beyond it are closed. */
void http_accept_resize(struct http_loop *loop, size_t max);
/* Makes the loop's own sockets over duplicates of the server's. */
[[gnu::warn_unused_result]] bool http_accept_prepare(struct http_loop *loop);

/* ---- http_deadline.c ---- */

void http_deadline_start(struct http_loop *loop);
/* The time that a request may take, from the end of the one before it until it is whole. The oldest may be
 * closed. */
void http_deadline_set(struct http_loop *loop, uint64_t ms);
/* Closes the socket unless http_deadline_end is called in time. */
void http_deadline_begin(struct http_loop *loop, struct http_deadline *deadline, h2o_socket_t *socket);
void http_deadline_end(struct http_deadline *deadline);
void http_deadline_stop(struct http_loop *loop);

/* ---- http_proxy.c ---- */

/* Reads the PROXY header of a new connection within the time of a handshake, and then lets it go on. */
void http_proxy_header_await(struct http_connection *connection, h2o_socket_t *socket);
/* Closes the connections whose PROXY header is awaited. */
void http_proxy_header_drain(struct http_loop *loop);

/* ---- http_request.c ---- */

int http_on_request(h2o_handler_t *self, h2o_req_t *req);
void http_on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot);

/* ---- http_park.c ---- */

void http_park_start(struct http_loop *loop);
/* Lets everything that waits go on at once, and nothing wait any more. */
void http_park_drain(struct http_loop *loop);
void http_park_stop(struct http_loop *loop);
