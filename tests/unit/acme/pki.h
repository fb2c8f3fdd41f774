/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, requests and certificates made for the tests, good and bad ones. */
#pragma once

#include "acme/identifier.h"
#include "acme/jose/openssl_handles.h"

/* "P-256", "P-384", "P-521", "secp256k1", "P-256 explicit", "RSA-1024", "RSA-2048", "Ed25519", "Ed448". The
 * arena owns it. */
EVP_PKEY *pki_key(struct arena *arena, const char *type);

/* A public RSA key that nobody has the other half of: a random odd modulus. */
EVP_PKEY *pki_rsa_public(struct arena *arena, int bits, unsigned exponent);

/* "dns:a.example, ip:10.0.0.1" as an order's identifiers. */
struct identifier *pki_identifiers(struct arena *arena, const char *text, size_t *count);

/* As OpenSSL's configuration writes its value. */
struct pki_extension {
    int type; /* NID; 0: none */
    const char *value;
};

enum { PKI_MORE_EXTENSIONS = 8 };

struct pki_csr {
    EVP_PKEY *key;
    EVP_PKEY *signer;        /* NULL: the key itself */
    const EVP_MD *digest;    /* NULL: SHA-256, or none for EdDSA */
    const char *common_name; /* NULL: none */
    const char *second_common_name;
    const char *subject_email;
    const char *names; /* subjectAltName as OpenSSL's configuration writes it; NULL: none */
    struct pki_extension more[PKI_MORE_EXTENSIONS]; /* beside the names */
    bool names_twice;       /* two subjectAltName extensions in one request for extensions */
    bool extensions_twice;  /* Microsoft's attribute beside PKCS #9's */
    bool extensions_broken; /* an attribute that holds no extensions */
};
struct bytes pki_csr(struct arena *arena, const struct pki_csr *csr);

struct pki_certificate {
    EVP_PKEY *key;
    EVP_PKEY *signer_key; /* NULL: self-signed */
    X509 *signer;
    const char *common_name;
    const char *names;      /* as above */
    const char *serial_hex; /* "-" before it for a negative one; NULL: 1 */
    bool is_ca;
    const char *key_usage; /* as OpenSSL's configuration writes them; NULL: none */
    const char *extended_key_usage;
    bool ocsp_nocheck;
    EVP_PKEY *authority_key; /* named in authorityKeyIdentifier; NULL: none */
    bool unknown_critical;   /* an extension that nobody knows */
    int64_t not_before;
    int64_t not_after;
};
/* The arena owns it. */
X509 *pki_certificate(struct arena *arena, const struct pki_certificate *certificate);
struct bytes pki_der(struct arena *arena, X509 *certificate);
/* The same certificate in other octets: (r, n - s) for the ECDSA signature (r, s), which verifies as well. */
struct bytes pki_malleate(struct arena *arena, struct bytes der);
/* The same in BER: the outer length takes an octet more than it needs. */
struct bytes pki_lengthen(struct arena *arena, struct bytes der);
struct bytes pki_pem(struct arena *arena, X509 *certificate);

/* The request in OpenSSL's form; the arena owns it. */
X509_REQ *pki_request(struct arena *arena, const struct pki_csr *csr);

/* A root, an intermediate below it, a root that is a stranger, and the key of a leaf to be signed. All begin
 * and end 1,000 days from `now`, the intermediate `intermediate_days` after it. */
struct pki_ca {
    EVP_PKEY *root_key, *intermediate_key, *stranger_key, *leaf_key;
    X509 *root, *intermediate, *stranger;
};
struct pki_ca pki_ca(struct arena *arena, int64_t now, int64_t intermediate_days);
/* What step-ca answers to a request for these names: begun a minute ago, for a day. */
struct pki_certificate pki_leaf(const struct pki_ca *ca, int64_t now, const char *names);

/* A store of one root, owned by the arena. */
X509_STORE *pki_roots(struct arena *arena, X509 *root);
