/* SPDX-License-Identifier: Apache-2.0 */
/* Certification Authority Authorization (RFC 8659), with the parameters for ACME (RFC 8657). */
#pragma once

#include "acme/identifier.h"

struct caa_record {
    bool critical;
    struct bytes tag;
    struct bytes value;
};

/* The issuer that wants to sign, and how control was proven. */
struct caa_request {
    const char *const *identities; /* the issuer-domain-names that stand for this server */
    size_t identity_count;
    bool wildcard;
    const char *const *account_urls; /* its URL under each name of this server */
    size_t account_url_count;
    const char *method; /* name of the challenge type */
};

/* Returns NULL when a name's relevant record set lets this server issue, else why not, in words. Without
 * records anyone may issue. A malformed record allows nobody. So does a record with an RFC 8657 parameter
 * that appears twice. */
const char *caa_fault(struct arena *arena, const struct caa_record *records, size_t count,
                      const struct caa_request *request);
