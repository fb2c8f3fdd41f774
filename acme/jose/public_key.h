/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a public key may be an account's or a certificate's: one answer for JWKs and CSRs. Keys come from
 * people whom nobody has authenticated, so that a key is judged before anything is verified with it.
 *
 *   EC       P-256, P-384, P-521, by name and not spelt out; a point other than the one at infinity
 *   RSA      an odd modulus of 2048 bits to the caller's maximum; an odd exponent from 65537 to 2^31 - 1,
 * which is what Go reads; a longer one makes a verification cost as much as a signature Ed25519  a canonical
 * encoding (RFC 8032 §5.1.3) of no point of small order: under those, one signature fits many messages
 */
#pragma once

#include <openssl/evp.h>

#include "acme/base/arena.h"

enum public_key_type {
    PUBLIC_KEY_OTHER, /* any key that is not accepted */
    PUBLIC_KEY_P256,
    PUBLIC_KEY_P384,
    PUBLIC_KEY_P521,
    PUBLIC_KEY_RSA,
    PUBLIC_KEY_ED25519,
};

enum { PUBLIC_KEY_RSA_MIN_BITS = 2048, PUBLIC_KEY_TYPES = 5 };

/* Returns the type by algorithm and curve alone; `key` may be NULL. */
enum public_key_type public_key_type(EVP_PKEY *key);

/* The names of the accepted types: "P-256", "P-384", "P-521", "RSA", "Ed25519". */
extern const char *const public_key_type_names[PUBLIC_KEY_TYPES];

/* Returns one of public_key_type_names; NULL for PUBLIC_KEY_OTHER. */
const char *public_key_type_name(enum public_key_type type);

/* Returns NULL when the key is accepted, else its fault, as in "its RSA key has 1024 bits: 2048 to 4096 are
 * accepted". NULL as `key` is a key that cannot be read. */
const char *public_key_fault(struct arena *arena, EVP_PKEY *key, int rsa_max_bits);

/* True when a verification with the key costs little. False for an RSA key whose exponent is longer than
 * those accepted above, and for NULL. For keys that need no other check, such as a challenge server's. */
bool public_key_is_quick(EVP_PKEY *key);
