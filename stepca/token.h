/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time tokens (OTT): the compact JWS that step-ca's /sign and /revoke take (step-ca
 * authority/provisioner/jwk.go). step-ca consumes a token before it reads the CSR: make a new one for every
 * attempt.
 */
#pragma once

#include "stepca/provisioner_key.h"

enum {
    STEPCA_TOKEN_LIFETIME_S = 300,
    STEPCA_TOKEN_ID_BYTES = 65, /* 64 hexadecimal characters and a NUL */
};

struct stepca_token_request {
    const char *provisioner; /* iss: the provisioner's name, exact */
    const char *key_id;      /* the kid that the CA advertises for it */
    const char *ca_url;      /* audience base, "https://ca.internal:9000" */
    const char *subject;     /* sub: never empty */
    const char *const *sans; /* with the CSR's spelling; ignored for revocation */
    size_t san_count;
    struct bytes csr_der;             /* bound by cnf.x5rt#S256; empty for revocation */
    const char *root_fingerprint_hex; /* claim `sha`; NULL leaves it out */
    int64_t now;                      /* unix seconds */
    char id[STEPCA_TOKEN_ID_BYTES];   /* jti, from stepca_token_id_new */
};

/* Makes 32 random bytes, as hexadecimal. False when OpenSSL has no randomness. */
[[gnu::warn_unused_result]] bool stepca_token_id_new(char id[static STEPCA_TOKEN_ID_BYTES]);

/* Signs a token with audience …/1.0/sign. The text is a secret until it is used: never log it. */
[[gnu::warn_unused_result]] bool stepca_token_for_sign(struct arena *arena, const struct provisioner_key *key,
                                                       const struct stepca_token_request *request,
                                                       char **out);

/* Signs a token with audience …/1.0/revoke. `subject` is the decimal serial number. */
[[gnu::warn_unused_result]] bool stepca_token_for_revoke(struct arena *arena,
                                                         const struct provisioner_key *key,
                                                         const struct stepca_token_request *request,
                                                         char **out);
