/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, and their revocation. Functions that write are called only inside `apply`. */
#pragma once

#include "acme/objects.h"
#include "acme/pki/root_rotation.h"
#include "store/store.h"

/* Sets id; the chain is stored once however many certificates share it; names are indexed for look-up. One
 * that was imported from the CA's log before its answer came here is taken over. STORE_KNOWN, and nothing
 * done, when the certificate is there already, under whichever issuer, or its issuer has another one with
 * this serial number. */
[[gnu::warn_unused_result]] enum store_result store_certificate_insert(struct store_writer *writer,
                                                                       struct certificate *certificate,
                                                                       const struct identifier *identifiers,
                                                                       size_t identifier_count);
void store_certificate_ask(struct store_reader *reader, int64_t id); /* store_read_ahead_end */
[[gnu::warn_unused_result]] enum store_result store_certificate_load(struct store_reader *reader,
                                                                     struct arena *arena, int64_t id,
                                                                     struct certificate *out);
/* Finds the certificate of the leaf (certificate_is_same), under whichever issuer. Older versions could make
 * several rows of one: it then returns the row with an account, else the oldest. */
[[gnu::warn_unused_result]] enum store_result store_certificate_by_leaf(struct store_reader *reader,
                                                                        struct arena *arena,
                                                                        const char *serial, struct bytes leaf,
                                                                        struct certificate *out);
/* Reads the certificates with a serial number: one for each CA that has used it. Those with an account come
 * first, then by age. */
[[gnu::warn_unused_result]] enum store_result store_certificates_by_serial(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const char *serial,
                                                                           struct certificate **out,
                                                                           size_t *count);
/* Reads the chains of an issuer's certificates that have neither ended nor been revoked, each with the leaf
 * that ends last. */
[[gnu::warn_unused_result]] enum store_result store_live_chains(struct store_reader *reader,
                                                                struct arena *arena, const char *issuer,
                                                                int64_t now, struct live_chain **out,
                                                                size_t *count);
/* Sets `out` when the account has had a certificate that is still in the inventory. */
[[gnu::warn_unused_result]] enum store_result store_account_has_certificate(struct store_reader *reader,
                                                                            int64_t account_id, bool *out);

/* Returns the newest chain's id; 0: none. It changes when a certificate comes with a new chain. */
[[gnu::warn_unused_result]] enum store_result store_newest_chain(struct store_reader *reader, int64_t *id);

/* Reads the twenty newest chains of certificates, as PEM. */
[[gnu::warn_unused_result]] enum store_result store_chains(struct store_reader *reader, struct arena *arena,
                                                           struct bytes **out, size_t *count);
/* Writes status, the revocation_* fields and revoked_at. STORE_LOST_RACE when it is already revoked. */
[[gnu::warn_unused_result]] enum store_result store_certificate_update(struct store_writer *writer,
                                                                       const struct certificate *certificate);
/* Writes revocation_reason, correction_* and the attempts of a revoked certificate. STORE_LOST_RACE when it
 * is not revoked. */
[[gnu::warn_unused_result]] enum store_result store_certificate_correct(
    struct store_writer *writer, const struct certificate *certificate);
/* Copies the revocation of a certificate to the other rows that older versions made of the same one. */
[[gnu::warn_unused_result]] enum store_result store_certificate_revoke_twins(
    struct store_writer *writer, const struct certificate *certificate);
/* An issuer with certificates to revoke. */
struct revocation_queue {
    int64_t identity_id;
    const char *issuer;
};
/* Returns the next such issuer behind the identity `after` (0 to begin). STORE_NOT_FOUND when there is
 * none. */
[[gnu::warn_unused_result]] enum store_result store_revocation_queue_after(struct store_reader *reader,
                                                                           struct arena *arena, int64_t after,
                                                                           struct revocation_queue *out);
/* Reads ids of an issuer's certificates whose revocation, or its correction, is requested, unconfirmed and
 * due. */
[[gnu::warn_unused_result]] enum store_result store_revocations_due(struct store_reader *reader,
                                                                    int64_t identity_id, int64_t now,
                                                                    int64_t *ids, size_t max, size_t *count);

/* STORE_OK when this issuer has been asked to sign before, with any root. */
[[gnu::warn_unused_result]] enum store_result store_issuer_known(struct store_reader *reader,
                                                                 const char *issuer);
