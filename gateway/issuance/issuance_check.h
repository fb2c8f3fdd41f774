/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that came is held to what was asked for, by the same rules whoever asked: an order, a
 * client of step-ca's API, `acmegate sign`, the own certificate, the OCSP responder. One that does not fit is
 * nobody's: its row says why and makes its revocation due.
 */
#pragma once

#include "gateway/ca/issuer.h"

enum issuance_verdict {
    ISSUANCE_FITS,
    ISSUANCE_MISFIT,     /* it is rejected */
    ISSUANCE_UNREADABLE, /* nobody knows what was signed: a possible orphan. There is no row to write */
};

/* What the certificate must be. The pointers are borrowed for the call. */
struct issuance_terms {
    const struct issuer *issuer;  /* who was asked: the row stands under its name */
    const struct issuer *serving; /* whose pinned roots count by now; NULL: still those of `issuer` */
    X509_REQ *csr;                /* its key is the certificate's */
    EVP_PKEY *key;                /* public, where there is no CSR */
    /* The names. These and no others, unless one of the next two is set. */
    const struct identifier *identifiers;
    size_t identifier_count;
    const struct name_policy *policy;        /* any that it allows, one at least */
    bool any_names;                          /* an OCSP responder's, where nobody looks at them */
    const struct validity_request *validity; /* that was asked for */
    const char *actor;                       /* who has a misfit revoked: "gateway", "operator" */
};

/* What came of it. */
struct issued {
    enum issuance_verdict verdict;
    const char *why; /* in words; NULL when it fits */
    struct certificate_facts facts;
    /* Its row, good or rejected; issuer, serial and the rest point into `facts`, the issuer and the chain.
     * The caller adds whose it is: account, order, endpoint, and another origin than CERTIFICATE_EXTERNAL. */
    struct certificate certificate;
};

/*
 * Judges the chain (DER, leaf first, 0 or more certificates) at `now`, unix seconds. What `out` points at
 * lives in the arena. One thread at a time for an issuer: its cache of intermediates is used.
 */
enum issuance_verdict issuance_check(struct arena *arena, const struct issuance_terms *terms,
                                     const struct bytes *chain, size_t count, int64_t now,
                                     struct issued *out);

/* Without a judgement: the facts and the row of a good certificate. False when the leaf cannot be read. */
[[gnu::warn_unused_result]] bool issuance_read(struct arena *arena, const struct issuer *issuer,
                                               const struct bytes *chain, size_t count, int64_t now,
                                               struct issued *out);

/* One that was read is nobody's for another reason: its order has ended, its user has no use for it. */
void issuance_reject(struct issued *issued, const char *why, const char *actor, int64_t now);
