/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Keys (RFC 7517, 7518 §6, 8037): account keys and provisioner keys as OpenSSL keys. It accepts the
 * keys that public_key.h accepts, RSA up to 4096 bits. The coordinates of an EC key must have their full
 * length. Symmetric keys (`oct`) are always refused.
 */
#pragma once

#include "acme/base/json.h"
#include "acme/jose/jose_error.h"
#include "acme/jose/public_key.h"

enum { JWK_THUMBPRINT_BYTES = 44 }; /* base64url of SHA-256, and its NUL */

struct jwk {
    enum public_key_type type;
    EVP_PKEY *key;                         /* owned by the arena the JWK was parsed into */
    struct bytes canonical;                /* public members only, RFC 7638 form; in that arena */
    char thumbprint[JWK_THUMBPRINT_BYTES]; /* RFC 7638 */
};

/* Reads a public key. A JWK that carries private members is refused: its owner has just disclosed it. */
[[gnu::warn_unused_result]] bool jwk_parse_public(struct arena *arena, const struct json *json,
                                                  struct jwk *out, struct jose_error *error);

/* Reads a private key, `d` included. Its two halves must belong together. */
[[gnu::warn_unused_result]] bool jwk_parse_private(struct arena *arena, const struct json *json,
                                                   struct jwk *out, struct jose_error *error);

/* Makes a JWK of a private or public key. The arena holds a reference of its own on `key`. */
[[gnu::warn_unused_result]] bool jwk_from_key(struct arena *arena, EVP_PKEY *key, struct jwk *out,
                                              struct jose_error *error);
