/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts, authorizations, orders, certificates and attempts, loaded into the caller's arena and saved from
 * the objects of acme/objects.h. Each function's SQL is next to it in
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
/* Counts the endpoint's valid accounts without an external account key. It reads them all. */
[[gnu::warn_unused_result]] enum store_result store_accounts_without_key(struct store_reader *reader,
                                                                         const char *endpoint,
                                                                         int64_t *count);
/* Inserts an account and sets its id. */
[[gnu::warn_unused_result]] enum store_result store_account_insert(struct store_writer *writer,
                                                                   struct account *account);
/* Inserts an account with its present id. */
[[gnu::warn_unused_result]] enum store_result store_account_insert_as(struct store_writer *writer,
                                                                      const struct account *account);
/* Reads the accounts of all endpoints with ids above `after`, by id. */
[[gnu::warn_unused_result]] enum store_result store_accounts_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct account *out, size_t max,
                                                                   size_t *count);
/* Writes contacts, terms and status. STORE_LOST_RACE unless the account is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update(struct store_writer *writer,
                                                                   const struct account *account);

/* Writes key, thumbprint and key_changed_at. STORE_LOST_RACE unless the account is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update_key(struct store_writer *writer,
                                                                       const struct account *account);

/* ---- eab_keys.c ---- */

[[gnu::warn_unused_result]] enum store_result store_eab_key_load(struct store_reader *reader,
                                                                 struct arena *arena, int64_t id,
                                                                 struct eab_key *out);
[[gnu::warn_unused_result]] enum store_result store_eab_key_by_kid(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   const char *kid, struct eab_key *out);
/* Inserts a key and sets its id. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert(struct store_writer *writer,
                                                                   struct arena *arena, struct eab_key *key);
/* Inserts a key with its present id, uses and end. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert_as(struct store_writer *writer,
                                                                      struct arena *arena,
                                                                      const struct eab_key *key);
/* Merges an imported key into the row: the greater number of uses, and an end that only one side has.
 * STORE_LOST_RACE when nothing is new. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_merge(struct store_writer *writer,
                                                                  const struct eab_key *key);
/* Reads the keys of all endpoints with ids above `after`, by id. */
[[gnu::warn_unused_result]] enum store_result store_eab_keys_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct eab_key *out, size_t max,
                                                                   size_t *count);
/* Counts a use; STORE_LOST_RACE when it is used up or revoked. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_use(struct store_writer *writer, int64_t id);
/* Revokes the key. STORE_LOST_RACE when it is revoked already. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_revoke(struct store_writer *writer, int64_t id,
                                                                   int64_t now);

/* ---- account_import.c: what an export brings back (acme/account_export.h) ---- */

enum import_outcome {
    IMPORT_ADDED = 1,
    IMPORT_ENDED,   /* it is here; the export has its end, which applies now */
    IMPORT_CHANGED, /* it is here; the export has a newer key of the account, or more uses */
    IMPORT_PRESENT, /* nothing to do */
    IMPORT_REFUSED, /* nothing was written */
};
struct import_result {
    enum import_outcome outcome;
    bool lacking;    /* the database lacks the content of the line, even if a conflict prevents the import */
    const char *why; /* of a refusal, in the arena */
};

/* True when the export has a later state of an account that is here as `present`: its end, or a newer key. It
 * reads only their statuses and key_changed_at. */
bool store_account_lags(const struct account *present, const struct account *exported);

/* Returns what store_account_import would do. Reads only. */
[[gnu::warn_unused_result]] enum store_result store_account_import_foresee(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const struct account *account,
                                                                           const char *eab_kid, int64_t now,
                                                                           struct import_result *out);
/*
 * Restores an account under its id, bound to the external account key `eab_kid` (NULL: none), which must be
 * here. Refused: an id that another object has or that is ahead of the clock, and a key that has another
 * account here.
 */
[[gnu::warn_unused_result]] enum store_result store_account_import(struct store_writer *writer,
                                                                   struct arena *arena,
                                                                   const struct account *account,
                                                                   const char *eab_kid, int64_t now,
                                                                   struct import_result *out);
