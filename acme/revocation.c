/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/revocation.h"

#include <strings.h>

#include "acme/base/base64.h"
#include "acme/pki/certificate.h"

/* RFC 5280 §5.3.1; 7 is unused. */
static const struct {
    const char *name;
    const char *why_not; /* why nothing is revoked with it; NULL: it is allowed */
} reasons[] = {
    [0] = {"unspecified", NULL},
    [1] = {"keyCompromise", NULL},
    [2] = {"cACompromise", NULL},
    [3] = {"affiliationChanged", NULL},
    [4] = {"superseded", NULL},
    [5] = {"cessationOfOperation", NULL},
    [6] = {"certificateHold", "suspends a certificate until it is released, and nothing here can release it"},
    [8] = {"removeFromCRL", "is for delta CRLs: clients treat a certificate listed with it as good"},
    [9] = {"privilegeWithdrawn", NULL},
    [10] = {"aACompromise", NULL},
};

static bool is_known(int64_t reason)
{
    int64_t count = sizeof reasons / sizeof reasons[0];
    return reason >= 0 && reason < count && reasons[reason].name != NULL;
}

const char *revocation_reason_name(int reason)
{
    return is_known(reason) ? reasons[reason].name : "unknown";
}

bool revocation_reason_find(const char *name, int *out)
{
    for (int reason = 0; reason <= REVOCATION_REASON_MAX; reason++) {
        if (is_known(reason) && strcasecmp(name, reasons[reason].name) == 0) {
            *out = reason;
            return true;
        }
    }
    return false;
}

bool revocation_reason_revokes(int64_t reason)
{
    return is_known(reason) && reasons[reason].why_not == NULL;
}

bool revocation_reason_may_become(int from, int to)
{
    enum { KEY_COMPROMISE = 1 };
    return revocation_reason_revokes(to) &&
           (!revocation_reason_revokes(from) || (to == KEY_COMPROMISE && from != KEY_COMPROMISE));
}

const struct problem *revocation_reason_check(struct arena *arena, int64_t reason)
{
    if (revocation_reason_revokes(reason)) {
        return NULL;
    }
    if (is_known(reason)) {
        return problem_new(arena, PROBLEM_BAD_REVOCATION_REASON,
                           "revocation reason %lld, %s, %s; use one of 0 to 5, 9 and 10 (RFC 5280 §5.3.1)",
                           (long long)reason, reasons[reason].name, reasons[reason].why_not);
    }
    return problem_new(arena, PROBLEM_BAD_REVOCATION_REASON,
                       "revocation reason %lld is unknown; use one of 0 to 5, 9 and 10 (RFC 5280 §5.3.1)",
                       (long long)reason);
}

const struct problem *revocation_parse(struct arena *arena, const struct json *payload,
                                       struct revocation_request *out)
{
    *out = (struct revocation_request){0};
    struct bytes text;
    if (!json_member_string(payload, "certificate", &text) ||
        !base64url_decode(arena, text, &out->certificate_der) || out->certificate_der.n == 0) {
        return problem_new(arena, PROBLEM_MALFORMED,
                           "\"certificate\" must be the certificate's DER as base64url without padding");
    }
    if (json_member(payload, "reason") == NULL) {
        return NULL;
    }
    int64_t reason;
    if (!json_member_integer(payload, "reason", &reason)) {
        return problem_new(arena, PROBLEM_MALFORMED, "\"reason\" must be an integer");
    }
    const struct problem *problem = revocation_reason_check(arena, reason);
    if (problem == NULL) {
        out->reason = (int)reason;
    }
    return problem;
}
