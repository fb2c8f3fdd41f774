/* SPDX-License-Identifier: Apache-2.0 */
/* A name server of a test's own on 127.0.0.1, over UDP and TCP, that says what the test wants. */
#pragma once

#include <pthread.h>

#include "acme/base/arena.h"

/* Records as they stand in a message (RFC 1035 §4.1.3). The owner is the question's name. Types and lengths
 * are two octets. */
#define DNS_RECORD(type, length) "\xc0\x0c" type "\0\1\0\0\x0e\x10" length
#define DNS_A                    "\0\x01"
#define DNS_NS                   "\0\x02"
#define DNS_CNAME                "\0\x05"
#define DNS_TXT                  "\0\x10"
#define DNS_AAAA                 "\0\x1c"
#define DNS_CAA                  "\1\1"

/* The flags of an answer: QR, RD, and RA where the server recurses. Add the RCODE. */
enum { DNS_RECURSES = 0x8180, DNS_DOES_NOT_RECURSE = 0x8100 };

struct dns_says {
    unsigned type; /* asked for; 0: any */
    unsigned flags;
    unsigned answers, authorities; /* as the header counts them */
    struct bytes records;
};

struct dns_server {
    /* The first that fits the question is the answer, and without one it is silent. */
    const struct dns_says *says;
    size_t says_count;
    bool cut_over_udp; /* TC: the whole answer is to be had over TCP */
    /* Since dns_server_start. */
    char address[32];              /* "127.0.0.1:port" */
    unsigned asked_udp, asked_tcp; /* to read after dns_server_stop */
    int udp, tcp, stop[2];
    pthread_t thread;
};

void dns_server_start(struct dns_server *server);
void dns_server_stop(struct dns_server *server);
