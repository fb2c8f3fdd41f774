/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/issuance/issuance_plan.h"

const struct problem *issuance_plan(struct arena *arena, struct issuer *issuer,
                                    const struct issuance_wanted *wanted, int64_t now,
                                    struct validity_request *out)
{
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    struct validity_limits limits = status.limits;
    limits.profile_max_s = wanted->profile_max_s;
    if (limits.profile_max_s == 0)
        limits.profile_max_s = limits.issuer_max_s != 0 ? limits.issuer_max_s : INT32_MAX;
    return validity_plan(arena, &limits, now, wanted->not_before, wanted->not_after, out);
}

bool issuance_plan_differs(struct arena *arena, struct issuer *issuer, const struct issuance_wanted *wanted,
                           const struct validity_request *asked, int64_t now)
{
    struct validity_request again;
    return issuance_plan(arena, issuer, wanted, now, &again) == NULL && validity_differs(asked, &again);
}

bool issuance_plan_bounds(struct arena *arena, struct issuer *issuer, const struct issuance_wanted *wanted,
                          const struct validity_request *asked, int64_t now, int64_t not_after)
{
    struct validity_request again;
    return issuance_plan(arena, issuer, wanted, now, &again) == NULL && validity_differs(asked, &again) &&
           again.latest_not_after < not_after;
}
