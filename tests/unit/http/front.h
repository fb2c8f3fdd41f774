/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front end (gateway/http/) on a free port of loopback, and an application behind it that answers by path:
 *
 *   /status/NNN   that status, with the body "{}"
 *   /headers      Link twice, Retry-After
 *   /hold         nothing, until the test answers
 *   /park?KEY     parked under this key; "resumed" once it goes on
 *   all others    what the request came as, a line a member
 *
 * What libh2o refuses by itself is answered "refused STATUS", with " POST" behind it for such a request. The
 * clocks are moving_clock's. A front end that hangs ends its test.
 */
#pragma once

#include <openssl/ssl.h>

#include "client.h"
#include "gateway/http/http.h"

enum { FRONT_HOLD_MS = 60 * 1000, FRONT_REQUEST_TIMEOUT_MS = 30 * 1000, FRONT_CONNECTIONS = 64 };

struct front_options {
    const char *host;               /* NULL: 127.0.0.1 */
    uint16_t port;                  /* 0: a free one */
    const char *trusted_proxies[2]; /* NULL: none */
    bool behind_a_proxy;            /* the proxy ended TLS: not with `tls` */
    bool proxy_protocol;
    bool forwarded_headers; /* beside `tls`; with behind_a_proxy anyway */
    bool tls;               /* with the certificate of the common name "first" */
    bool no_certificate;
    const char *socket_path;     /* NULL: none */
    size_t loops;                /* 0: one */
    size_t max_connections;      /* 0: FRONT_CONNECTIONS */
    int64_t request_timeout_ms;  /* 0: FRONT_REQUEST_TIMEOUT_MS */
    size_t refusing_loop_starts; /* of how many loops the application says no */
};

struct front {
    struct arena *arena; /* until front_stop */
    struct http_server *server;
    uint16_t port;
    size_t loops_started, loops_stopped;
};
extern struct front front;

/* NULL in front.server when it did not start. */
void front_try(const struct front_options *options, struct fault *fault);
void front_start(const struct front_options *options);
#define FRONT_START(...) front_start(&(struct front_options){__VA_ARGS__})
void front_stop(void);
/* front_stop in two steps, for what a test does between them. */
void front_begin_stop(void);
void front_end_stop(void);

/* Another one, without TLS, that answers nothing. NULL with `fault`. */
struct http_server *bare_server_start(const struct listen_address *addresses, size_t count,
                                      const char *socket_path, struct fault *fault);

/* Connections from 127.0.0.1, or `source`. */
struct client *front_client(void);
struct client *front_client_from(const char *source);

/* Moves the clocks, and waits until every loop has done what is due. */
void front_pass(int64_t ms);

/* How often the front end told it; waits until it has told it `n` times in all. */
size_t front_told(enum http_event event);
void front_await_told(enum http_event event, size_t n);
/* Until so many connections are open. */
void front_await_connections(size_t n);

/* The oldest request of /hold that nobody has taken; waits for it. */
struct http_request *front_take_held(void);
/* Answers it on its loop. */
void front_answer(struct http_request *request, int status, const char *body);
/* Answers all that were held. */
void front_answer_all(void);
/* Runs on the loop, and waits for it. */
void front_run_at(struct http_loop *loop, void (*run)(void *argument), void *argument);

/* Until so many requests have been parked in all. */
void front_await_parked(size_t n);
/* Parks one that was held. */
void front_park(struct http_request *request, int64_t key);

/* A key and a certificate by a root of its own. The front's arena owns them. */
struct front_identity {
    X509 *certificate;
    struct bytes chain_pem, key_pem;
};
struct front_identity front_identity(const char *common_name);
/* New connections have it after this. */
void front_use(const struct front_identity *identity);
