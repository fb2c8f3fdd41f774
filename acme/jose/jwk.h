/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Keys (RFC 7517, 7518 §6, 8037): account keys and provisioner keys as OpenSSL keys.
 * Accepted is what public_key.h accepts, RSA up to 4096 bits; of an EC key the coordinates must have their
 * full length. Symmetric keys (`oct`) are always refused.
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

/* A public key. A JWK that carries private members is refused: its owner has just disclosed it. */
[[gnu::warn_unused_result]] bool jwk_parse_public(struct arena *arena, const struct json *json,
                                                  struct jwk *out, struct jose_error *error);

/* A private key, `d` included; the two halves must belong together. */
[[gnu::warn_unused_result]] bool jwk_parse_private(struct arena *arena, const struct json *json,
                                                   struct jwk *out, struct jose_error *error);

/* Takes its own reference on `key`, held by the arena; private or public. */
[[gnu::warn_unused_result]] bool jwk_from_key(struct arena *arena, EVP_PKEY *key, struct jwk *out,
                                              struct jose_error *error);
