/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by own_certificate*.c. It belongs to the outbound thread, except where a comment says otherwise. */
#pragma once

#include <stdatomic.h>

#include "gateway/kept/kept_certificate.h"
#include "gateway/kept/own_certificate.h"

enum { OWN_CERTIFICATE_PROBLEM_BYTES = 512 };

struct own_certificate {
    struct own_certificate_parts parts;
    struct arena *arena;          /* of the names and paths */
    struct kept_certificate kept; /* when an issuer signs it */
    struct outbound_message begin;
    struct outbound_timer timer;
    bool stopped;
    int64_t retry_ms; /* the last pause between tries, without jitter; 0: none was needed */
    int64_t retry_first_ms, retry_most_ms; /* of the next one */
    bool unusable;            /* the one in use does not fit the configuration: other names, another root */
    bool revoked;             /* the one in use is revoked */
    int64_t reissued_at_ms;   /* for the last revocation */
    int64_t reissue_pause_ms; /* before the next; 0: there was none yet */
    /* Of the certificate in use; 0: none. Written by the outbound thread, or by the main thread when files
     * are configured. */
    _Atomic int64_t not_before;
    _Atomic int64_t not_after;
    _Atomic int64_t intermediates_end;
    struct expiry_watch watch;
    char told_problem[OWN_CERTIFICATE_PROBLEM_BYTES];
};

/* False: it comes from configured files. */
bool own_certificate_is_issued(const struct own_certificate *own);

/* ---- own_certificate_use.c: the one in use ---- */

/* Gives it to the listeners; once it is stopped nobody takes it, and nothing is wrong. False with `fault`. */
[[gnu::warn_unused_result]] bool own_certificate_use_pem(struct own_certificate *own, struct bytes chain_pem,
                                                         struct bytes key_pem, struct fault *fault);

/* Notes when it ends. `chain` is DER, leaf first. */
void own_certificate_note_ends(struct own_certificate *own, const struct certificate_facts *facts,
                               const struct bytes *chain, size_t count);

/* Warns when its end is near: `because` it has not been renewed. */
void own_certificate_warn_of_end(struct own_certificate *own, const char *because);

/* True when this leaf (DER) is the one in use. */
[[gnu::warn_unused_result]] bool own_certificate_is_in_use(const struct own_certificate *own,
                                                           struct arena *arena, struct bytes leaf);

/* ---- own_certificate_issued.c: one that an issuer signs ---- */

/* Before the loops start: takes the stored one. */
void own_certificate_prepare_issued(struct own_certificate *own);
/* Asks for another where one is due, else looks again later. */
void own_certificate_check_issued(struct own_certificate *own);
/* Reacts to another issuer. */
void own_certificate_change_issued(struct own_certificate *own);
/* The one in use was revoked. */
void own_certificate_replace_issued(struct own_certificate *own);
