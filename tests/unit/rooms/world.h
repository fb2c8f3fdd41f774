/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network's answers: tables that a test sets. A name in no table is refused or unknown. Each table ends
 * with a row of zeros; NULL is an empty one. The first row whose keys fit answers.
 */
#pragma once

#include "gateway/outbound/outbound.h"

enum { WORLD_ASKED_BYTES = 8 * 1024, WORLD_BODY_BYTES = 4 * 1024 };

struct world_host {
    const char *host;
    const char *addresses; /* "2001:db8::1 192.0.2.1"; NULL: none */
    const char *alias;
    const char *error;
    enum outbound_dns_fault fault;
    int64_t delay_ms;
};

struct world_page {
    const char *url;
    const char *address; /* the one that is dialled; NULL: any, or none */
    int status;
    const char *body;
    const char *location;
    const char *error; /* of the transport; `status` is 0 then */
    enum outbound_fault fault;
    bool connected;
    bool untrusted;
    int64_t date;
    int64_t retry_after_s;
    int64_t delay_ms;
};

struct world_peer {
    const char *address;
    struct bytes certificate;
    bool alpn_agreed;
    const char *error;
    enum outbound_fault fault;
    bool connected;
    int64_t delay_ms;
};

struct world_texts {
    const char *name;
    const char *records[8];
    const char *alias;
    const char *error;
    enum outbound_dns_fault fault;
    int64_t delay_ms;
};

struct world_caa {
    const char *name;
    const char *issue;     /* the value of one "issue" record; NULL: none */
    const char *issuewild; /* the same */
    const char *error;
    int64_t delay_ms;
};

struct world {
    const struct world_host *hosts;
    const struct world_page *pages;
    const struct world_peer *peers;
    const struct world_texts *texts;
    const struct world_caa *caa;
    /* The requests, in order: "A www.test", "GET URL at ADDRESS", "TLS NAME at ADDRESS", "TXT NAME", "CAA
     * NAME", each ended by a line feed. */
    char asked[WORLD_ASKED_BYTES];
    int64_t last_timeout_ms;          /* of the last HTTP or TLS dial */
    char last_body[WORLD_BODY_BYTES]; /* of the last HTTP request, cut to this length */
};

extern struct world world;

/* Forgets what was asked, and answers nothing. */
void world_clear(void);
