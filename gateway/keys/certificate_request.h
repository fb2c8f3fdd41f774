/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway asks for a certificate of its own with: a new key, and a CSR for names. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/openssl_handles.h"

struct certificate_request {
    EVP_PKEY *key; /* new, P-256; the arena owns it and the CSR */
    X509_REQ *csr;
    struct bytes csr_der;
};

/* The names stand in the CSR's subjectAltName; there is one at least. False when OpenSSL cannot: what was
 * made goes with the arena. */
[[gnu::warn_unused_result]] bool certificate_request_make(struct arena *arena, const struct identifier *names,
                                                          size_t count, struct certificate_request *out);
