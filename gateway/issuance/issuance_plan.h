/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to ask an issuer for, and whether to ask again: the one planning step of orders, `acmegate sign`, the
 * own certificate and the OCSP responder's. It reads what is known of the CA (issuer_read_status).
 */
#pragma once

#include "gateway/ca/issuer.h"

/* What a certificate is wanted for; unix seconds and seconds, 0: not named. */
struct issuance_wanted {
    int64_t profile_max_s; /* max_ttl; 0: no profile, the CA's maximum is the only bound */
    int64_t not_before;    /* the order's own times */
    int64_t not_after;
};

/* As validity_plan. Any thread. */
[[gnu::warn_unused_result]] const struct problem *issuance_plan(struct arena *arena, struct issuer *issuer,
                                                                const struct issuance_wanted *wanted,
                                                                int64_t now, struct validity_request *out);

/* The issuer refused `asked` for its duration: true when it is asked for something else the next time, by
 * what it has taught. */
[[gnu::warn_unused_result]] bool issuance_plan_differs(struct arena *arena, struct issuer *issuer,
                                                       const struct issuance_wanted *wanted,
                                                       const struct validity_request *asked, int64_t now);

/* The certificate that came for `asked` ends at `not_after`, which is too late: true when the next request
 * asks for something else, and its certificate may not live that long. */
[[gnu::warn_unused_result]] bool issuance_plan_bounds(struct arena *arena, struct issuer *issuer,
                                                      const struct issuance_wanted *wanted,
                                                      const struct validity_request *asked, int64_t now,
                                                      int64_t not_after);
