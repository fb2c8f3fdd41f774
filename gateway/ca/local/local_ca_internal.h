/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of the local CA: local_ca.c (opening, tending, revoking), local_ca_files.c,
 * local_ca_make.c (certificates), local_ca_names.c (name constraints) and local_ca_sign.c. */
#pragma once

#include "acme/base/fault.h"
#include "acme/jose/openssl_handles.h"
#include "gateway/ca/local/local_ca.h"
#include "gateway/ca/local/revoked_register.h"

struct local_ca {
    struct arena *arena;
    struct local_ca_config config; /* copied into the arena */
    struct bytes root_pem;
    STACK_OF(X509) * roots;
    STACK_OF(X509) * given; /* the content of intermediate_ca.crt, the issuing certificate first */
    STACK_OF(X509) * path;  /* from the issuing certificate to the root, the root included */
    EVP_PKEY *key;          /* of the issuing certificate */
    struct arena *chain_arena;
    struct local_ca_chain chain; /* of the path, without the root */
    int64_t end;
    struct revoked_register *revoked;
};

/* ---- files (local_ca_files.c) ---- */

const char *local_ca_path(const struct local_ca *ca, struct arena *arena, const char *name);
bool local_ca_has_file(const struct local_ca *ca, const char *name);

/* Loads all certificates of a file, at least one; `pem` (may be NULL) is its text, in the arena. NULL with
 * `fault`. */
STACK_OF(X509) * local_ca_load_certificates(const struct local_ca *ca, struct arena *arena, const char *name,
                                            struct bytes *pem, struct fault *fault);

/* Opened with the configured password when it is encrypted. NULL with `fault`. */
EVP_PKEY *local_ca_load_key(const struct local_ca *ca, const char *name, struct fault *fault);

/* PKCS #8, encrypted when a password is configured; for the owner only. */
[[gnu::warn_unused_result]] bool local_ca_write_key(const struct local_ca *ca, const char *name,
                                                    EVP_PKEY *key, struct fault *fault);
[[gnu::warn_unused_result]] bool local_ca_write_certificate(const struct local_ca *ca, const char *name,
                                                            X509 *certificate, struct fault *fault);

/* ---- certificates (local_ca_make.c) ---- */

struct certificate_extension {
    int nid;
    const char *value; /* in the form of openssl.cnf */
};

/* Version 3 with a random 128-bit serial number and these times; no names, no key. NULL when OpenSSL fails.
 */
X509 *local_certificate_new(int64_t not_before, int64_t not_after);

/* Adds extensions in order; `issuer` (may be `certificate` itself) is where an authority key identifier comes
 * from. */
[[gnu::warn_unused_result]] bool local_certificate_extend(X509 *certificate, X509 *issuer,
                                                          const struct certificate_extension *extensions,
                                                          size_t count);

/* A CN that is too long for one is left out. */
[[gnu::warn_unused_result]] bool local_certificate_set_common_name(X509 *certificate,
                                                                   const char *common_name);

/* The digest that suits a key; NULL for Ed25519, which has its own. */
const EVP_MD *local_certificate_digest(const EVP_PKEY *key);
/* Signs with that digest. */
[[gnu::warn_unused_result]] bool local_certificate_sign(X509 *certificate, EVP_PKEY *key);

/* DER in the arena; p NULL when OpenSSL fails. */
struct bytes local_certificate_der(struct arena *arena, X509 *certificate);

/* 0 when it cannot be read. */
int64_t local_certificate_begin(const X509 *certificate);
int64_t local_certificate_end(const X509 *certificate);

/* Writes the four files of a new CA into the directory, the root's certificate last. */
[[gnu::warn_unused_result]] bool local_ca_make(const struct local_ca *ca, int64_t now, struct fault *fault);

/* Writes a new intermediate and its key, signed by the root whose key is in the directory. */
[[gnu::warn_unused_result]] bool local_ca_make_intermediate(const struct local_ca *ca, int64_t now,
                                                            struct fault *fault);

/* Makes another certificate for the key, name and constraints of `old`. *renewed stays NULL when the root
 * would let it end no later than the old one. False with `fault`. */
[[gnu::warn_unused_result]] bool local_ca_renew_intermediate(const struct local_ca *ca, X509 *old, X509 *root,
                                                             int64_t now, X509 **renewed,
                                                             struct fault *fault);

/* ---- name constraints (local_ca_names.c) ---- */

/* Adds the critical extension that the configuration asks for, if any. */
[[gnu::warn_unused_result]] bool local_ca_constrain(const struct local_ca *ca, X509 *certificate);

/* True when the certificate has the constraints that the configuration asks for. */
[[gnu::warn_unused_result]] bool local_ca_is_constrained(const struct local_ca *ca, const X509 *certificate);

/* Returns NULL when every CA of the path permits a leaf with this subject and these subjectAltNames; else the
 * fault, in the arena. */
const char *local_ca_names_fault(struct arena *arena, const struct local_ca *ca, const X509_NAME *subject,
                                 const char *const *names, size_t count);

/* A subjectAltName: an address or a domain name. NULL when OpenSSL fails. */
GENERAL_NAME *local_ca_general_name(const char *text);
