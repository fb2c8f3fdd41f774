/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a certificate against its request, by the same rules for every caller: an order, a client of
 * step-ca's API, `acmegate sign`, the own certificate, the OCSP responder. A certificate that does not fit is
 * given to nobody: its row has the reason and makes its revocation due.
 */
#pragma once

#include "gateway/ca/issuer.h"

enum issuance_verdict {
    ISSUANCE_FITS,
    ISSUANCE_MISFIT,     /* it is rejected */
    ISSUANCE_UNREADABLE, /* the CA may have signed anything: a possible orphan. There is no row to write */
};

/* The requirements for the certificate. The pointers are borrowed for the call. */
struct issuance_terms {
    const struct issuer *issuer;  /* the issuer that was asked: the row has its name */
    const struct issuer *serving; /* its pinned roots count; NULL: those of `issuer` */
    X509_REQ *csr;                /* its key is the certificate's */
    EVP_PKEY *key;                /* public key, when there is no CSR */
    /* The names. These and no others, unless one of the next two is set. */
    const struct identifier *identifiers;
    size_t identifier_count;
    const struct name_policy *policy;        /* any names that it allows, at least one */
    bool any_names;                          /* an OCSP responder's, where nobody looks at them */
    const struct validity_request *validity; /* the validity that was requested */
    const char *actor;                       /* who revokes a misfit: "gateway", "operator" */
};

/* The result of the check. */
struct issued {
    enum issuance_verdict verdict;
    const char *why; /* the fault, in words; NULL when the certificate fits */
    struct certificate_facts facts;
    /* Its row, accepted or rejected; issuer, serial and others point into `facts`, the issuer and the chain.
     * The caller adds account, order and endpoint, and an origin other than CERTIFICATE_EXTERNAL. */
    struct certificate certificate;
};

/*
 * Judges the chain (DER, leaf first, 0 or more certificates) at `now`, unix seconds. The pointers of `out`
 * live in the arena. One thread at a time for an issuer: its cache of intermediates is used.
 */
enum issuance_verdict issuance_check(struct arena *arena, const struct issuance_terms *terms,
                                     const struct bytes *chain, size_t count, int64_t now,
                                     struct issued *out);

/* Without a judgement: the facts and the row of a good certificate. False when the leaf cannot be read. */
[[gnu::warn_unused_result]] bool issuance_read(struct arena *arena, const struct issuer *issuer,
                                               const struct bytes *chain, size_t count, int64_t now,
                                               struct issued *out);

/* Rejects a certificate that was read, for another reason: its order has ended, its user cannot use it. */
void issuance_reject(struct issued *issued, const char *why, const char *actor, int64_t now);
