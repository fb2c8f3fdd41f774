/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, requests, certificates and a reader of tokens, for the tests of stepca/. */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "leaks.h"
#include "stepca/provisioner_key.h"

/* One P-256 key in three forms, `kid` "test-provisioner", written by another implementation (Python's
 * cryptography). */
#define FIXTURE_PASSWORD   "correct horse"
#define FIXTURE_KEY_ID     "test-provisioner"
#define FIXTURE_THUMBPRINT "9-0wEprYWTSQyp9CkqWssgMRpoejKQnsrxYjiOX3DQg"
extern const char fixture_compact_jwe[];
extern const char fixture_flattened_jwe[];
extern const char fixture_private_jwk[];
extern const char fixture_public_jwk[];

/* "P-256", "P-384", "P-521", "RSA", "ED25519". */
EVP_PKEY *fixture_new_key(const char *type);

enum fixture_pem_form { FIXTURE_PKCS8, FIXTURE_TRADITIONAL };
struct bytes fixture_key_pem(struct arena *arena, EVP_PKEY *key, enum fixture_pem_form form,
                             const char *password);

void fixture_provisioner_key(struct arena *arena, EVP_PKEY *key, struct provisioner_key *out);

/* `names` as openssl.cnf writes them ("DNS:a.internal,IP:10.0.0.1"); either may be NULL. */
X509_REQ *fixture_csr(const char *common_name, const char *names);
struct bytes fixture_csr_der(struct arena *arena, X509_REQ *csr);

/* Self-signed. */
X509 *fixture_certificate(const char *common_name);
struct bytes fixture_certificate_der(struct arena *arena, X509 *certificate);
const char *fixture_certificate_pem(struct arena *arena, X509 *certificate);

struct fixture_token {
    const struct json *header;
    const struct json *claims;
    struct bytes signing_input;
    struct bytes signature;
};
void fixture_read_token(struct arena *arena, const char *text, struct fixture_token *out);

/* With OpenSSL alone; `digest` is NULL for Ed25519. */
bool fixture_token_verifies(struct arena *arena, const struct fixture_token *token, EVP_PKEY *key,
                            const char *digest);
