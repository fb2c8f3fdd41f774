/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts, authorizations, orders, certificates and attempts: loaded into the caller's arena, saved from the
 * objects of acme/objects.h. Each function's SQL stands next to it in
 * store/{accounts,authorizations,orders,…}.c. Functions that write are called only inside `apply`.
 */
#pragma once

#include "acme/cause.h"
#include "acme/eab.h"
#include "acme/event.h"
#include "acme/migration.h"
#include "acme/objects.h"
#include "acme/pki/root_rotation.h"
#include "acme/renewal.h"
#include "store/store.h"

/* ---- accounts.c ---- */

[[gnu::warn_unused_result]] enum store_result store_account_load(struct store_reader *reader,
                                                                 struct arena *arena, int64_t id,
                                                                 struct account *out);
[[gnu::warn_unused_result]] enum store_result store_account_by_key(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   const char *thumbprint,
                                                                   struct account *out);
/* Valid accounts of the endpoint that were made without an external account key. Reads them all. */
[[gnu::warn_unused_result]] enum store_result store_accounts_without_key(struct store_reader *reader,
                                                                         const char *endpoint,
                                                                         int64_t *count);
/* Sets id. */
[[gnu::warn_unused_result]] enum store_result store_account_insert(struct store_writer *writer,
                                                                   struct account *account);
/* With the id that it has. */
[[gnu::warn_unused_result]] enum store_result store_account_insert_as(struct store_writer *writer,
                                                                      const struct account *account);
/* Of all endpoints, by id, those above `after`. */
[[gnu::warn_unused_result]] enum store_result store_accounts_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct account *out, size_t max,
                                                                   size_t *count);
/* Contacts, terms and status; STORE_LOST_RACE unless it is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update(struct store_writer *writer,
                                                                   const struct account *account);

/* Key, thumbprint and key_changed_at; STORE_LOST_RACE unless it is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update_key(struct store_writer *writer,
                                                                       const struct account *account);

/* ---- eab_keys.c ---- */

[[gnu::warn_unused_result]] enum store_result store_eab_key_load(struct store_reader *reader,
                                                                 struct arena *arena, int64_t id,
                                                                 struct eab_key *out);
[[gnu::warn_unused_result]] enum store_result store_eab_key_by_kid(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   const char *kid, struct eab_key *out);
/* Sets id. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert(struct store_writer *writer,
                                                                   struct arena *arena, struct eab_key *key);
/* With the id, uses and end that it has. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert_as(struct store_writer *writer,
                                                                      struct arena *arena,
                                                                      const struct eab_key *key);
/* What it lost since: the greater number of uses, and the end where only one side has it. STORE_LOST_RACE
 * when nothing is new. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_merge(struct store_writer *writer,
                                                                  const struct eab_key *key);
/* Of all endpoints, by id, those above `after`. */
[[gnu::warn_unused_result]] enum store_result store_eab_keys_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct eab_key *out, size_t max,
                                                                   size_t *count);
/* Counts a use; STORE_LOST_RACE when it is used up or revoked. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_use(struct store_writer *writer, int64_t id);
/* STORE_LOST_RACE when it is revoked already. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_revoke(struct store_writer *writer, int64_t id,
                                                                   int64_t now);

/* ---- account_import.c: what an export brings back (acme/account_export.h) ---- */

enum import_outcome {
    IMPORT_ADDED = 1,
    IMPORT_ENDED,   /* it is here; the export knows of its end, and that holds now */
    IMPORT_CHANGED, /* it is here; the export knows of a newer key of the account, or of more uses */
    IMPORT_PRESENT, /* nothing to do */
    IMPORT_REFUSED, /* nothing was written */
};
struct import_result {
    enum import_outcome outcome;
    bool lacking; /* the database lacks what the line says: also where that was refused for what is in its way
                   */
    const char *why; /* of a refusal, in the arena */
};

/* Whether an account that is here as `present` has come further in an export: its end, a newer key. Reads
 * their statuses and key_changed_at alone. */
bool store_account_lags(const struct account *present, const struct account *exported);

/* What store_account_import would come to. Reads only. */
[[gnu::warn_unused_result]] enum store_result store_account_import_foresee(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const struct account *account,
                                                                           const char *eab_kid, int64_t now,
                                                                           struct import_result *out);
