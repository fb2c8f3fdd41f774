/* What a reply of step-ca means for the work that asked for it: one table from status to consequence. */
#pragma once

#include "acme/base/arena.h"

enum stepca_outcome {
    STEPCA_OK,              /* 200, 201 */
    STEPCA_REFUSED,         /* 400, 403: this request will never be signed; the CA says why */
    STEPCA_ALREADY_REVOKED, /* 400 to /revoke, "… is already revoked" */
    STEPCA_UNAUTHORIZED,    /* 401: token, key or clock; every other request would meet the same */
    STEPCA_NOT_FOUND,       /* 404 and 501: not step-ca, a wrong path, or a CA that lacks it */
    STEPCA_BUSY,            /* 429, 5xx, timeouts, resets: try again later */
    STEPCA_GARBAGE,         /* a success status with a body that is none of step-ca's */
};

struct stepca_error {
    enum stepca_outcome outcome;
    int http_status;     /* 0 when no reply came */
    const char *message; /* the CA's own words, sanitised to one line of at most 500 bytes; never NULL */
    /* a refusal for the names or the CA's policy, rather than for the CSR or the duration */
    bool about_names;
};

enum stepca_call { STEPCA_SIGN, STEPCA_REVOKE, STEPCA_READ };

/* `body` as received, whatever it holds. `http_status` 0 with `transport_error` set when no reply came. */
void stepca_read_outcome(struct arena *arena, enum stepca_call call, int http_status, struct bytes body,
                         const char *transport_error, struct stepca_error *out);
