/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validates control of a name (RFC 8555 §8): one validator a challenge type, on the outbound thread. A
 * validator makes one try and reports its result; its caller retries and records.
 */
#pragma once

#include "acme/authorization.h"
#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"

struct validation {
    struct arena *arena; /* the caller's; lives until done was called */
    struct outbound *outbound;
    const struct validation_config *config;
    struct identifier identifier; /* without "*." */
    enum challenge_type type;
    const char *token;
    const char *key_authorization;
    /* used by DNS records */
    bool wildcard;
    bool subdomains;
    const char *const *account_urls; /* the account's URL by each name of this server */
    size_t account_url_count;
    const char *const *issuer_names; /* dns-persist-01 */
    size_t issuer_name_count;
    const char *const *caa_identities; /* empty: CAA is not checked */
    size_t caa_identity_count;
    int64_t now;
    int64_t deadline_ms; /* validation_start's: the end of the try, on the outbound thread's clock */
    void (*done)(struct validation *validation);
    void *owner;
    /* the outcome */
    const struct problem *problem; /* NULL: control is proven */
    bool passing;      /* the fault may pass (no connection, no answer, SERVFAIL, 5xx…): worth another try */
    const char *tried; /* one line for events: the addresses dialled and the answers */
};

/* Starts the try. It ends within the configuration's `timeout`, look-ups, all addresses, redirects and CAA
 * included; `done` is called once, perhaps before this returns. */
void validation_start(struct validation *validation);

/* Behind a try that has proven control: whether the name's CAA records let this server issue. `done` is
 * called once more, with the outcome of both. */
void validation_check_caa(struct validation *validation);