/* The same two for an external account key. A key whose kid belongs to another key here is refused, too. */
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
/* Inserts an authorization and sets its id. STORE_REFUSED unless a new authorization may have this status. */
[[gnu::warn_unused_result]] enum store_result store_authorization_insert(struct store_writer *writer,
                                                                         struct authorization *authorization);
struct authorization_wanted {
    int64_t account_id;
    const char *name; /* without "*." */
    bool wildcard;
    bool subdomains; /* it must cover the names below it; else either */
    bool proven;     /* it must be proven by a challenge of its own; else any basis */
    int64_t until;   /* it must not expire before */
};
/* Finds a valid authorization. Of several it prefers a proven one, then the one that lasts longest. */
[[gnu::warn_unused_result]] enum store_result store_authorization_find_valid(
    struct store_reader *reader, struct arena *arena, const struct authorization_wanted *wanted,
    struct authorization *out);
/* Writes the status, the basis, the chosen challenge's fields and the error; STORE_LOST_RACE unless the row
 * still has the states `was` and `challenge_was` (0 for no chosen challenge). STORE_REFUSED when the new
 * states may not follow them (authorization_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_authorization_update(
    struct store_writer *writer, const struct authorization *authorization, enum authorization_status was,
    enum challenge_status challenge_was);
/* Returns the next account behind `after` with a challenge in processing. STORE_NOT_FOUND: none. */
[[gnu::warn_unused_result]] enum store_result store_validation_queue_after(struct store_reader *reader,
                                                                           int64_t after,
                                                                           int64_t *account_id);
struct due_validation {
    int64_t id;       /* the authorization's */
    const char *name; /* its identifier */
};
/* Reads an account's authorizations whose challenge is processing and due, oldest first, at most `max`. */
[[gnu::warn_unused_result]] enum store_result store_validations_due(struct store_reader *reader,
                                                                    struct arena *arena, int64_t account_id,
                                                                    int64_t now, size_t max,
                                                                    struct due_validation **out,
                                                                    size_t *count);
/* Reads the ids of orders that rest on the authorization and are pending or ready. */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting_on(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      int64_t authorization_id, int64_t **ids,
                                                                      size_t *count);

/* Reads the valid authorizations that rest on another (RFC 9444). */
[[gnu::warn_unused_result]] enum store_result store_authorizations_inherited(struct store_reader *reader,
                                                                             struct arena *arena,
                                                                             int64_t parent_id, int64_t now,
                                                                             struct authorization **out,
                                                                             size_t *count);

/* ---- orders.c ---- */

[[gnu::warn_unused_result]] enum store_result store_order_load(struct store_reader *reader,
                                                               struct arena *arena, int64_t id,
                                                               struct order *out);
/* Inserts an order and sets its id; writes identifiers and authorization_ids. STORE_REFUSED unless a new
 * order may have this status. */
[[gnu::warn_unused_result]] enum store_result store_order_insert(struct store_writer *writer,
                                                                 struct order *order);
/* Writes status, status_since, csr, processing_since, next_attempt_at, attempt_count, certificate_id and
 * error; STORE_LOST_RACE unless the row is still `was`. STORE_REFUSED when the new status may not follow
 * `was` (order_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_order_update(struct store_writer *writer,
                                                                 const struct order *order,
                                                                 enum order_status was);
/* Returns the next profile behind `after` ("" to begin) with orders in processing. STORE_NOT_FOUND when there
 * is none. */
[[gnu::warn_unused_result]] enum store_result store_order_queue_after(struct store_reader *reader,
                                                                      struct arena *arena, const char *after,
                                                                      const char **profile);
/* Reads ids of a profile's orders that are in processing and due, in the order in which they became due. */
[[gnu::warn_unused_result]] enum store_result store_orders_due(struct store_reader *reader,
                                                               const char *profile, int64_t now, int64_t *ids,
                                                               size_t max, size_t *count);
