/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outbound thread: every connection that acmegate opens itself, and the timers of the work behind them.
 * It runs one curl_multi and a c-ares channel a name server; only gateway/outbound/ knows either. Except for
 * outbound_post, every function here is called on the outbound thread, and every callback runs there.
 */
#pragma once

#include <netinet/in.h>
#include <openssl/x509.h>

#include "acme/base/arena.h"
#include "acme/base/library.h"
#include "acme/caa.h"

struct outbound;

struct outbound_config {
    const char *const *resolvers; /* "ip" or "ip:port" for names; none: the system's */
    size_t resolver_count;
};

enum { OUTBOUND_LIBRARIES = 2 };
/* The libraries of transfers and of names. */
void outbound_libraries(struct library out[static OUTBOUND_LIBRARIES]);

/* Starts the thread. NULL with `fault` when it cannot. */
[[gnu::warn_unused_result]] struct outbound *outbound_start(const struct outbound_config *config,
                                                            struct fault *fault);

/* Drops work in progress without calling it back, after the current callback, and joins the thread. Messages
 * posted later are not run. */
void outbound_stop(struct outbound *outbound);

/* Returns a message that was posted and never run, in the order posted, for its owner to free; NULL: none
 * left. Call it after outbound_stop, when nobody can post any more. */
struct outbound_message *outbound_take_left(struct outbound *outbound);

/* After outbound_stop, when nobody can post any more. NULL is ignored. */
void outbound_free(struct outbound *outbound);

/* ---- from any thread ---- */

/* Embedded in whatever is handed over; its owner keeps it until `run` was called. */
struct outbound_message {
    struct outbound_message *next; /* the outbound thread's */
    void (*run)(struct outbound_message *message);
};

/* Runs message->run on the outbound thread, soon, in the order posted. Never fails, never blocks long. */
void outbound_post(struct outbound *outbound, struct outbound_message *message);

/* Name servers that are open and not yet in use. The system's are read now. NULL with `fault`. */
struct name_servers;
[[gnu::warn_unused_result]] struct name_servers *outbound_name_servers_open(
    const struct outbound_config *config, struct fault *fault);
/* NULL is ignored. */
void outbound_name_servers_free(struct name_servers *names);
/* Look-ups that begin from now on ask these. The thread owns them. */
void outbound_name_servers_use(struct outbound *outbound, struct name_servers *names);

/* Hurries before a stop. Requests with `for_client` end without a reply when they have none in `within_ms`;
 * later ones end at once. Call it once, before outbound_stop. */
void outbound_hurry(struct outbound *outbound, int64_t within_ms);

/* ---- on the outbound thread ---- */

/* The thread's clock: monotonic, in milliseconds. */
int64_t outbound_now_ms(void);

/* Calls `run(argument)` once, `delay_ms` from now. A timer that is set again moves. */
struct outbound_timer {
    void (*run)(void *argument);
    void *argument;
    int64_t due_ms; /* the thread's */
    size_t place;   /* the thread's: in its heap, from 1; 0 when not set */
};
void outbound_timer_set(struct outbound *outbound, struct outbound_timer *timer, int64_t delay_ms);
void outbound_timer_cancel(struct outbound *outbound, struct outbound_timer *timer);

/* An HTTP(S) request to completion. Redirects are never followed: a 3xx is a reply like any other. */
struct outbound_http_request {
    const char *method; /* "GET" or "POST" */
    const char *url;
    struct bytes body;         /* for POST: application/json */
    const char *authorization; /* the header, NULL for none */
    struct bytes trusted_pem;  /* https: these roots and no others; empty means the certificate is not looked
                                  at (http-01 redirects to https, RFC 8555 §8.3) */
    /* Connect to this address whatever the URL's host, on a new connection that is not kept. NULL: curl
     * resolves the host and keeps connections alive. */
    const struct sockaddr_storage *address;
    int64_t timeout_ms;
    size_t max_body_bytes; /* of the reply; the rest is cut off and `body_cut` set */
    const char *user_agent;
    bool for_client; /* somebody waits for the reply: outbound_hurry is about it */
};

/* Why there is no reply, as far as it decides who has to act. */
enum outbound_fault {
    OUTBOUND_NO_FAULT,
    OUTBOUND_UNREACHABLE, /* no connection */
    OUTBOUND_TIMED_OUT,
    OUTBOUND_TLS_FAILED, /* the handshake, or trust in the certificate */
    OUTBOUND_BROKEN,     /* the connection ended without a reply, or with something else than one */
};

struct outbound_http_reply {
    int status; /* 0 when no reply came */
    struct bytes body;
    bool body_cut;
    const char *location;        /* the header, NULL when absent */
    int64_t date;                /* the Date header, 0 when absent */
    int64_t retry_after_s;       /* the Retry-After header, in seconds from now; 0 when absent or past */
    const char *transport_error; /* a sentence; NULL when a reply came */
    enum outbound_fault fault;   /* the same, for programs */
    bool connected;              /* the request may have reached the other side */
    bool untrusted;              /* TLS: the certificate did not verify */
    int64_t took_us;             /* from its beginning to its end */
};

