/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and requests from DER. OpenSSL 3.0 and 3.1 try every decoder of public keys that their
 * provider has (40) each time one is read, which takes twice as long as verifying an ECDSA signature; these
 * read with the five that can be meant. From 3.2 on OpenSSL remembers its decoders, and these are the plain
 * functions.
 */
#pragma once

#include "acme/base/bytes.h"
#include "acme/jose/openssl_handles.h"

/* One certificate and nothing after it; NULL otherwise. The caller frees it. */
[[gnu::warn_unused_result]] X509 *x509_read(struct bytes der);

/* One PKCS #10 request and nothing after it; NULL otherwise. The caller frees it. */
[[gnu::warn_unused_result]] X509_REQ *x509_request_read(struct bytes der);

/* True when the request, read by the above, is signed with its own key. */
[[gnu::warn_unused_result]] bool x509_request_is_signed(X509_REQ *request);

/* The first private key in PEM text, unencrypted; NULL otherwise, and when it needs a password. The caller
 * frees it. */
[[gnu::warn_unused_result]] EVP_PKEY *x509_key_read(struct bytes pem);

/* True when the private key belongs to the certificate. */
[[gnu::warn_unused_result]] bool x509_key_fits(const X509 *certificate, const EVP_PKEY *key);

/* In unix seconds. False for NULL, and for what is no time. */
[[gnu::warn_unused_result]] bool x509_read_time(const ASN1_TIME *time, int64_t *out);
