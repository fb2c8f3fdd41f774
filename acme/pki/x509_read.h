/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads certificates and requests from DER. OpenSSL 3.0 and 3.1 try all 40 decoders of public keys of their
 * provider for each one, which takes twice as long as verifying an ECDSA signature. These functions try only
 * the five that can apply. OpenSSL 3.2 and later remembers its decoders; there these are the plain functions.
 */
#pragma once

#include "acme/base/bytes.h"
#include "acme/jose/openssl_handles.h"

/* Reads one certificate and nothing after it; NULL otherwise. The caller frees it. */
[[gnu::warn_unused_result]] X509 *x509_read(struct bytes der);

/* Reads one PKCS #10 request and nothing after it; NULL otherwise. The caller frees it. */
[[gnu::warn_unused_result]] X509_REQ *x509_request_read(struct bytes der);

/* True when the request, read by the above, is signed with its own key. */
[[gnu::warn_unused_result]] bool x509_request_is_signed(X509_REQ *request);

/* Reads the first private key in PEM text, unencrypted. NULL otherwise, and when it needs a password. The
 * caller frees it. */
[[gnu::warn_unused_result]] EVP_PKEY *x509_key_read(struct bytes pem);

/* True when the private key belongs to the certificate. */
[[gnu::warn_unused_result]] bool x509_key_fits(const X509 *certificate, const EVP_PKEY *key);

/* Converts a time to unix seconds. False for NULL, and for a value that is not a time. */
[[gnu::warn_unused_result]] bool x509_read_time(const ASN1_TIME *time, int64_t *out);
