/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTPS front end on libh2o: listeners, TLS, N loop threads, replies, and requests that wait for
 * something. HTTP/1.1 only. Nothing outside gateway/http/ knows libh2o.
 *
 * A request is handed to `handle` on its loop thread and belongs to the application from then on, arena and
 * all, until it calls http_reply. The client may leave meanwhile; http_reply then only frees.
 */
#pragma once

#include <netinet/in.h>

#include "acme/base/arena.h"
#include "acme/base/fault.h"
#include "acme/base/library.h"
#include "gateway/config/config.h"
#include "gateway/runtime/address_policy.h"

/* The library of the listeners. */
struct library http_library(void);

/* ---- before a start ---- */

enum http_address_state {
    HTTP_ADDRESS_FREE,
    HTTP_ADDRESS_PASSED, /* its socket was passed by the service manager (passed_sockets.h) */
    HTTP_ADDRESS_IN_USE,
    HTTP_ADDRESS_DENIED, /* to this user; another may have it */
    HTTP_ADDRESS_UNUSABLE,
};

/* Binds the address and lets it go again, without listening. With `fault`, in the words of a start, unless
 * free or passed. */
[[gnu::warn_unused_result]] enum http_address_state http_address_try(const struct listen_address *address,
                                                                     struct fault *fault);

/* Tests whether a Unix socket can be made at this path; an existing or passed socket is not a fault. False
 * with `fault`, in the words of `serve`. */
[[gnu::warn_unused_result]] bool http_local_try(const char *path, struct fault *fault);

struct http_server;
struct http_loop;

enum {
    HTTP_MAX_BODY_BYTES = 64 * 1024,
    /* A body up to this size is read to its end, so that the client reads its 413 instead of a reset
     * connection. libh2o refuses a larger one at once. */
    HTTP_MAX_READ_BYTES = 256 * 1024,
    HTTP_MAX_REPLY_HEADERS = 16,
    HTTP_DRAIN_MS = 5 * 1000, /* of a stop: the time for requests in progress */
    HTTP_LOOK_MS = 1000,      /* http_park_with_looks */
};

struct http_request {
    struct arena *arena; /* owns this structure too */
    struct http_loop *loop;
    struct bytes method;
    struct bytes target; /* path and query as sent */
    struct bytes path;   /* the target's part before '?' */
    struct bytes query;  /* the part behind it */
    struct bytes host;   /* the Host header, unchecked */
    struct bytes content_type;
    struct bytes user_agent;
    struct bytes authorization; /* cleansed with the arena */
    struct bytes body;          /* empty when body_too_long */
    bool body_too_long;
    /* whom accounts, events and trusted.networks mean: the peer, or the client that trusted proxies tell of
     * (docs/proxies.md); "" over the Unix socket */
    char client_address[INET6_ADDRSTRLEN];
    /* whom limits mean: the address, of IPv6 the /64 network; "" over the Unix socket */
    char client_network[ADDRESS_NETWORK_BYTES];
    int64_t local_user;       /* over the Unix socket: the user id at its other end (SO_PEERCRED); else -1 */
    void *application;        /* the application's own */
    struct http_guard *guard; /* private: NULL once the client has left */
};

struct http_header {
    const char *name; /* static storage */
    const char *value;
};

struct http_reply {
    int status;
    const char *content_type; /* NULL without a body */
    struct bytes body;
    struct http_header headers[HTTP_MAX_REPLY_HEADERS];
    size_t header_count;
};

/* Leaves the header out, with an error in the log, when the table is full. */
void http_reply_add_header(struct http_reply *reply, const char *name, const char *value);

/* The events that the front end reports for the metrics. */
enum http_event {
    HTTP_HANDSHAKE_DONE, /* not reported */
    HTTP_HANDSHAKE_PROTOCOL_VERSION,
    HTTP_HANDSHAKE_NO_SHARED_CIPHER,
    HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL,
    HTTP_HANDSHAKE_REFUSED_BY_CLIENT, /* with an alert: as a rule the client does not trust the certificate */
    HTTP_HANDSHAKE_OTHER,
    HTTP_HANDSHAKE_UNFINISHED,        /* the client left, was too slow, or does not speak TLS */
    HTTP_CONNECTION_EVICTED,          /* an idle connection made room */
    HTTP_CONNECTION_NOT_FROM_A_PROXY, /* the listener is for trusted proxies only */
    HTTP_CONNECTION_BAD_PROXY_HEADER, /* of the PROXY protocol: malformed, missing or slow */
    HTTP_EVENTS,
};

/* A request that never comes to `handle`: it is malformed, or its body is longer than HTTP_MAX_READ_BYTES. */
struct http_refusal {
    struct http_loop *loop;
    int status;                            /* 400, 413… */
    struct bytes method, target;           /* as sent; borrowed */
    char client_address[INET6_ADDRSTRLEN]; /* the connection's; "" over the Unix socket */
};

