/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans a request to an issuer, and decides whether to ask again: the one planning step of orders, `acmegate
 * sign`, the own certificate and the OCSP responder's. It reads the issuer's status (issuer_read_status).
 */
#pragma once

#include "gateway/ca/issuer.h"

/* The validity that is wanted; unix seconds and seconds. 0: not requested. */
struct issuance_wanted {
    int64_t profile_max_s; /* max_ttl; 0: no profile, the CA's maximum is the only bound */
    int64_t not_before;    /* the order's own times */
    int64_t not_after;
};

/* Plans as validity_plan does. Any thread. */
[[gnu::warn_unused_result]] const struct problem *issuance_plan(struct arena *arena, struct issuer *issuer,
                                                                const struct issuance_wanted *wanted,
                                                                int64_t now, struct validity_request *out);

/* Called when the issuer refused `asked` for its duration. True when the next request will differ, because of
 * what the refusal taught. */
[[gnu::warn_unused_result]] bool issuance_plan_differs(struct arena *arena, struct issuer *issuer,
                                                       const struct issuance_wanted *wanted,
                                                       const struct validity_request *asked, int64_t now);

/* The certificate that came for `asked` ends at `not_after`, which is too late: true when the next request
 * asks for something else, and its certificate may not live that long. */
[[gnu::warn_unused_result]] bool issuance_plan_bounds(struct arena *arena, struct issuer *issuer,
                                                      const struct issuance_wanted *wanted,
                                                      const struct validity_request *asked, int64_t now,
                                                      int64_t not_after);
