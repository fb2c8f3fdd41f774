/* SPDX-License-Identifier: Apache-2.0 */
/* Certification Authority Authorization (RFC 8659), with the parameters for ACME (RFC 8657). */
#pragma once

#include "acme/identifier.h"

struct caa_record {
    bool critical;
    struct bytes tag;
    struct bytes value;
};

/* Who wants to issue, and how control was proven. */
struct caa_request {
    const char *const *identities; /* the issuer-domain-names that are this server */
    size_t identity_count;
    bool wildcard;
    const char *const *account_urls; /* its URL by each name of this server */
    size_t account_url_count;
    const char *method; /* the challenge type's name */
};

/* NULL when the relevant record set of a name lets this server issue; else why not, in words. No records:
 * anyone may. A malformed record allows nobody, and so does one with a parameter of RFC 8657 that stands
 * twice. */
const char *caa_fault(struct arena *arena, const struct caa_record *records, size_t count,
                      const struct caa_request *request);