/*
 * Puts an account back under its id, bound to the external account key `eab_kid` (NULL: none), which must be
 * here. Refused: an id that is another's here or lies ahead of the clock, and a key that has another account
 * here.
 */
[[gnu::warn_unused_result]] enum store_result store_account_import(struct store_writer *writer,
                                                                   struct arena *arena,
                                                                   const struct account *account,
                                                                   const char *eab_kid, int64_t now,
                                                                   struct import_result *out);
/* The same two for an external account key. Refused, too: one whose kid belongs to another key here. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_import_foresee(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const struct eab_key *key,
                                                                           int64_t now,
                                                                           struct import_result *out);
[[gnu::warn_unused_result]] enum store_result store_eab_key_import(struct store_writer *writer,
                                                                   struct arena *arena,
                                                                   const struct eab_key *key, int64_t now,
                                                                   struct import_result *out);

/* ---- authorizations.c ---- */

[[gnu::warn_unused_result]] enum store_result store_authorization_load(struct store_reader *reader,
                                                                       struct arena *arena, int64_t id,
                                                                       struct authorization *out);
/* Sets id. STORE_REFUSED unless a new authorization may have this status. */
[[gnu::warn_unused_result]] enum store_result store_authorization_insert(struct store_writer *writer,
                                                                         struct authorization *authorization);
struct authorization_wanted {
    int64_t account_id;
    const char *name; /* without "*." */
    bool wildcard;
    bool subdomains; /* one that holds for the names below it, else either */
    bool proven;     /* one that is proven by a challenge of its own, else of any basis */
    int64_t until;   /* does not expire before */
};
/* A valid one: of several a proven one first, then the one that lasts longest. */
[[gnu::warn_unused_result]] enum store_result store_authorization_find_valid(
    struct store_reader *reader, struct arena *arena, const struct authorization_wanted *wanted,
    struct authorization *out);
/* Writes the status, the basis, the chosen challenge's fields and the error; STORE_LOST_RACE unless the row
 * still has the states `was` and `challenge_was` (0 for no chosen challenge). STORE_REFUSED when the new
 * states may not follow them (authorization_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_authorization_update(
    struct store_writer *writer, const struct authorization *authorization, enum authorization_status was,
    enum challenge_status challenge_was);
/* The next account behind `after` with a challenge in processing; STORE_NOT_FOUND: none. */
[[gnu::warn_unused_result]] enum store_result store_validation_queue_after(struct store_reader *reader,
                                                                           int64_t after,
                                                                           int64_t *account_id);
struct due_validation {
    int64_t id;       /* the authorization's */
    const char *name; /* its identifier */
};
/* Of one account: authorizations whose challenge is processing and due, oldest first, `max` at most. */
[[gnu::warn_unused_result]] enum store_result store_validations_due(struct store_reader *reader,
                                                                    struct arena *arena, int64_t account_id,
                                                                    int64_t now, size_t max,
                                                                    struct due_validation **out,
                                                                    size_t *count);
/* Orders that rest on it and are pending or ready: their ids. */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting_on(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      int64_t authorization_id, int64_t **ids,
                                                                      size_t *count);

/* The valid ones that rest on another (RFC 9444). */
[[gnu::warn_unused_result]] enum store_result store_authorizations_inherited(struct store_reader *reader,
                                                                             struct arena *arena,
                                                                             int64_t parent_id, int64_t now,
                                                                             struct authorization **out,
                                                                             size_t *count);

/* ---- orders.c ---- */

[[gnu::warn_unused_result]] enum store_result store_order_load(struct store_reader *reader,
                                                               struct arena *arena, int64_t id,
                                                               struct order *out);
/* Sets id; writes identifiers and authorization_ids. STORE_REFUSED unless a new order may be so. */
[[gnu::warn_unused_result]] enum store_result store_order_insert(struct store_writer *writer,
                                                                 struct order *order);
/* Writes status, status_since, csr, processing_since, next_attempt_at, attempt_count, certificate_id and
 * error; STORE_LOST_RACE unless the row is still `was`. STORE_REFUSED when the new status may not follow
 * `was` (order_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_order_update(struct store_writer *writer,
                                                                 const struct order *order,
                                                                 enum order_status was);
/* The profiles that orders in processing have, one after the other: the first one after `after` ("" to
 * begin). STORE_NOT_FOUND when there is none. */
