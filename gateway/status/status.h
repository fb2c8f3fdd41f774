/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of the issuers' certificates. It keeps each CA's revocation list, fetched or made repeatedly on
 * the outbound thread, in memory and in the database. It also keeps the responder that signs OCSP responses.
 * Loops read both through a reader of their own, without waiting.
 */
#pragma once

#include "acme/pki/ocsp.h"
#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/loads/loads.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

/* Borrowed for its life. */
struct status_parts {
    const struct config *config;
    const struct store_location *location;
    struct store *store;
    struct outbound *outbound;
    struct loads *loads;
    struct issuers *issuers;
    /* The intermediates above the server's own certificate, as PEM in the arena. Outbound thread. */
    struct bytes (*own_intermediates)(void *context, struct arena *arena);
    /* A certificate that nobody gets: recorded as rejected, and revoked. `chain` is DER, leaf first. Outbound
     * thread. */
    void (*rejected)(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                     const char *why);
    void *context;
};

/* Takes the lists that the database keeps. Before the HTTP loops start. NULL with `fault`. */
[[gnu::warn_unused_result]] struct status *status_new(const struct status_parts *parts, struct fault *fault);

/* Asks the issuers now, and from time to time. Also when issuers have been replaced. Any thread. */
void status_begin(struct status *status);

/* Outbound thread. Reports that this issuer's CA has confirmed a revocation. When this returns no earlier
 * answer is given any more, and a new list is requested soon. */
void status_changed(struct status *status, const char *issuer_id);

/* After outbound_stop and store_close, and after the loops. NULL is ignored. */
void status_free(struct status *status);

/* Returns the path of the responder's certificate ("crt") or key ("key") that a second provisioner made. */
const char *status_responder_path(struct arena *arena, const struct config *config, const char *issuer_id,
                                  const char *ending);

/* ---- the loops' view ---- */

struct status_view {
    const char *issuer;
    const struct crl *crl;                  /* NULL: none. It may be over. */
    const char *etag;                       /* of the list */
    bool crl_is_kept;                       /* the CA keeps a list, as far as is known */
    const char *trouble;                    /* why there is no list, or no newer one; "" */
    bool wants_responder;                   /* one is configured */
    const struct ocsp_responder *responder; /* NULL: none, or none yet */
};

/* One loop's view, with the responses that it has made. */
struct status_reader;
struct status_reader *status_reader_new(struct status *status);
void status_reader_free(struct status_reader *reader);

/* Returns the view of an issuer; NULL when no issuer has this id. Valid until the next call, with its
 * pointers. */
const struct status_view *status_view(struct status_reader *reader, struct bytes issuer_id);

/* A response made before to this very question about the last view's issuer, while it is good; else false.
 * Its octets are good until the next call. */
[[gnu::warn_unused_result]] bool status_response_find(struct status_reader *reader,
                                                      const struct ocsp_question *question, int64_t now,
                                                      struct ocsp_response *out);
/* Caches a response that is for anyone, for the first half of its life, until something changes. Room is
 * bounded: the one that was used longest ago is dropped. A serial number that no certificate is `known` to
 * have displaces no response about a certificate. */
void status_response_keep(struct status_reader *reader, const struct ocsp_question *question, bool known,
                          int64_t now, const struct ocsp_response *response);

/*
 * True when this loop may make another signature with a slow responder's key in this second; each call that
 * gets true is one. Anybody may ask, and a loop has other things to do. Numbers that no certificate is known
 * to have can be made up at will: they get a part only, and leave the rest to certificates that are `known`.
 */
[[gnu::warn_unused_result]] bool status_may_sign_slowly(struct status_reader *reader, int64_t now,
                                                        bool known);
