/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject and SANs of a token. step-ca compares DNS names with the CSR's octet for octet, case included. It
 * wants the CSR's common name to be the token's subject (always before 0.25.1).
 */
#pragma once

#include <openssl/x509.h>

#include "acme/base/arena.h"

struct stepca_subject {
    const char *subject;     /* the CSR's CN, else the first SAN of at most 64 characters, else the first
                              * SAN */
    const char *const *sans; /* in the CSR's order, each spelling once, a CN that is not among them last; IP
                                addresses as text */
    size_t san_count;
};

/*
 * Returns why /sign refuses this CSR whatever the token says, and what to do; NULL when it need not. For a
 * CSR that acme/pki/csr.h has checked. step-ca compares the names of each type in the CSR's subjectAltName
 * with the token's, so a common name of that type has to be there too.
 */
const char *stepca_csr_fault(struct arena *arena, X509_REQ *csr);

/* Reads subject and SANs of a CSR that acme/pki/csr.h has checked. False when it holds neither SANs nor a CN,
 * or names of another type. */
[[gnu::warn_unused_result]] bool stepca_subject_from_csr(struct arena *arena, X509_REQ *csr,
                                                         struct stepca_subject *out);