[[gnu::warn_unused_result]] enum store_result store_order_queue_after(struct store_reader *reader,
                                                                      struct arena *arena, const char *after,
                                                                      const char **profile);
/* Ids of a profile's orders that are in processing and due, in the order in which they became so. */
[[gnu::warn_unused_result]] enum store_result store_orders_due(struct store_reader *reader,
                                                               const char *profile, int64_t now, int64_t *ids,
                                                               size_t max, size_t *count);
/* Ids of orders that have been in processing since `since` or longer, the longest first. */
[[gnu::warn_unused_result]] enum store_result store_orders_processing_since(struct store_reader *reader,
                                                                            int64_t since, int64_t *ids,
                                                                            size_t max, size_t *count);
/* Newest first; those with an id below `before` (0: from the newest). */
[[gnu::warn_unused_result]] enum store_result store_orders_of_account(struct store_reader *reader,
                                                                      int64_t account_id, int64_t before,
                                                                      int64_t *ids, size_t max,
                                                                      size_t *count);

/* The valid order that replaced the certificate of this identifier (RFC 9773): one of this account, or one of
 * any account that proved all of its names. */
[[gnu::warn_unused_result]] enum store_result store_order_that_replaced(struct store_reader *reader,
                                                                        const char *replaces,
                                                                        int64_t account_id, int64_t *id);

/* ---- attempts.c ---- */

/* Sets id; status must be ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_insert(struct store_writer *writer,
                                                                   struct attempt *attempt);
/* status, ended_at, http_status, message. */
[[gnu::warn_unused_result]] enum store_result store_attempt_end(struct store_writer *writer,
                                                                const struct attempt *attempt);
/* No call was made for it: STORE_LOST_RACE unless it is ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_withdraw(struct store_writer *writer, int64_t id);
/* At start: attempts that a stopped server left without an answer become ATTEMPT_UNKNOWN, and their orders
 * due at once. Returns the attempts' number. */
[[gnu::warn_unused_result]] enum store_result store_attempts_mark_unknown(struct store_writer *writer,
                                                                          int64_t now, int64_t *count);
[[gnu::warn_unused_result]] enum store_result store_attempts_of_order(struct store_reader *reader,
                                                                      struct arena *arena, int64_t order_id,
                                                                      struct attempt **out, size_t *count);

/* ---- certificates.c ---- */

/* Sets id; the chain is stored once however many certificates share it; names are indexed for look-up. One
 * that was imported from the CA's log before its answer came here is taken over. STORE_KNOWN, and nothing
 * done, when the certificate is there already, under whichever issuer, or its issuer has another one with
 * this serial number. */
[[gnu::warn_unused_result]] enum store_result store_certificate_insert(struct store_writer *writer,
                                                                       struct certificate *certificate,
                                                                       const struct identifier *identifiers,
                                                                       size_t identifier_count);
[[gnu::warn_unused_result]] enum store_result store_certificate_load(struct store_reader *reader,
                                                                     struct arena *arena, int64_t id,
                                                                     struct certificate *out);
/* The certificate that the leaf is (certificate_is_same), under whichever issuer it stands. Older versions
 * could make several rows of one: then the row that an account has, else the oldest. */
[[gnu::warn_unused_result]] enum store_result store_certificate_by_leaf(struct store_reader *reader,
                                                                        struct arena *arena,
                                                                        const char *serial, struct bytes leaf,
                                                                        struct certificate *out);
/* Those of a serial: one for each CA that happens to have given it out. Those that accounts have come first,
 * then by age. */
[[gnu::warn_unused_result]] enum store_result store_certificates_by_serial(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const char *serial,
                                                                           struct certificate **out,
                                                                           size_t *count);
/* The chains of an issuer's certificates that have neither ended nor been revoked, each with the leaf that
 * ends last. */
[[gnu::warn_unused_result]] enum store_result store_live_chains(struct store_reader *reader,
                                                                struct arena *arena, const char *issuer,
                                                                int64_t now, struct live_chain **out,
                                                                size_t *count);
/* True in `out` when the account has had a certificate that is still in the inventory. */
[[gnu::warn_unused_result]] enum store_result store_account_has_certificate(struct store_reader *reader,
                                                                            int64_t account_id, bool *out);

