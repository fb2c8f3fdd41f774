/* SPDX-License-Identifier: Apache-2.0 */
/* What we verify of a certificate before anyone gets it, and how it is named and rendered. */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "acme/objects.h"

/* What the store keeps of a certificate. */
struct certificate_facts {
    char serial[SERIAL_HEX_BYTES];
    uint8_t key_hash[32];
    int64_t not_before;
    int64_t not_after;
    struct identifier *identifiers;
    size_t identifier_count;
    /* In words, what of it no authorization of names speaks for: a name of another kind, no subjectAltName, a
     * common name beside it, a use other than a server's or client's. NULL: nothing. */
    const char *beyond_names;
    const char *remarks; /* by certificate_check with a CSR: certificate_remarks */
};

/*
 * Parsed intermediates by their DER: reading a public key costs OpenSSL 3.0 as much as verifying with it, and
 * an issuer's intermediates are the same in every chain. Holds a few; one thread at a time.
 */
struct certificate_cache;
struct certificate_cache *certificate_cache_new(void);
/* NULL is ignored. */
void certificate_cache_free(struct certificate_cache *cache);

/* Everything the issued certificate must answer to. */
struct certificate_expectation {
    X509_REQ *csr;
    EVP_PKEY *key; /* its public key, where there is no CSR */
    const struct identifier *identifiers;
    size_t identifier_count;
    /* in the place of identifiers: any names that it allows, one at least */
    const struct name_policy *policy;
    bool any_names;                          /* in the place of both: nobody looks at its names */
    int64_t latest_not_after;                /* time of the request + cap + CERTIFICATE_SLACK_S */
    int64_t earliest_not_before;             /* where one was named, less a minute; else 0 */
    int64_t latest_not_before;               /* that was asked for; 0, and any time in the past: now */
    X509_STORE *roots;                       /* the pinned ones only */
    struct certificate_cache *intermediates; /* NULL for none */
    int64_t now;
};

enum { CERTIFICATE_SLACK_S = 60 };

/*
 * True when leaf and chain (DER, leaf first) fit: public key of the CSR, names of the order (or of the
 * policy) and no others, validity within the cap, a path to a pinned root that it does not outlive. Else
 * false and `why` says what was wrong, in the arena. `facts` are filled whenever the leaf can be read; else
 * facts->serial is empty.
 */
[[gnu::warn_unused_result]] bool certificate_check(struct arena *arena, const struct bytes *chain,
                                                   size_t count,
                                                   const struct certificate_expectation *expectation,
                                                   struct certificate_facts *facts, const char **why);

/*
 * For the events: in which way the leaf is not what the CSR asks for although it fits. Names that the CSR
 * repeats, requested extensions that it lacks (must-staple, RFC 7633), a common name longer than RFC 5280
 * allows. In words, bounded; NULL: nothing to say.
 */
const char *certificate_remarks(struct arena *arena, X509_REQ *csr, const X509 *leaf);

/* True when the DER leaf chains to one of the roots (intermediates may be NULL), whatever the time. */
[[gnu::warn_unused_result]] bool certificate_chains_to(struct bytes leaf_der, struct bytes chain_pem,
                                                       X509_STORE *roots);

/* True when a root, or a certificate that chains to one, has signed the DER leaf: its CA has its serial
 * number, whatever else is wrong with the leaf (name constraints, an unknown critical extension). The signer
 * is first in the chain. */
[[gnu::warn_unused_result]] bool certificate_is_signed_under(struct bytes leaf_der, struct bytes chain_pem,
                                                             X509_STORE *roots);

/* True when the first certificate of the chain has signed the leaf, and each of it the one before: another
 * chain for the same leaf. Where it ends is not looked at. */
[[gnu::warn_unused_result]] bool certificate_is_signed_along(struct bytes leaf_der, struct bytes chain_pem);

/* True when the DER certificate `signer` has issued the leaf: its name, its key and its signature. */
[[gnu::warn_unused_result]] bool certificate_is_signed_by(struct bytes leaf_der, struct bytes signer_der);

/*
 * True when both name the same certificate: the same CA, by name and key identifier, and the same serial
 * number (RFC 5280 §4.1.2.2). A CA revokes by that. Octets do not tell: an ECDSA signature (r, s) has a twin
 * (r, n - s), and BER has many forms. No signature is verified, so take the facts from the copy that was.
 */
[[gnu::warn_unused_result]] bool certificate_is_same(struct bytes a_der, struct bytes b_der);

/* False when it cannot be read. */
[[gnu::warn_unused_result]] bool certificate_read_facts(struct arena *arena, struct bytes der,
                                                        struct certificate_facts *out);

/* Only when it begins and ends, in seconds of Unix time, which is a tenth of the work of reading it whole.
 * False when it cannot be read. */
[[gnu::warn_unused_result]] bool certificate_read_validity(struct bytes der, int64_t *not_before,
                                                           int64_t *not_after);

/* The one form of a serial, from its octets (big-endian, padded or not). False when they are none or too
 * many. */
[[gnu::warn_unused_result]] bool serial_from_octets(struct bytes octets, char out[static SERIAL_HEX_BYTES]);

/* Decimal form of a canonical serial: what step-ca's /revoke wants. NULL when it is not one. */
char *serial_to_decimal(struct arena *arena, const char *serial_hex);

/* PEM of one DER certificate. */
char *certificate_to_pem(struct arena *arena, struct bytes der);

/* PEM of `count` DER certificates, in their order, as text that ends with a NUL; "" when there are none. */
struct bytes certificates_to_pem(struct arena *arena, const struct bytes *certificates, size_t count);

/* The caller's to free. NULL when a certificate is broken; an empty stack when there is none. */
[[gnu::warn_unused_result]] STACK_OF(X509) * certificate_stack_read(struct bytes pem);

/* Every certificate of a PEM text as DER, in order. False when there is none or one is broken. */
[[gnu::warn_unused_result]] bool certificates_from_pem(struct arena *arena, struct bytes pem,
                                                       struct bytes **out, size_t *count);

/* SHA-256 as lower-case hexadecimal, of DER. */
char *certificate_fingerprint(struct arena *arena, struct bytes der);
