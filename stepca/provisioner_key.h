/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private key of a step-ca JWK provisioner. It is opened once and kept: a PBKDF2 of 600,000 rounds for
 * each token would cost more than the issuance.
 */
#pragma once

#include "acme/jose/jwe.h"
#include "acme/jose/jwk.h"

struct provisioner_key {
    struct jwk jwk;
    const char *key_id; /* the file's own `kid`, else the RFC 7638 thumbprint: step-ca's default for both */
    const char *form;   /* "flattened JWE", "compact JWE", "JWK" or "PEM", for people */
};

/*
 * Reads any of the four forms: flattened JWE (`step crypto jwk create`), compact JWE (`encryptedKey` in
 * ca.json and in the API), plain JWK, and PEM (PKCS#8, SEC1, PKCS#1; encrypted ones open with the same
 * password). Everything belongs to the arena. JOSE_WRONG_PASSWORD when the password is missing or does not
 * open it.
 */
[[gnu::warn_unused_result]] bool provisioner_key_parse(struct arena *arena, struct bytes text,
                                                       struct bytes password, struct provisioner_key *out,
                                                       struct jose_error *error);