/* The newest chain's id, 0 for none: it changes when certificates come with another chain. */
[[gnu::warn_unused_result]] enum store_result store_newest_chain(struct store_reader *reader, int64_t *id);

/* The chains that certificates have come with, as PEM, the twenty newest. */
[[gnu::warn_unused_result]] enum store_result store_chains(struct store_reader *reader, struct arena *arena,
                                                           struct bytes **out, size_t *count);
/* status, the revocation_* fields and revoked_at; STORE_LOST_RACE when it is already revoked. */
[[gnu::warn_unused_result]] enum store_result store_certificate_update(struct store_writer *writer,
                                                                       const struct certificate *certificate);
/* revocation_reason, correction_*, and the attempts, of one that is revoked; STORE_LOST_RACE when it is not.
 */
[[gnu::warn_unused_result]] enum store_result store_certificate_correct(
    struct store_writer *writer, const struct certificate *certificate);
/* Copies the revocation of a certificate to the other rows that older versions made of the same one. */
[[gnu::warn_unused_result]] enum store_result store_certificate_revoke_twins(
    struct store_writer *writer, const struct certificate *certificate);
/* An issuer whose certificates are to be revoked. */
struct revocation_queue {
    int64_t identity_id;
    const char *issuer;
};
/* Such issuers, one after the other: the first one after the identity `after` (0 to begin). STORE_NOT_FOUND
 * when there is none. */
[[gnu::warn_unused_result]] enum store_result store_revocation_queue_after(struct store_reader *reader,
                                                                           struct arena *arena, int64_t after,
                                                                           struct revocation_queue *out);
/* Ids of an issuer's certificates whose revocation, or its correction, was asked for, is not confirmed and is
 * due. */
[[gnu::warn_unused_result]] enum store_result store_revocations_due(struct store_reader *reader,
                                                                    int64_t identity_id, int64_t now,
                                                                    int64_t *ids, size_t max, size_t *count);

/* STORE_OK when this issuer has been asked to sign before, whatever its root was. */
[[gnu::warn_unused_result]] enum store_result store_issuer_known(struct store_reader *reader,
                                                                 const char *issuer);

/* ---- names.c ---- */

/* The certificates of all names, rejected ones left out, by name and id: the first `max` of them after
 * `after`, which is NULL for the beginning. */
[[gnu::warn_unused_result]] enum store_result store_name_certificates(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      const struct name_certificate *after,
                                                                      struct name_certificate *out,
                                                                      size_t max, size_t *count);

/* ---- issuer_overrides.c: issuers as the administration wants them, in the place of the file's sections ----
 */

struct issuer_override {
    const char *issuer;
    struct bytes sealed; /* its section, with a key that is not in the database */
    int64_t changed_at;
    const char *changed_by;
};
/* All of them, by id. */
[[gnu::warn_unused_result]] enum store_result store_issuer_overrides(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     struct issuer_override **out,
                                                                     size_t *count);
/* New, or in the place of what there is. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_put(
    struct store_writer *writer, const struct issuer_override *override);
/* STORE_NOT_FOUND when there is none. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_delete(struct store_writer *writer,
                                                                           const char *issuer);

/* ---- revocation_lists.c ---- */

struct revocation_list_row {
    const char *issuer;
    const char *root_fingerprint;
    int64_t fetched_at;
    int64_t next_update;
    struct bytes crl;       /* DER */
    struct bytes chain_pem; /* the certificate that signed it, and what is above it */
};
/* Those kept under this issuer's id, whatever its first root was then; the one fetched last comes first. */
[[gnu::warn_unused_result]] enum store_result store_revocation_lists_load(struct store_reader *reader,
                                                                          struct arena *arena,
                                                                          const char *issuer,
                                                                          struct revocation_list_row **out,
                                                                          size_t *count);
/* In the place of the one before. */
[[gnu::warn_unused_result]] enum store_result store_revocation_list_save(
    struct store_writer *writer, const struct revocation_list_row *row);

/* ---- early_renewals.c: what operators want to see renewed before its time ---- */

