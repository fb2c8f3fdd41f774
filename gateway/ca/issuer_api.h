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
    ISSUER_API_LOST,     /* the request may have succeeded; its answer was lost, or is incomplete */
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
    const char *error;  /* for the operator, when there is no answer; else NULL */
    int64_t entered_at; /* the issuer's: when its waiting began */
    int64_t asked_at;   /* when the call ended: a requested duration counts from here */

    struct issuer *issuer; /* the issuer's, as is `next` */
    struct issuer_api_request *next;
};

/* Requests have a lane of their own, as wide as that of signatures, so that neither starves the other. */
struct issuer_api {
    /* `done` may be called before this returns. */
    void (*call)(struct issuer *issuer, struct issuer_api_request *request);
    /* Sets the issuer_… and learned_… members from what the CA grants a JWK provisioner. `key_id` may be
     * NULL. */
    void (*limits)(struct issuer *issuer, const char *provisioner, const char *key_id,
                   struct validity_limits *out);
    /* The CA has signed; `provisioner` NULL: whose is not known, as with a renewal. */
    void (*observe)(struct issuer *issuer, const char *provisioner, const char *key_id,
                    const struct ca_signed *certificate);
    /* It has refused `asked`. */
    void (*refused)(struct issuer *issuer, const char *provisioner, const char *key_id,
                    const struct ca_refusal *refusal, const struct validity_request *asked);
};

/* Reads the duration from the words of a refusal. */
struct ca_refusal issuer_stepca_duration_refusal(const struct stepca_error *error);

/* Returns the cause (acme/cause.h) for a reply of the CA; CAUSE_NONE when it succeeded. */
enum cause issuer_stepca_cause(enum stepca_call call, const struct stepca_error *error);

/* NULL: this issuer has no such API. */
const struct issuer_api *issuer_api_of(const struct issuer *issuer);
