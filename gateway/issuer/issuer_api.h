/*
 * The CA's own API, for requests that are passed on to it (docs/native.md): connection and trust are the
 * issuer's. Issuers of type stepca have one. Everything here is called, and calls back, on the outbound
 * thread.
 */
#pragma once

#include "gateway/issuer/issuer.h"

enum issuer_api_outcome {
    ISSUER_API_ANSWERED, /* whatever the status */
    ISSUER_API_BUSY,     /* not asked: others are waiting already, or it has waited too long */
    ISSUER_API_FAILED,   /* the CA was not reached */
    ISSUER_API_LOST,     /* it may have done what was asked; its answer did not come, or not wholly */
};

struct issuer_api_job {
    struct arena *arena; /* the caller's; lives until done was called */
    const char *method;  /* "GET" or "POST" */
    const char *path;    /* "/1.0/…", with its query */
    struct bytes body;
    const char *authorization; /* the header; NULL for none */
    void (*done)(struct issuer_api_job *job);
    void *owner;

    enum issuer_api_outcome outcome;
    int status;         /* of the answer */
    struct bytes reply; /* its body */
    const char *error;  /* in words for the operator, where there is no answer; else NULL */
    int64_t entered_at; /* the issuer's: when its waiting began */
    int64_t asked_at;   /* when it ended: what was asked for as a duration counts from here */

    struct issuer *issuer; /* the issuer's, as is `next` */
    struct issuer_api_job *next;
};

/* Requests have a lane of their own, as wide as that of signatures, so that neither starves the other. */
struct issuer_api {
    /* `done` may be called before this returns. */
    void (*call)(struct issuer *issuer, struct issuer_api_job *job);
    /* What the CA grants a JWK provisioner into issuer_min_s, issuer_max_s and issuer_default_s; 0 where that
     * is not known. `key_id` may be NULL. */
    void (*limits)(struct issuer *issuer, const char *provisioner, const char *key_id,
                   struct validity_limits *out);
    /* A certificate whose end was left to the CA lives so long; 0: what was noted does not hold any more. */
    void (*note_lifetime)(struct issuer *issuer, const char *provisioner, const char *key_id,
                          int64_t lifetime_s);
};

/* NULL: this issuer has no such API. */
const struct issuer_api *issuer_api_of(const struct issuer *issuer);
