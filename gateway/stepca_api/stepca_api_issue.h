/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that comes by /sign or /renew of the CA's own API: checked, stored, answered. */
#pragma once

#include "acme/certificate.h"
#include "gateway/stepca_api/stepca_api_call.h"
#include "stepca/client_request.h"

struct stepca_api_issue {
    /* from the route */
    struct certificate_expectation expectation; /* csr or key, and latest_not_after; the rest is filled in */
    const char *event_kind;                     /* of a good one */
    const char *event_detail;                   /* of every event */
    const char *event_names;                    /* that are asked for; NULL: it was renewed */
    const struct stepca_token_claims *claims;   /* NULL: it was renewed */
    struct validity_request asked;              /* of the CA; nothing where it was renewed */

    struct certificate certificate;
    struct certificate_facts facts;
};

/* What certificates of the call's profile are held to. `claims` NULL: whatever the provisioner is granted.
 * With them on the outbound thread only. */
void stepca_api_issue_limits(const struct stepca_api_call *call, const struct stepca_token_claims *claims,
                             struct validity_limits *out);

/* For the call's `take`; its state begins with the issue. The call is not the caller's after it. */
void stepca_api_issue_take(struct stepca_api_call *call);
