/* SPDX-License-Identifier: Apache-2.0 */
/* A CA with its OCSP responder, the root above, and what is asked of it. */
#pragma once

#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"
#include "leaks.h"
#include "pki.h"

enum { NOW = 1800000000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

struct ocsp_cast {
    struct arena *arena;
    EVP_PKEY *root_key, *ca_key, *key;
    X509 *root, *ca;
    struct pki_certificate certificate; /* the responder's, to be changed */
    struct ocsp_expectation expected;
};

struct ocsp_cast ocsp_assemble(void);
X509 *ocsp_authority(struct arena *arena, EVP_PKEY *key, X509 *signer, EVP_PKEY *signer_key,
                     const char *name);
/* The responder of the cast's certificate as it is now. */
[[gnu::warn_unused_result]] bool ocsp_open_with(const struct ocsp_cast *cast, EVP_PKEY *key,
                                                struct ocsp_responder *out, struct fault *fault);
struct ocsp_responder ocsp_opened(const struct ocsp_cast *cast);

struct ocsp_asked {
    const EVP_MD *digest; /* NULL: SHA-1 */
    X509 *issuer;         /* NULL: the CA */
    const char *serial;
    size_t times;     /* the question is repeated; 0: once */
    X509 *also_of;    /* and one about this CA */
    int nonce_octets; /* -1: none */
    int extension;    /* NID of a critical one beside it */
};
struct bytes ocsp_make_request(const struct ocsp_cast *cast, struct ocsp_asked asked);
