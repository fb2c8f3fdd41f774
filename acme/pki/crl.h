/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists (RFC 5280 §5): read and verified, compared with the one before, looked into.
 * Whole lists of one CA only: deltas, indirect lists and lists for some of the certificates or some of the
 * reasons are refused, because what is missing in them says nothing.
 */
#pragma once

#include "acme/jose/openssl_handles.h"
#include "acme/objects.h"

enum {
    CRL_NO_REASON = -1,
    CRL_SKEW_S = 300, /* how far ahead of ours the CA's clock may be */
};

struct crl_entry {
    char serial[SERIAL_HEX_BYTES]; /* canonical */
    int reason;                    /* RFC 5280 §5.3.1, or CRL_NO_REASON */
    int64_t revoked_at;
};

struct crl {
    struct bytes der;
    struct bytes signer;           /* DER of the certificate that signed it */
    char number[SERIAL_HEX_BYTES]; /* "" when it has none */
    int64_t this_update;
    int64_t next_update;
    struct crl_entry *entries; /* by serial */
    size_t count;
    size_t left_out; /* entries beside them whose serial number no certificate can have */
};

/*
 * Reads a list and finds who signed it: a certificate of `candidates_pem` (PEM, may be empty) or one of the
 * roots, with the list's issuer for its name, in force at `now`, allowed to sign lists (cRLSign), and with a
 * path to one of the roots. Whether the list is still in force is not looked at. False with `why` in the
 * arena. `out` belongs to the arena.
 */
[[gnu::warn_unused_result]] bool crl_read(struct arena *arena, struct bytes der, struct bytes candidates_pem,
                                          X509_STORE *roots, int64_t now, struct crl *out, const char **why);

/* Over at `now`: it says nothing any more of a certificate that is not in it. */
bool crl_is_over(const struct crl *crl, int64_t now);

/* Made later than the CA's clock can be ahead: ours was, when it was taken. */
bool crl_is_of_the_future(const struct crl *crl, int64_t now);

/*
 * True when `fresh` may take the place of `current` (NULL: there is none; nor is one of the future). Not when
 * it is over or from the future; nor when it is the older one: made earlier, or with a lower number while the
 * current one is in force. (A CA that lost its database counts from the beginning; its list is taken once the
 * one before is over.) Else false with `why`.
 */
[[gnu::warn_unused_result]] bool crl_may_replace(struct arena *arena, const struct crl *current,
                                                 const struct crl *fresh, int64_t now, const char **why);

/* NULL when it is not in the list. `serial` is canonical. */
const struct crl_entry *crl_find(const struct crl *crl, const char *serial);
