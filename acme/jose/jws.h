/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signatures (RFC 7515). It reads the flattened form that ACME uses (RFC 8555 §6.2). It makes the
 * compact form that one-time tokens use.
 */
#pragma once

#include "acme/jose/jwk.h"

/* The signer of a flattened JWS: an account's key, or a MAC key (RFC 8555 §7.3.4). */
enum jws_use { JWS_BY_ACCOUNT, JWS_BY_MAC };

/* A signature algorithm (RFC 7518 §3, RFC 8037 §3.1) with the parameters it needs. The table is in jws.c. */
struct jws_algorithm {
    const char *name;
    enum public_key_type key_type; /* 0 for a MAC */
    enum jws_use use;
};

/* The accounts' algorithms as a JSON array's text, for badSignatureAlgorithm replies (RFC 8555 §6.2). */
extern const char *const jws_account_algorithms_json;

/* A parsed JWS whose signature is not yet verified. Everything belongs to the arena. */
struct jws {
    const struct jws_algorithm *algorithm;
    const struct json *header;  /* the protected header, an object */
    struct bytes signing_input; /* ASCII(protected) "." ASCII(payload) */
    struct bytes payload;       /* decoded; empty for POST-as-GET */
    struct bytes signature;     /* decoded; its length fits the algorithm */
};

/*
 * Reads a flattened JWS. Refuses `signatures`, an unprotected `header`, missing or empty signatures, `crit`,
 * `b64`, and algorithms that accounts may not use (JOSE_UNSUPPORTED_ALGORITHM). Other unknown members are
 * ignored.
 */
[[gnu::warn_unused_result]] bool jws_parse_flattened(struct arena *arena, struct bytes text, struct jws *out,
                                                     struct jose_error *error);

/* Reads as jws_parse_flattened does, from JSON that is already parsed. */
[[gnu::warn_unused_result]] bool jws_parse_object(struct arena *arena, const struct json *json,
                                                  enum jws_use use, struct jws *out,
                                                  struct jose_error *error);

/* True when `key` made the MAC of a JWS read with JWS_BY_MAC. It compares in constant time. */
[[gnu::warn_unused_result]] bool jws_verify_mac(const struct jws *jws, struct bytes key);

/* Verifies the signature. JOSE_UNSUPPORTED_ALGORITHM when `alg` is not for this type of key;
 * JOSE_BAD_SIGNATURE when the signature does not verify. */
[[gnu::warn_unused_result]] bool jws_verify(const struct jws *jws, const struct jwk *key,
                                            struct jose_error *error);

/* Returns the algorithm that a private key signs with: ES256, ES384, ES512, RS256 or EdDSA. */
const struct jws_algorithm *jws_algorithm_for(const struct jwk *key);

/* Signs in the compact form, NUL-terminated in the arena. `header_json` must already name the algorithm.
 * False only when OpenSSL fails to sign. */
[[gnu::warn_unused_result]] bool jws_sign_compact(struct arena *arena, const struct jwk *key,
                                                  struct bytes header_json, struct bytes payload_json,
                                                  char **out);
