/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server of a test shows: a certificate of a root of its own. */
#pragma once

#include <openssl/ssl.h>

#include "acme/base/arena.h"
#include "acme/jose/openssl_handles.h"

struct tls_identity {
    SSL_CTX *context; /* the arena's */
    struct bytes root_pem;
    struct bytes leaf; /* DER */
};

/* For localhost, 127.0.0.1 and ::1. `key` NULL: a new one on P-256. */
void tls_identity_make(struct arena *arena, EVP_PKEY *key, struct tls_identity *out);
/* Chooses this protocol (ALPN), whatever is offered; borrowed. */
void tls_identity_choose(struct tls_identity *identity, const char *protocol);

/* An RSA key with the exponent 2^32 + 1, which is longer than a quick one has. The arena's. */
EVP_PKEY *tls_slow_key(struct arena *arena);
