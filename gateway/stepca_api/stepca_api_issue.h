/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that comes by /sign or /renew of the CA's own API: checked, stored, answered. */
#pragma once

#include "gateway/issuance/issuance_check.h"
#include "gateway/stepca_api/stepca_api_call.h"
#include "stepca/client_request.h"

struct stepca_api_issue {
    /* from the route */
    X509_REQ *csr;
    EVP_PKEY *key;                            /* public key, for a renewal without a CSR */
    enum event_type event_type;               /* of a good certificate */
    const char *event_detail;                 /* of every event */
    const char *event_names;                  /* the names requested; NULL: it was renewed */
    const struct stepca_token_claims *claims; /* NULL: it was renewed */
    /* The request to the CA; without times for a renewal. The bounds count from the time of the call. */
    struct validity_request asked;

    struct issued issued;
};

/* Returns the limits for certificates of the call's profile. `claims` NULL: whatever the provisioner is
 * granted. With claims only on the outbound thread. */
void stepca_api_issue_limits(const struct stepca_api_call *call, const struct stepca_token_claims *claims,
                             struct validity_limits *out);

/* For the call's `take`; its state begins with the issue. Takes ownership of the call. */
void stepca_api_issue_take(struct stepca_api_call *call);
