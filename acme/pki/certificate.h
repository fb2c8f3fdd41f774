/* SPDX-License-Identifier: Apache-2.0 */
/* The checks on a certificate before anyone gets it, its names and its text forms. */
#pragma once

#include "acme/base/fault.h"
#include "acme/jose/openssl_handles.h"
#include "acme/objects.h"

/* The facts of a certificate that the store keeps. */
struct certificate_facts {
    char serial[SERIAL_HEX_BYTES];
    uint8_t key_hash[32];
    int64_t not_before;
    int64_t not_after;
    struct identifier *identifiers;
    size_t identifier_count;
    /* The part of the certificate, in words, that no authorization of names covers: a name of another type,
     * no subjectAltName, a common name beside it, a use other than a server's or client's. NULL: none. */
    const char *beyond_names;
    const char *remarks; /* set by certificate_check with a CSR: certificate_remarks */
};

/*
 * A cache of parsed intermediates by their DER. Reading a public key costs OpenSSL 3.0 as much as verifying
 * with it, and an issuer's intermediates are the same in every chain. It holds a few; one thread at a time.
 */
struct certificate_cache;
struct certificate_cache *certificate_cache_new(void);
/* Frees the cache. NULL is ignored. */
void certificate_cache_free(struct certificate_cache *cache);

/* The expectations that the issued certificate must meet. */
struct certificate_expectation {
    X509_REQ *csr;
    EVP_PKEY *key; /* its public key, when no CSR is given */
    const struct identifier *identifiers;
    size_t identifier_count;
    /* instead of identifiers: any names that it allows, at least one */
    const struct name_policy *policy;
    bool any_names;                          /* instead of both: names are not checked */
    int64_t latest_not_after;                /* time of the request + cap + CERTIFICATE_SLACK_S */
    int64_t earliest_not_before;             /* the notBefore that was requested, less a minute; else 0 */
    int64_t latest_not_before;               /* the notBefore that was requested; 0, and any time in the
                                              * past: now */
    X509_STORE *roots;                       /* the pinned roots only */
    struct certificate_cache *intermediates; /* NULL: no cache */
    int64_t now;
};

enum { CERTIFICATE_SLACK_S = 60 };

/*
 * True when leaf and chain (DER, leaf first) meet the expectation: public key of the CSR, names of the order
 * (or of the policy) and no others, validity within the cap, a path to a pinned root that it does not
 * outlive. Else false with `fault`. `facts` are filled whenever the leaf can be read; else
 * facts->serial is empty.
 */
[[gnu::warn_unused_result]] bool certificate_check(struct arena *arena, const struct bytes *chain,
                                                   size_t count,
                                                   const struct certificate_expectation *expectation,
                                                   struct certificate_facts *facts, struct fault *fault);

/*
 * Describes for the events how an acceptable leaf departs from the CSR: names that the CSR repeats, requested
 * extensions that the leaf lacks (must-staple, RFC 7633), a common name longer than RFC 5280 allows. In
 * words, bounded. NULL: it does not depart.
 */
const char *certificate_remarks(struct arena *arena, X509_REQ *csr, const X509 *leaf);

/* True when the DER leaf chains to one of the roots (intermediates may be NULL), whatever the time. */
[[gnu::warn_unused_result]] bool certificate_chains_to(struct bytes leaf_der, struct bytes chain_pem,
                                                       X509_STORE *roots);

/* True when the DER leaf is signed by a root, or by a certificate that chains to one. Its CA then used its
 * serial number, whatever else is wrong with the leaf (name constraints, an unknown critical extension). The
 * signer is first in the chain. */
[[gnu::warn_unused_result]] bool certificate_is_signed_under(struct bytes leaf_der, struct bytes chain_pem,
                                                             X509_STORE *roots);

/* True when the first certificate of the chain has signed the leaf, and each later one the certificate before
 * it: another chain for the same leaf. The end of the chain is not checked. */
[[gnu::warn_unused_result]] bool certificate_is_signed_along(struct bytes leaf_der, struct bytes chain_pem);

/* True when the DER certificate `signer` issued the leaf: its name, its key and its signature match. */
[[gnu::warn_unused_result]] bool certificate_is_signed_by(struct bytes leaf_der, struct bytes signer_der);

/*
 * True when both are the same certificate: the same CA, by name and key identifier, and the same serial
 * number (RFC 5280 §4.1.2.2). A CA revokes by these. Octets do not decide: an ECDSA signature (r, s) has a
 * twin (r, n - s), and BER has many forms. No signature is verified: take the facts from the copy whose
 * signature was verified.
 */
[[gnu::warn_unused_result]] bool certificate_is_same(struct bytes a_der, struct bytes b_der);

/* Reads the facts of a DER certificate. False when it cannot be read. */
[[gnu::warn_unused_result]] bool certificate_read_facts(struct arena *arena, struct bytes der,
                                                        struct certificate_facts *out);

/* Reads only the validity, in unix seconds: a tenth of the work of reading it whole. False when it cannot be
 * read. */
[[gnu::warn_unused_result]] bool certificate_read_validity(struct bytes der, int64_t *not_before,
                                                           int64_t *not_after);

/* Writes the canonical form of a serial number from its octets (big-endian, padded or not). False when there
 * are none or too many. */
[[gnu::warn_unused_result]] bool serial_from_octets(struct bytes octets, char out[static SERIAL_HEX_BYTES]);

/* Returns the decimal form of a canonical serial number, as step-ca's /revoke wants it. NULL when it is not
 * canonical. */
char *serial_to_decimal(struct arena *arena, const char *serial_hex);

/* Returns the PEM of one DER certificate. */
char *certificate_to_pem(struct arena *arena, struct bytes der);

/* Returns the PEM of `count` DER certificates, in their order, NUL-terminated; "" when there are none. */
struct bytes certificates_to_pem(struct arena *arena, const struct bytes *certificates, size_t count);

/* Reads a PEM text as a stack, which the caller frees. NULL when a certificate is broken; an empty stack when
 * there is none. */
[[gnu::warn_unused_result]] STACK_OF(X509) * certificate_stack_read(struct bytes pem);

/* Reads every certificate of a PEM text as DER, in order. False when there is none or one is broken. */
[[gnu::warn_unused_result]] bool certificates_from_pem(struct arena *arena, struct bytes pem,
                                                       struct bytes **out, size_t *count);

/* Returns the SHA-256 of the DER as lower-case hexadecimal. */
char *certificate_fingerprint(struct arena *arena, struct bytes der);
