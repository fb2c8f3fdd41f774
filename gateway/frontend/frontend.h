/* SPDX-License-Identifier: Apache-2.0 */
/* What every request of the ACME routes and of step-ca's API shares. */
#pragma once

#include <pthread.h>

#include "acme/nonce.h"
#include "acme/rate_limiter.h"
#include "acme/refusal_register.h"
#include "gateway/ca/recognition.h"
#include "gateway/config/config.h"
#include "gateway/jobs/jobs.h"
#include "gateway/keys/secret_box.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

struct route_table;
struct status;

/* Borrowed for its life. */
struct frontend_parts {
    const struct config *config;
    const struct route_table *const *route_tables; /* NULL behind the last one */
    const struct store_location *location;         /* for each loop's reader */
    struct store *store;
    struct outbound *outbound;
    struct issuers *issuers;
    struct jobs *jobs;
    struct status *status;
    struct secret_box *secrets;           /* NULL while nothing needs any */
    struct recognition_parts recognition; /* whose certificate is what */
    /* Outbound thread: this issuer's CA has confirmed a revocation. */
    void (*revoked)(void *context, const char *issuer_id);
    void *context;
};

struct frontend {
    struct frontend_parts parts;
    struct rate_limiter *rates;        /* the committer thread's alone */
    struct refusal_register *refusals; /* the same */
    struct nonce_source *nonces;
    pthread_mutex_t nonce_lock; /* held for the few instructions of nonce_spend */
};

/* NULL when OpenSSL has no randomness. */
[[gnu::warn_unused_result]] struct frontend *frontend_new(const struct frontend_parts *parts);
/* NULL is ignored. */
void frontend_free(struct frontend *frontend);