/* Reads ids of orders that have been in processing since `since` or longer, the longest first. */
[[gnu::warn_unused_result]] enum store_result store_orders_processing_since(struct store_reader *reader,
                                                                            int64_t since, int64_t *ids,
                                                                            size_t max, size_t *count);
/* Reads ids of an account's orders, newest first, below `before` (0: from the newest). */
[[gnu::warn_unused_result]] enum store_result store_orders_of_account(struct store_reader *reader,
                                                                      int64_t account_id, int64_t before,
                                                                      int64_t *ids, size_t max,
                                                                      size_t *count);

/* Finds the valid order that replaced the certificate of this identifier (RFC 9773): one of this account, or
 * of any account that proved all of its names. */
[[gnu::warn_unused_result]] enum store_result store_order_that_replaced(struct store_reader *reader,
                                                                        const char *replaces,
                                                                        int64_t account_id, int64_t *id);

/* ---- attempts.c ---- */

/* Inserts an attempt and sets its id. Its status must be ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_insert(struct store_writer *writer,
                                                                   struct attempt *attempt);
/* Writes status, ended_at, http_status and message. */
[[gnu::warn_unused_result]] enum store_result store_attempt_end(struct store_writer *writer,
                                                                const struct attempt *attempt);
/* Removes an attempt for which no call was made. STORE_LOST_RACE unless it is ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_withdraw(struct store_writer *writer, int64_t id);
/* Marks attempts that a stopped server left without an answer as ATTEMPT_UNKNOWN, at a start. Their orders
 * are due at once. Returns the number of attempts. */
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

/* ---- names.c ---- */

/* Reads the certificates of all names, without rejected ones, by name and id: the first `max` behind `after`,
 * which is NULL to begin. */
[[gnu::warn_unused_result]] enum store_result store_name_certificates(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      const struct name_certificate *after,
                                                                      struct name_certificate *out,
                                                                      size_t max, size_t *count);

/* ---- issuer_overrides.c: issuers set by the admin API, instead of the file's sections ---- */

struct issuer_override {
    const char *issuer;
    struct bytes sealed; /* its section, sealed with a key that is not in the database */
    int64_t changed_at;
    const char *changed_by;
};
/* Reads all overrides, by id. */
[[gnu::warn_unused_result]] enum store_result store_issuer_overrides(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     struct issuer_override **out,
                                                                     size_t *count);
/* Inserts an override, or replaces the existing one. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_put(
    struct store_writer *writer, const struct issuer_override *override);
/* Deletes an override. STORE_NOT_FOUND when there is none. */
[[gnu::warn_unused_result]] enum store_result store_issuer_override_delete(struct store_writer *writer,
                                                                           const char *issuer);

/* ---- revocation_lists.c ---- */

struct revocation_list_row {
    const char *issuer;
    const char *root_fingerprint;
    int64_t fetched_at;
    int64_t next_update;
    struct bytes crl;       /* DER */
    struct bytes chain_pem; /* the certificate that signed it, and the chain above it */
};
/* Reads the lists under this issuer's id, with any first root. The one fetched last comes first. */
[[gnu::warn_unused_result]] enum store_result store_revocation_lists_load(struct store_reader *reader,
                                                                          struct arena *arena,
                                                                          const char *issuer,
                                                                          struct revocation_list_row **out,
                                                                          size_t *count);
/* Replaces the previous list. */
[[gnu::warn_unused_result]] enum store_result store_revocation_list_save(
    struct store_writer *writer, const struct revocation_list_row *row);

/* ---- early_renewals.c: renewals that operators request before their time ---- */

struct early_renewal_order {
    const char *scope;     /* "all", "issuer:main", "serial:1a2b" */
    int64_t issued_before; /* unix seconds */
    struct early_renewal window;
    int64_t created_at;
};
[[gnu::warn_unused_result]] enum store_result store_early_renewal_insert(
    struct store_writer *writer, const struct early_renewal_order *order);
/* Returns the latest request that covers the certificate. */
[[gnu::warn_unused_result]] enum store_result store_early_renewal_of(struct store_reader *reader,
                                                                     struct arena *arena,
                                                                     const struct certificate *certificate,
                                                                     struct early_renewal *out);

