/* SPDX-License-Identifier: Apache-2.0 */
/* revokeCert (RFC 8555 §7.6), and the reasons of revocations (RFC 5280 §5.3.1). */
#pragma once

#include "acme/objects.h"

enum { REVOCATION_REASON_MAX = 10 };

/* Returns the name of a reason; "unknown" for a number that RFC 5280 does not name. */
const char *revocation_reason_name(int reason);

/* Finds the reason of this name, in any case. False when RFC 5280 has no such reason. */
[[gnu::warn_unused_result]] bool revocation_reason_find(const char *name, int *out);

/* True for 0 to 5, 9 and 10. A certificate that is listed with one of them is revoked for good. */
bool revocation_reason_revokes(int64_t reason);

/*
 * True when a revocation may be corrected from one reason to the other: from one that does not revoke to one
 * that does, and from any to keyCompromise. Clients apply keyCompromise to earlier signatures too.
 */
bool revocation_reason_may_become(int from, int to);

/* Returns NULL for a reason that revokes; badRevocationReason otherwise. */
[[gnu::warn_unused_result]] const struct problem *revocation_reason_check(struct arena *arena,
                                                                          int64_t reason);

struct revocation_request {
    struct bytes certificate_der;
    int reason; /* 0 when absent */
};

[[gnu::warn_unused_result]] const struct problem *revocation_parse(struct arena *arena,
                                                                   const struct json *payload,
                                                                   struct revocation_request *out);
