/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own TLS certificate, from files or from an issuer. An issued one is kept in files beside the
 * database, so that a restart needs no new one. It is renewed when a third of its life is left. While the
 * issuer is unavailable it stays in use, even after its end: clients that check only the rest can still
 * connect. The log warns of its end well before.
 */
#pragma once

#include "acme/base/fault.h"
#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/kept/own_certificate_files.h"
#include "gateway/outbound/outbound.h"

struct own_certificate;

/* Borrowed for its life. */
struct own_certificate_parts {
    const struct config *config;
    struct outbound *outbound;
    struct issuers *issuers;
    /* Gives it to every listener with TLS; a bad one changes nothing. Any thread. */
    bool (*publish)(void *context, struct bytes chain_pem, struct bytes key_pem, struct fault *fault);
    /* A certificate that nobody gets: recorded as rejected, and revoked. `chain` is DER, leaf first. Outbound
     * thread. */
    void (*rejected)(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                     const char *why);
    void *context;
};

/* Takes the certificate from the configured files, once, or from the issuer, on the outbound thread, at once
 * and as long as the server runs. NULL with `fault` when files are configured and cannot be used. */
[[gnu::warn_unused_result]] struct own_certificate *own_certificate_start(
    const struct own_certificate_parts *parts, struct fault *fault);

/* Reports that the listeners have the certificate of newly read files. Main and background thread. */
void own_certificate_note_files(struct own_certificate *own, const struct own_certificate_files *files);

/* Reports that another issuer serves. A certificate that its roots do not vouch for is replaced. Any thread
 * but the outbound one. */
void own_certificate_issuer_changed(struct own_certificate *own);

/* Reports that the CA has confirmed the revocation of this leaf (DER). Outbound thread. When it is the one in
 * use, another is requested, with another key. When it comes from configured files, the log says so. NULL is
 * ignored. */
void own_certificate_revoked(struct own_certificate *own, struct bytes leaf);

/* Returns the intermediates of the certificate that an issuer signed, as PEM; empty when there are none, and
 * for NULL. */
struct bytes own_certificate_intermediates(const struct own_certificate *own, struct arena *arena);

/* Returns the path of the chain that an issuer signed. */
const char *own_certificate_path(struct arena *arena, const struct config *config);

/* The ends of the certificate in use, of the first of its intermediates and of the first of its issuer's
 * roots. 0: absent or unknown. Any thread. NULL as `own`: all 0. */
struct own_certificate_expiry {
    int64_t leaf;
    int64_t intermediates;
    int64_t roots;
};
void own_certificate_read_expiry(const struct own_certificate *own, struct own_certificate_expiry *out);

/* Before the front ends stop: from here on they are left alone. One that still comes is kept for the next
 * start. NULL is ignored. */
void own_certificate_stop(struct own_certificate *own);

/* After outbound_stop. */
void own_certificate_free(struct own_certificate *own);
