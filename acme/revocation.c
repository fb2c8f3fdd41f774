#include "acme/revocation.h"

#include "acme/certificate.h"
#include "acme/jose/base64url.h"

/* RFC 5280 §5.3.1; 7 was never given out. */
static const char *const reason_names[] = {
    [0] = "unspecified",        [1] = "keyCompromise", [2] = "cACompromise",
    [3] = "affiliationChanged", [4] = "superseded",    [5] = "cessationOfOperation",
    [6] = "certificateHold",    [8] = "removeFromCRL", [9] = "privilegeWithdrawn",
    [10] = "aACompromise",
};

static const char *name_of(int64_t reason)
{
    int64_t count = sizeof reason_names / sizeof reason_names[0];
    return reason < 0 || reason >= count ? NULL : reason_names[reason];
}

const char *revocation_reason_name(int reason)
{
    const char *name = name_of(reason);
    return name == NULL ? "unknown" : name;
}

const struct problem *revocation_reason_check(struct arena *arena, int64_t reason)
{
    if (name_of(reason) != NULL) {
        return NULL;
    }
    return problem_new(arena, PROBLEM_BAD_REVOCATION_REASON,
                       "revocation reason %lld is none of RFC 5280's: 0 to 10 without 7", (long long)reason);
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
