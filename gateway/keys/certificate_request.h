/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate request of the gateway itself: a new key, and a CSR for its names. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/openssl_handles.h"

struct certificate_request {
    EVP_PKEY *key; /* new, P-256; the arena owns it and the CSR */
    X509_REQ *csr;
    struct bytes csr_der;
};

/* Makes a key and a CSR with the names, at least one, in subjectAltName. False when OpenSSL fails: the arena
 * then frees what was made. */
[[gnu::warn_unused_result]] bool certificate_request_make(struct arena *arena, const struct identifier *names,
                                                          size_t count, struct certificate_request *out);
