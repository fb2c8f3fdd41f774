/* SPDX-License-Identifier: Apache-2.0 */
/* The meaning of step-ca's replies for the work that asked: one table from status to consequence. */
#pragma once

#include "acme/base/arena.h"

enum stepca_outcome {
    STEPCA_OK,              /* 200, 201 */
    STEPCA_REFUSED,         /* 400, 403: this request will never be signed; the CA says why */
    STEPCA_ALREADY_REVOKED, /* 400 to /revoke, "… is already revoked" */
    STEPCA_UNAUTHORIZED,    /* 401: token, key or clock; every other request would meet the same */
    STEPCA_NOT_FOUND,       /* 404 and 501: not step-ca, a wrong path, or a CA that lacks it */
    STEPCA_BUSY,            /* 429, 5xx, timeouts, resets: try again later */
    STEPCA_GARBAGE,         /* a success status with a body that step-ca does not write */
};

/* The reason of a refused /sign, as far as the CA's words tell it. */
enum stepca_refusal {
    STEPCA_REFUSAL_NONE,
    STEPCA_REFUSAL_CSR,       /* the request itself */
    STEPCA_REFUSAL_NAMES,     /* its names, which are not the token's */
    STEPCA_REFUSAL_TOO_LONG,  /* its duration is over the CA's maximum */
    STEPCA_REFUSAL_TOO_SHORT, /* or under its minimum */
    /* the CA's side; its log has the reason */
    STEPCA_REFUSAL_POLICY,
    STEPCA_REFUSAL_NAME_CONSTRAINTS,
    STEPCA_REFUSAL_WEBHOOK,
    STEPCA_REFUSAL_TEMPLATE,
    STEPCA_REFUSAL_CA, /* any of these, in words that step-ca itself does not use */
};

struct stepca_error {
    enum stepca_outcome outcome;
    int http_status;     /* 0 when no reply came */
    const char *message; /* the CA's words, cleaned to one line of at most 500 bytes; never NULL */
    enum stepca_refusal refusal;
    /* for a refused duration: from notBefore to notAfter, in seconds. The maximum includes the CA's
     * backdate */
    int64_t requested_s, limit_s;
};

/* Sets `refusal`, `requested_s` and `limit_s` from `message`, the words of a refused /sign. */
void stepca_read_refusal(struct stepca_error *error);

enum stepca_call { STEPCA_SIGN, STEPCA_REVOKE, STEPCA_READ };

/* Classifies a reply. `body` is as received and may hold anything. Without a reply `http_status` is 0 and
 * `transport_error` is set. */
void stepca_read_outcome(struct arena *arena, enum stepca_call call, int http_status, struct bytes body,
                         const char *transport_error, struct stepca_error *out);
