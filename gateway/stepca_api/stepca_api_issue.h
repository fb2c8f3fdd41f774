/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that comes by /sign or /renew of the CA's own API: checked, stored, answered. */
#pragma once

#include "gateway/issuance/issuance_check.h"
#include "gateway/stepca_api/stepca_api_call.h"
#include "stepca/client_request.h"

struct stepca_api_issue {
    /* from the route */
    X509_REQ *csr;
    EVP_PKEY *key;                            /* public, where it is renewed and there is no CSR */
    enum event_type event_type;               /* of a good one */
    const char *event_detail;                 /* of every event */
    const char *event_names;                  /* that are asked for; NULL: it was renewed */
    const struct stepca_token_claims *claims; /* NULL: it was renewed */
    /* Of the CA; no times where it was renewed. The bounds count from when it was asked. */
    struct validity_request asked;

    struct issued issued;
};

/* What certificates of the call's profile are held to. `claims` NULL: whatever the provisioner is granted.
 * With them on the outbound thread only. */
void stepca_api_issue_limits(const struct stepca_api_call *call, const struct stepca_token_claims *claims,
                             struct validity_limits *out);

/* For the call's `take`; its state begins with the issue. The call is not the caller's after it. */
void stepca_api_issue_take(struct stepca_api_call *call);