/* Sends a request, which is copied. `reply` and its pointers live until `done` returns. */
void outbound_http(struct outbound *outbound, const struct outbound_http_request *request,
                   void (*done)(void *context, const struct outbound_http_reply *reply), void *context);

/* Makes a TLS handshake (1.2 or newer) and returns the certificate shown in it. It sends nothing and trusts
 * nothing. */
struct outbound_tls_request {
    const struct sockaddr_storage *address; /* with its port */
    const char *server_name;                /* SNI */
    const char *alpn;                       /* the one protocol that is offered */
    int64_t timeout_ms;
};

struct outbound_tls_reply {
    bool connected;           /* TCP */
    bool alpn_agreed;         /* the protocol that was offered was chosen */
    struct bytes certificate; /* DER, the leaf */
    const char *error;        /* a sentence; NULL when the handshake was completed */
    enum outbound_fault fault;
};

/* Begins a handshake; the request is copied. `reply` and its pointers live until `done` returns. */
void outbound_tls(struct outbound *outbound, const struct outbound_tls_request *request,
                  void (*done)(void *context, const struct outbound_tls_reply *reply), void *context);

/* ---- URLs: from any thread ---- */

struct outbound_url {
    const char *url;  /* absolute and normalized */
    const char *host; /* IPv6 without brackets */
    uint16_t port;
    bool https;
};

/* Reads `url`, or `reference` relative to it when that is not NULL (a Location header). False for schemes
 * other than http and https, for user names, and for text that is not a URL. In the arena. */
[[gnu::warn_unused_result]] bool outbound_url_parse(struct arena *arena, const char *url,
                                                    const char *reference, struct outbound_url *out);

/* ---- names ---- */

/*
 * Looks names up. Name servers are asked one after the other, each for an equal share of the time left, until
 * one answers. An answer may be that a name or record does not exist. `error` is a sentence with each
 * server's failure; NULL when one answered, perhaps with nothing. `fault` is the first server's. `alias`: the
 * target of the answer's last CNAME, else NULL. `timeout_ms` is of the whole look-up. Results live until
 * `done` returns, which may be called before the function returns.
 */

enum { OUTBOUND_MAX_ADDRESSES = 16 };

/* The failure of a name server. */
enum outbound_dns_fault {
    OUTBOUND_DNS_NO_FAULT,
    OUTBOUND_DNS_FAILED,  /* SERVFAIL, or another code of a server that could not */
    OUTBOUND_DNS_REFUSED, /* REFUSED */
    OUTBOUND_DNS_SILENT,
    OUTBOUND_DNS_UNREACHABLE,
    OUTBOUND_DNS_NOT_RECURSIVE, /* a referral, or an alias alone */
    OUTBOUND_DNS_MALFORMED,
};

struct outbound_addresses {
    struct sockaddr_storage address[OUTBOUND_MAX_ADDRESSES]; /* IPv6 first; no port */
    size_t count;
    const char *error;
    enum outbound_dns_fault fault;
    const char *alias;
};

/* A and AAAA together, the hosts file before. A numeric host answers at once. */
void outbound_resolve(struct outbound *outbound, const char *host, int64_t timeout_ms,
                      void (*done)(void *context, const struct outbound_addresses *addresses), void *context);

struct outbound_texts {
    struct bytes *texts; /* each record's strings joined */
    size_t count;
    const char *error;
    enum outbound_dns_fault fault;
    const char *alias;
};

/* TXT records; CNAMEs are followed by the name server. */
void outbound_resolve_txt(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_texts *texts), void *context);

struct outbound_caa {
    const struct caa_record *records;
    size_t count;
    const char *error;
};

/* CAA records (RFC 8659) of this very name. */
void outbound_resolve_caa(struct outbound *outbound, const char *name, int64_t timeout_ms,
                          void (*done)(void *context, const struct outbound_caa *found), void *context);

/* One name server's reaction to a query. */
struct outbound_server_report {
    const char *server; /* "address" or "address:port" */
    const char *error;  /* a sentence that begins with `server`; NULL: it answered, perhaps with nothing */
    enum outbound_dns_fault fault;
};

/* Asks every name server for the A records of `name`, all at once and each for the whole time. */
void outbound_ask_each_server(struct outbound *outbound, const char *name, int64_t timeout_ms,
                              void (*done)(void *context, const struct outbound_server_report *reports,
                                           size_t count),
                              void *context);

/* True for a host that needs no name server: an address, a host of the hosts file, and "localhost" (RFC 6761
 * §6.3). */
bool outbound_knows_host(struct outbound *outbound, const char *host);
