/* SPDX-License-Identifier: Apache-2.0 */
/* Shared state of all requests of the ACME routes and of step-ca's API. */
#pragma once

#include <pthread.h>

#include "acme/nonce.h"
#include "acme/rate_limiter.h"
#include "acme/refusal_register.h"
#include "gateway/ca/recognition.h"
#include "gateway/config/config.h"
#include "gateway/frontend/crowd_watch.h"
#include "gateway/frontend/shared_rates.h"
#include "gateway/jobs/jobs.h"
#include "gateway/keys/secret_box.h"
#include "gateway/outbound/outbound.h"
#include "gateway/peers/peers.h"
#include "store/store.h"

struct readers;
struct route_table;
struct status;

/* Parts of the server, borrowed for the front end's life. */
struct frontend_parts {
    const struct config *config;
    const struct route_table *const *route_tables; /* NULL behind the last one */
    const struct store_location *location;         /* for each loop's reader */
    struct readers *readers; /* in its place, where reads wait; NULL: each loop reads itself */
    struct store *store;
    struct peers *peers;     /* NULL: this gateway is alone */
    unsigned gateway_number; /* of this one, for its nonces */
    struct outbound *outbound;
    struct issuers *issuers;
    struct jobs *jobs;
    struct status *status;
    struct secret_box *secrets;           /* NULL: frontend_set_secrets comes when some are needed */
    struct recognition_parts recognition; /* for finding the issuer of a certificate */
    /* Reports that this issuer's CA has confirmed a revocation. Outbound thread. */
    void (*revoked)(void *context, const char *issuer_id);
    void *context;
};

struct frontend {
    struct frontend_parts parts;
    _Atomic(const struct secret_box *) secrets; /* NULL while nothing needs any */
    struct rate_limiter *rates;                 /* belongs to the committer thread */
    struct shared_rates *shared_rates;          /* what other gateways took */
    struct refusal_register *refusals;          /* belongs to the committer thread */
    struct crowd_watch crowds;                  /* the same */
    struct nonce_source *nonces;
    pthread_mutex_t nonce_lock; /* held only during nonce_spend */
};

/* Makes the front end. NULL when OpenSSL has no randomness. */
[[gnu::warn_unused_result]] struct frontend *frontend_new(const struct frontend_parts *parts);
/* Spends a nonce of this gateway. False when it is not good. Any thread. */
[[gnu::warn_unused_result]] bool frontend_spend_nonce(struct frontend *frontend, struct bytes nonce);
/* Gives it the secrets before a configuration that needs them is published. Borrowed. Any thread. */
void frontend_set_secrets(struct frontend *frontend, const struct secret_box *secrets);
/* Frees the front end. NULL is ignored. */
void frontend_free(struct frontend *frontend);
