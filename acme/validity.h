/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a certificate may live, and what to ask the CA for. The cap is the least of the profile's max_ttl,
 * the maximum that the CA tells and what is left of its chain. A CA whose default is not known is taken to
 * give a day, as step-ca does. Durations in seconds, 0 meaning "not known" or "no preferred lifetime". Where
 * these values come from says acme/ca_knowledge.h.
 */
#pragma once

#include "acme/problem.h"

struct validity_limits {
    int64_t profile_max_s; /* the profile's max_ttl; always set */
    int64_t issuer_min_s;  /* as the CA tells them: requests outside are refused here */
    int64_t issuer_max_s;
    int64_t learned_min_s; /* from a refusal: what we ask for keeps to them, nobody is refused for them */
    int64_t learned_max_s;
    int64_t issuer_default_s;
    bool default_is_told;      /* by the CA; else it may be another by now */
    int64_t issuer_backdate_s; /* how long before its signing a certificate begins */
    bool backdate_is_known;
    int64_t chain_not_after; /* when the issuing chain ends */
    int64_t preferred_s;     /* validity_days of the configuration */
};

/* How far ahead an order's notBefore may lie. */
enum { VALIDITY_MAX_AHEAD_S = 24 * 3600 };

/* The cap in seconds for a certificate that begins at `from`; never negative. */
int64_t validity_cap(const struct validity_limits *limits, int64_t from);

/*
 * At newOrder: malformed when the order's own times cannot be met (an end beyond the cap or in the past, an
 * end before the beginning, less than the CA's minimum, a beginning too far ahead). 0 stands for an absent
 * time. serverInternal when, times or not, no certificate could be signed: the chain has ended, or the cap or
 * the preferred lifetime lies under the CA's minimum.
 */
[[gnu::warn_unused_result]] const struct problem *validity_check_order(struct arena *arena,
                                                                       const struct validity_limits *limits,
                                                                       int64_t now, int64_t not_before,
                                                                       int64_t not_after);

/* What goes into /sign. NULL leaves the matter to the CA: an explicit notBefore would switch off its
 * backdating. */
struct validity_request {
    const char *not_before;      /* RFC 3339, only for an order that named one */
    const char *not_after;       /* RFC 3339 for the order's own, a Go duration otherwise */
    bool ordered_end;            /* the order's own, which is not ours to change */
    int64_t earliest_not_before; /* of the certificate: the beginning that was named, less slack; 0: none */
    int64_t latest_not_before;   /* before slack: the beginning that was named; 0: now */
    int64_t latest_not_after; /* what certificate_check must hold the answer to, slack included: the order's
                               * own end, else (notBefore or now) + cap */
};

/* The same at the time of signing; the problem is the order's when time has made it impossible since. */
[[gnu::warn_unused_result]] const struct problem *validity_plan(struct arena *arena,
                                                                const struct validity_limits *limits,
                                                                int64_t now, int64_t not_before,
                                                                int64_t not_after,
                                                                struct validity_request *out);

/* The CA refused to sign for the duration of `refused`, and the limits hold what it said. True when `again`,
 * the plan by these limits, asks for something else. */
[[gnu::warn_unused_result]] bool validity_differs(const struct validity_request *refused,
                                                  const struct validity_request *again);
