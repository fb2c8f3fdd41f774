/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA's own API, for requests that are passed on to it (docs/stepca-api.md): connection and trust are the
 * issuer's. Issuers of type stepca have one. Everything here is called, and calls back, on the outbound
 * thread.
 */
#pragma once

#include "gateway/ca/issuer.h"
#include "stepca/outcome.h"

enum issuer_api_outcome {
    ISSUER_API_ANSWERED, /* whatever the status */
    ISSUER_API_BUSY,     /* not asked: others are waiting already, or it has waited too long */
    ISSUER_API_FAILED,   /* the CA was not reached */
    ISSUER_API_LOST,     /* it may have done what was asked; its answer did not come, or not wholly */
};

struct issuer_api_request {
    struct arena *arena; /* the caller's; lives until done was called */
    const char *method;  /* "GET" or "POST" */
    const char *path;    /* "/1.0/…", with its query */
    struct bytes body;
    const char *authorization; /* the header; NULL for none */
    void (*done)(struct issuer_api_request *request);
    void *owner;

    enum issuer_api_outcome outcome;
    int status;         /* of the answer */
    struct bytes reply; /* its body */
    const char *error;  /* in words for the operator, where there is no answer; else NULL */
    int64_t entered_at; /* the issuer's: when its waiting began */
    int64_t asked_at;   /* when it ended: what was asked for as a duration counts from here */

    struct issuer *issuer; /* the issuer's, as is `next` */
    struct issuer_api_request *next;
};

/* Requests have a lane of their own, as wide as that of signatures, so that neither starves the other. */
struct issuer_api {
    /* `done` may be called before this returns. */
    void (*call)(struct issuer *issuer, struct issuer_api_request *request);
    /* What is known of what the CA grants a JWK provisioner, into the issuer_… and learned_… members.
     * `key_id` may be NULL. */
    void (*limits)(struct issuer *issuer, const char *provisioner, const char *key_id,
                   struct validity_limits *out);
    /* The CA has signed; `provisioner` NULL: whose is not known, as with a renewal. */
    void (*observe)(struct issuer *issuer, const char *provisioner, const char *key_id,
                    const struct ca_signed *certificate);
    /* It has refused `asked`. */
    void (*refused)(struct issuer *issuer, const char *provisioner, const char *key_id,
                    const struct ca_refusal *refusal, const struct validity_request *asked);
};

/* What a refusal says of the duration. */
struct ca_refusal issuer_stepca_duration_refusal(const struct stepca_error *error);

/* The cause (acme/cause.h) of what a reply of the CA's means; CAUSE_NONE where nothing is wrong. */
enum cause issuer_stepca_cause(enum stepca_call call, const struct stepca_error *error);

/* NULL: this issuer has no such API. */
const struct issuer_api *issuer_api_of(const struct issuer *issuer);
