/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists (RFC 5280 §5): reading, verifying, comparing with the previous list, and
 * look-ups. Only complete lists of one CA are accepted. Deltas, indirect lists and lists for some of the
 * certificates or some of the reasons are refused, because absence from them proves nothing.
 */
#pragma once

#include "acme/base/fault.h"
#include "acme/jose/openssl_handles.h"
#include "acme/objects.h"

enum {
    CRL_NO_REASON = -1,
    CRL_SKEW_S = 300, /* how far the CA's clock may be ahead of ours */
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
    size_t left_out; /* number of entries left out: no certificate can have their serial number */
};

/*
 * Reads a list and finds its signer: a certificate of `candidates_pem` (PEM, may be empty) or one of the
 * roots. The signer's name is the list's issuer. It is in force at `now`, may sign lists (cRLSign), and has a
 * path to one of the roots. Whether the list is still in force is not checked. False with `fault`.
 * `out` belongs to the arena.
 */
[[gnu::warn_unused_result]] bool crl_read(struct arena *arena, struct bytes der, struct bytes candidates_pem,
                                          X509_STORE *roots, int64_t now, struct crl *out,
                                          struct fault *fault);

/* True when the list has expired at `now`. Absence from it then proves nothing. */
bool crl_is_over(const struct crl *crl, int64_t now);

/* True when the list was made later than the CA's clock can be ahead: our clock was wrong when it was
 * taken. */
bool crl_is_of_the_future(const struct crl *crl, int64_t now);

/*
 * True when `fresh` may replace `current` (NULL: there is none; a list from the future counts as none). False
 * with `fault` when it has expired or is from the future. False also when it is older: made earlier, or with
 * a lower number while the current list is in force. (A CA that lost its database counts from the beginning.
 * Its list is taken once the previous one has expired.)
 */
[[gnu::warn_unused_result]] bool crl_may_replace(struct arena *arena, const struct crl *current,
                                                 const struct crl *fresh, int64_t now, struct fault *fault);

/* Finds an entry by canonical serial number. NULL when it is not in the list. */
const struct crl_entry *crl_find(const struct crl *crl, const char *serial);