struct early_renewal_order {
    const char *scope;     /* "all", "issuer:main", "serial:1a2b" */
    int64_t issued_before; /* unix seconds */
    struct early_renewal window;
    int64_t created_at;
};
[[gnu::warn_unused_result]] enum store_result store_early_renewal_insert(
    struct store_writer *writer, const struct early_renewal_order *order);
/* The latest that covers the certificate. */
[[gnu::warn_unused_result]] enum store_result store_early_renewal_of(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     const struct certificate *certificate,
                                                                     struct early_renewal *out);

/* ---- waiting.c: how much of what is under way or open there is, for operators; none reads more than that
 * ---- */

/* A profile's orders in processing, and since when the oldest of them has been (0: none). */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting(struct store_reader *reader,
                                                                   const char *profile, int64_t *count,
                                                                   int64_t *oldest);
/* Authorizations whose challenge is processing. */
[[gnu::warn_unused_result]] enum store_result store_validations_waiting(struct store_reader *reader,
                                                                        int64_t *count);
/* Revocations of an issuer's certificates, whatever its root was, that were asked for and are not confirmed.
 */
[[gnu::warn_unused_result]] enum store_result store_revocations_waiting(struct store_reader *reader,
                                                                        const char *issuer, int64_t *count);
/* Attempts at an issuer whose answer nobody knows. */
[[gnu::warn_unused_result]] enum store_result store_attempts_unknown(struct store_reader *reader,
                                                                     const char *issuer, int64_t *count);

/* ---- events.c: the audit trail ---- */

struct event {
    int64_t at; /* unix seconds */
    enum event_type type;
    int64_t account_id; /* 0 where it does not apply */
    int64_t order_id;
    int64_t authorization_id;
    int64_t certificate_id;
    const char *actor;  /* "client 192.0.2.7", "gateway", "operator" */
    const char *detail; /* plain words or NULL */
    enum cause cause;   /* of what does not go on; CAUSE_NONE where nothing is wrong */
    const char *names;  /* that a refused request asked for, ", " between them; NULL where the ids tell */
};
[[gnu::warn_unused_result]] enum store_result store_event_insert(struct store_writer *writer,
                                                                 const struct event *event);

struct event_row {
    int64_t id;
    const char *type_name; /* as it is stored: other versions have types that this one does not know */
    struct event event;
};
/* The timeline of an order, its authorizations and its certificate, oldest first. */
[[gnu::warn_unused_result]] enum store_result store_events_of_order(struct store_reader *reader,
                                                                    struct arena *arena, int64_t order_id,
                                                                    struct event_row **out, size_t *count);

/* The one that the newest event of a certificate tells; STORE_NOT_FOUND: none does. */
[[gnu::warn_unused_result]] enum store_result store_cause_of_certificate(struct store_reader *reader,
                                                                         int64_t certificate_id,
                                                                         enum cause *out);

/* The newest event of a refused request that asked for `name` (as an identifier), with an id above `after`.
 */
[[gnu::warn_unused_result]] enum store_result store_event_of_name(struct store_reader *reader,
                                                                  struct arena *arena, const char *name,
                                                                  int64_t after, struct event_row *out);

/* Orders that named `name` (as an identifier), newest first: for `acmegate explain`. */
[[gnu::warn_unused_result]] enum store_result store_orders_of_name(struct store_reader *reader,
                                                                   const char *name, int64_t *ids, size_t max,
                                                                   size_t *count);

/* ---- listing.c: the views for people (docs/sql.md), for commands ---- */

enum listing { LISTING_ACCOUNTS, LISTING_EAB_KEYS, LISTING_ORDERS, LISTING_CERTIFICATES };

/* NULL and 0: any. */
struct listing_filter {
    int64_t id;     /* this one alone */
    int64_t before; /* ids below it */
    const char *endpoint;
    const char *state;  /* as the view has it */
    const char *name;   /* as it was ordered; of orders and certificates */
    const char *serial; /* of certificates */
    int64_t account;    /* whose orders or certificates */
};

struct listing_value {
    const char *column;
    const char *text; /* as SQLite writes it; NULL for NULL */
    bool is_number;
};

/* Rows, newest first, `max` at most; the values live until `each` returns. */
[[gnu::warn_unused_result]] enum store_result store_listing(
    struct store_reader *reader, enum listing listing, const struct listing_filter *filter, size_t max,
    void (*each)(void *context, const struct listing_value *values, size_t count), void *context);