struct http_application {
    void *context;
    /* On a loop's thread; only counts. */
    void (*told)(enum http_event event);
    /* On each loop's own thread, before the first and after the last request. A false start stops the server.
     */
    bool (*loop_started)(void *context, struct http_loop *loop);
    void (*loop_stopped)(void *context, struct http_loop *loop);
    void (*handle)(void *context, struct http_request *request);
    /* Renders the reply to it, so that it is a problem document too. On the loop's thread. libh2o itself
     * answers a head that it cannot read at all. */
    void (*render_refusal)(void *context, struct arena *arena, const struct http_refusal *refusal,
                           struct http_reply *reply);
};

struct http_server_config {
    const struct config *config; /* asked for the newest trusted_proxies; NULL: there are none */
    const struct listen_address *listen;
    size_t listen_count;
    const char *socket_path; /* a Unix socket beside them, without TLS, mode 0600; NULL: none */
    bool plain; /* HTTP without TLS on the listeners: they accept at once, and have no certificate */
    size_t loops;
    size_t max_connections;     /* on TCP; as many again on the Unix socket */
    int64_t request_timeout_ms; /* headers, body and the idle time between requests, in one; shorter when
                                   connections are scarce */
    int64_t hold_ms;            /* see http_server_set_hold */
    struct http_application application;
};

/*
 * Binds, or takes sockets that were passed; starts the loops. TCP connections are accepted as soon as a
 * certificate is set, or at once when plain. A socket that a dead server left at socket_path is replaced, a
 * live one refused. NULL with `fault` filled.
 */
[[gnu::warn_unused_result]] struct http_server *http_server_start(const struct http_server_config *config,
                                                                  struct fault *fault);

/* Returns the port of the i-th of `listen`: the system's choice when the configuration has 0. */
uint16_t http_server_port(const struct http_server *server, size_t i);

size_t http_server_loops(const struct http_server *server);
/* The i-th loop; NULL behind the last. */
struct http_loop *http_server_loop(const struct http_server *server, size_t i);

/* Changes max_connections on TCP. Idle connections beyond it are closed. Any thread. */
void http_server_set_max_connections(struct http_server *server, size_t max_connections);

/* Returns the number of open connections. Any thread. */
size_t http_server_connections(const struct http_server *server);

/* A certificate that every loop of a server can use, and that none uses yet. */
struct http_certificate_change;

/* Reads a PEM chain, leaf first, and its key, for all loops. NULL with `fault`. Any thread. */
[[gnu::warn_unused_result]] struct http_certificate_change *http_certificate_prepare(
    struct http_server *server, struct bytes chain_pem, struct bytes key_pem, struct fault *fault);
/* New connections use it from now on. Frees the change. Any thread. */
void http_certificate_commit(struct http_certificate_change *change);
/* Frees the change; nothing has happened. NULL is ignored. */
void http_certificate_discard(struct http_certificate_change *change);

/* Stops accepting, lets requests in progress end within HTTP_DRAIN_MS, joins the loops, frees. */
void http_server_stop(struct http_server *server);

/* ---- per loop ---- */

/* The application's own state of a loop. */
void http_loop_set_data(struct http_loop *loop, void *data);
void *http_loop_data(struct http_loop *loop);

/* Embedded in whatever is handed over; `run` is called on the loop thread. */
struct http_message {
    void *link[2]; /* private */
    void (*run)(struct http_message *message);
};

/* Posts a message. Any thread; the order is kept. */
void http_loop_post(struct http_loop *loop, struct http_message *message);

/* On the request's loop: sends, and frees the request with its arena. */
void http_reply(struct http_request *request, const struct http_reply *reply);

/* ---- waiting ---- */

/*
 * On the request's loop: lets it wait until http_wake(server, key) or until hold_ms have passed, whichever
 * comes first, and calls `resume` then. A wake that was posted after the message which led to this call is
 * never missed. While the server stops, and for a client that has left, `resume` is called within this call.
 */
void http_park(struct http_request *request, int64_t key, void (*resume)(struct http_request *request));

/*
 * As http_park, for what can also happen unnoticed: without a wake it calls `look` after HTTP_LOOK_MS, in the
 * place of `resume`. The request does not wait any more then; hold_ms is the caller's to keep.
 */
void http_park_with_looks(struct http_request *request, int64_t key,
                          void (*resume)(struct http_request *request),
                          void (*look)(struct http_request *request));

/* On the request's loop: ends the wait for `key`, without a call. Nothing happens when it does not wait. */
void http_unpark(struct http_request *request, int64_t key);

/* Changes hold_ms, also for most requests that wait already. Any thread. */
void http_server_set_hold(struct http_server *server, int64_t hold_ms);

/* Wakes every request that waits for `key`, on any loop. Any thread. */
void http_wake(struct http_server *server, int64_t key);
