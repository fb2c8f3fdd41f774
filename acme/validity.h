/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a certificate may live, and the validity to request from the CA. The cap is the least of the
 * profile's max_ttl, the maximum that the CA states and the rest of its chain's life. A CA whose default is
 * unknown is assumed to give a day, as step-ca does. Durations in seconds, 0 meaning "not known" or "no
 * preferred lifetime". acme/ca_knowledge.h describes the sources of these values.
 */
#pragma once

#include "acme/problem.h"

struct validity_limits {
    int64_t profile_max_s; /* the profile's max_ttl; always set */
    int64_t issuer_min_s;  /* stated by the CA: requests outside are refused here */
    int64_t issuer_max_s;
    int64_t learned_min_s; /* from a refusal: our requests stay within them, but no client is refused
                            * because of them */
    int64_t learned_max_s;
    int64_t issuer_default_s;
    bool default_is_told;      /* stated by the CA; otherwise it may have changed */
    int64_t issuer_backdate_s; /* how long before its signing a certificate begins */
    bool backdate_is_known;
    int64_t chain_not_after; /* when the issuing chain ends */
    int64_t preferred_s;     /* validity_days of the configuration */
};

/* How far ahead an order's notBefore may lie. */
enum { VALIDITY_MAX_AHEAD_S = 24 * 3600 };

/* Returns the cap in seconds for a certificate that begins at `from`; never negative. */
int64_t validity_cap(const struct validity_limits *limits, int64_t from);

/*
 * Checks a new order. malformed when its own times cannot be met: an end beyond the cap or in the past, an
 * end before the beginning, less than the CA's minimum, a beginning too far ahead. 0 stands for an absent
 * time. serverInternal when no certificate could be signed, with or without times: the chain has ended, or
 * the cap or the preferred lifetime is below the CA's minimum.
 */
[[gnu::warn_unused_result]] const struct problem *validity_check_order(struct arena *arena,
                                                                       const struct validity_limits *limits,
                                                                       int64_t now, int64_t not_before,
                                                                       int64_t not_after);

/* The validity sent to /sign. NULL leaves a time to the CA: an explicit notBefore would switch off its
 * backdating. */
struct validity_request {
    const char *not_before;      /* RFC 3339, only for an order with its own notBefore */
    const char *not_after;       /* RFC 3339 for the order's own, a Go duration otherwise */
    bool ordered_end;            /* the order has its own notAfter, which we may not change */
    int64_t earliest_not_before; /* of the certificate: the requested beginning, less slack; 0: none */
    int64_t latest_not_before;   /* the requested beginning, before slack; 0: now */
    int64_t latest_not_after;    /* the limit of certificate_check, slack included: the order's own end, else
                                  * (notBefore or now) + cap */
};

/* Plans the validity at the time of signing. The problem is the order's, when time has made it impossible
 * since. */
[[gnu::warn_unused_result]] const struct problem *validity_plan(struct arena *arena,
                                                                const struct validity_limits *limits,
                                                                int64_t now, int64_t not_before,
                                                                int64_t not_after,
                                                                struct validity_request *out);

/* True when `again` differs from `refused`. The CA refused to sign for the duration of `refused`; `again` is
 * the plan by the limits that this refusal taught. */
[[gnu::warn_unused_result]] bool validity_differs(const struct validity_request *refused,
                                                  const struct validity_request *again);