/* ---- waiting.c: counts of waiting work, for operators; each reads only those rows ---- */

/* Counts a profile's orders in processing. `oldest` is the time since which the oldest has been so (0:
 * none). */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting(struct store_reader *reader,
                                                                   const char *profile, int64_t *count,
                                                                   int64_t *oldest);
/* Counts authorizations whose challenge is processing. */
[[gnu::warn_unused_result]] enum store_result store_validations_waiting(struct store_reader *reader,
                                                                        int64_t *count);
/* Counts requested, unconfirmed revocations of an issuer's certificates, with any root. */
[[gnu::warn_unused_result]] enum store_result store_revocations_waiting(struct store_reader *reader,
                                                                        const char *issuer, int64_t *count);
/* Counts attempts at an issuer with an unknown outcome. */
[[gnu::warn_unused_result]] enum store_result store_attempts_unknown(struct store_reader *reader,
                                                                     const char *issuer, int64_t *count);

/* ---- events.c: the audit trail ---- */

struct event {
    int64_t at; /* unix seconds */
    enum event_type type;
    int64_t account_id; /* 0 when it does not apply */
    int64_t order_id;
    int64_t authorization_id;
    int64_t certificate_id;
    const char *actor;  /* "client 192.0.2.7", "gateway", "operator" */
    const char *detail; /* words for people, or NULL */
    enum cause cause;   /* why work stopped; CAUSE_NONE when nothing is wrong */
    const char *names;  /* requested by a refused request, ", " between them; NULL when the ids identify
                         * them */
};
[[gnu::warn_unused_result]] enum store_result store_event_insert(struct store_writer *writer,
                                                                 const struct event *event);

struct event_row {
    int64_t id;
    const char *type_name; /* as stored: other versions have types that this one does not know */
    struct event event;
};
/* Reads the events of an order, its authorizations and its certificate, oldest first. */
[[gnu::warn_unused_result]] enum store_result store_events_of_order(struct store_reader *reader,
                                                                    struct arena *arena, int64_t order_id,
                                                                    struct event_row **out, size_t *count);

/* Returns the cause of a certificate's newest event. STORE_NOT_FOUND: none has a cause. */
[[gnu::warn_unused_result]] enum store_result store_cause_of_certificate(struct store_reader *reader,
                                                                         int64_t certificate_id,
                                                                         enum cause *out);

/* Finds the newest event of a refused request for `name` (as an identifier), with an id above `after`. */
[[gnu::warn_unused_result]] enum store_result store_event_of_name(struct store_reader *reader,
                                                                  struct arena *arena, const char *name,
                                                                  int64_t after, struct event_row *out);

/* Reads ids of orders with `name` (as an identifier), newest first, for `acmegate explain`. */
[[gnu::warn_unused_result]] enum store_result store_orders_of_name(struct store_reader *reader,
                                                                   const char *name, int64_t *ids, size_t max,
                                                                   size_t *count);

/* ---- listing.c: the views for people (docs/sql.md), for commands ---- */

enum listing { LISTING_ACCOUNTS, LISTING_EAB_KEYS, LISTING_ORDERS, LISTING_CERTIFICATES };

/* NULL and 0: any. */
struct listing_filter {
    int64_t id;     /* only this one */
    int64_t before; /* ids below it */
    const char *endpoint;
    const char *state;  /* in the words of the view */
    const char *name;   /* as ordered; for orders and certificates */
    const char *serial; /* for certificates */
    int64_t account;    /* owner of the orders or certificates */
};

struct listing_value {
    const char *column;
    const char *text; /* in SQLite's form; NULL for NULL */
    bool is_number;
};

/* Calls `each` for the rows, newest first, at most `max`. The values live until `each` returns. */
[[gnu::warn_unused_result]] enum store_result store_listing(
    struct store_reader *reader, enum listing listing, const struct listing_filter *filter, size_t max,
    void (*each)(void *context, const struct listing_value *values, size_t count), void *context);
