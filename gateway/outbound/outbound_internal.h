/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/outbound/ only. */
#pragma once

#include <ares.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>

#include "gateway/outbound/outbound.h"

enum { OUTBOUND_IDLE_HANDLES = 32, NAME_SERVER_TEXT_BYTES = 64 };

struct name_server {
    ares_channel channel;
    char text[NAME_SERVER_TEXT_BYTES]; /* "address" or "address:port" */
    struct curl_waitfd *sockets;       /* the sockets that c-ares waits for */
    unsigned socket_count, socket_capacity;
    unsigned fd_count; /* of a turn */
};

/* Those of one configuration. Look-ups ask them to their end, also once others are in their place. */
struct name_servers {
    struct outbound_message use; /* puts them to use */
    struct outbound *outbound;
    struct name_servers *next; /* older ones, which some look-up still asks */
    size_t look_ups;           /* that ask these */
    size_t count;
    struct name_server server[];
};

struct transfer;
struct handshake;

struct outbound {
    pthread_t thread;
    CURLM *multi;
    struct name_servers *names; /* newest first */
    pthread_mutex_t lock;       /* of the message queue */
    struct outbound_message *first, **last;
    bool stop;                    /* the thread's */
    struct outbound_timer **heap; /* by due time, from place 1 */
    size_t timers, heap_capacity;
    struct transfer *transfers; /* under way */
    struct outbound_message hurry_message;
    struct outbound_timer hurry_timer;
    int64_t hurry_within_ms;
    bool hurried; /* the time is over */
    struct handshake *handshakes;
    SSL_CTX *tls;            /* of the handshakes; made with the first one */
    struct curl_waitfd *fds; /* of a turn */
    size_t fd_capacity;
    CURL *idle[OUTBOUND_IDLE_HANDLES];
    size_t idle_count;
};

/* ---- outbound_http.c ---- */

/* Handles the transfers that curl has finished. */
void outbound_http_finish(struct outbound *outbound);
void outbound_http_drop_all(struct outbound *outbound);
/* Ends the requests of clients without a reply, and those that begin meanwhile. */
void outbound_http_end_for_clients(struct outbound *outbound);

/* ---- outbound_tls.c ---- */

size_t outbound_tls_count(const struct outbound *outbound);
/* Accepts any server certificate whose key costs little to verify with; it checks this before the handshake
 * does. */
void outbound_tls_trust_anybody(SSL_CTX *context);
/* Fills one place for each. */
void outbound_tls_wait_for(struct outbound *outbound, struct curl_waitfd *fds);
void outbound_tls_process(struct outbound *outbound);
void outbound_tls_drop_all(struct outbound *outbound);

/* ---- cares.c: calls of c-ares that differ since its version 1.31 ---- */

/* Adds the common options of our channels to `options`. Returns the bits of the members that it set. */
int cares_add_options(struct ares_options *options);
/* One query to one server; the first member of the owner's structure. */
struct cares_question {
    /* Called with the answer, which ends the query. `octets` are borrowed; empty: no answer, and `status`
     * (ARES_…) is the reason. */
    void (*answered)(struct cares_question *question, int status, struct bytes octets);
};
/* Asks one server. `answered` is called once: now, later, or when the channel ends. */
void cares_query(ares_channel channel, const char *name, int type, struct cares_question *question);
/* The servers of a channel, each as "address" or "address:port", with commas between them. NULL or empty: it
 * has none, or cannot tell. */
char *cares_servers(struct arena *arena, ares_channel channel);

/* ---- outbound_name_servers.c ---- */

/* Frees older ones that no look-up asks any more. Not within a callback of c-ares. */
void outbound_dns_drop_unused(struct outbound *outbound);
/* The end of the thread: look-ups under way end without a word. */
void outbound_dns_close(struct outbound *outbound);
/* Returns the most sockets that it may wait for. */
size_t outbound_dns_fds_most(const struct outbound *outbound);
/* The sockets to wait for, and how long at most. */
unsigned outbound_dns_wait_for(struct outbound *outbound, struct curl_waitfd *fds, int64_t *timeout_ms);
void outbound_dns_process(struct outbound *outbound, const struct curl_waitfd *fds);
