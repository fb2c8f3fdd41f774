/*
 * The work behind challenges, orders and revocations, on the outbound thread. It is derived from the
 * database: what is in processing and due is taken, on wake-up and each second, after a restart the same way.
 */
#pragma once

#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

/* Borrowed for the work's life. */
struct work_parts {
    const struct config *config;
    struct store *store;
    struct outbound *outbound;
    struct issuers *issuers;
    /* Outbound thread: a reply that waits for this object may go. */
    void (*settled)(void *context, int64_t id);
    /* Outbound thread: this issuer's CA has confirmed that the leaf (DER) is revoked. */
    void (*revoked)(void *context, const char *issuer_id, struct bytes leaf);
    void *context;
};

/* NULL with `why`. Takes nothing up before work_begin. */
[[gnu::warn_unused_result]] struct work *work_new(const struct work_parts *parts, char why[static 256]);
void work_begin(struct work *work);

/* What may have become due, as bits: each kind costs a look into the database. */
enum work_due { WORK_DUE_CHALLENGES = 1, WORK_DUE_ORDERS = 2, WORK_DUE_REVOCATIONS = 4 };

/* Any thread: something of these kinds was committed that may be due now. Cheap when already awake. */
void work_wake(struct work *work, unsigned due);

/* ---- work that goes straight on from its request, not read from the database again ---- */

struct work_item;

/*
 * An issuance that goes straight on from its finalize request: its first attempt is written in the
 * transaction that makes the order processing. Until it has ended, its order is due only after a lease, so
 * that a lost hand-over costs a minute.
 *
 * Any thread. Takes `csr`, the order's, checked. NULL, and `csr` freed, when there are too many already: the
 * order is then taken from the database. */
struct work_item *work_issuance_draft(struct work *work, X509_REQ *csr);

/*
 * Within finalize's `apply`, before the order is updated: `order` is processing as of now, its csr set.
 * Writes the attempt, and sets the order's attempt_count and next_attempt_at. STORE_NOT_FOUND, with nothing
 * written, when there is no attempt to make now (the issuer is failing, say): the order then waits in the
 * database.
 */
enum store_result work_issuance_write_attempt(struct work_item *draft, struct store_session *session,
                                              int64_t now, struct order *order);

/*
 * A validation that begins with its request. NULL when there are too many already. Where the outbound thread
 * has taken the challenge up meanwhile, or has no room, the draft is dropped.
 */
struct work_item *work_validation_draft(struct work *work, int64_t now,
                                        const struct authorization *authorization,
                                        const struct account *account);

/* Any thread, after the COMMIT. The item is the outbound thread's from here on. */
void work_hand_over(struct work_item *item);

/* A draft that is not handed over. NULL is ignored. */
void work_draft_drop(struct work_item *draft);

/* A certificate that nobody gets, asked for without an order: it is written down as rejected, and its
 * revocation is due. `chain` is DER, leaf first, and copied. Outbound thread. */
struct issuer;
void work_keep_rejected(struct work *work, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why);

/* Takes up nothing more, waits (bounded) for what is under way, and tells nobody about what ends later. */
void work_stop(struct work *work);

/* After outbound_stop and store_close, before issuers_stop: frees what was still under way. The database has
 * it, and the next start takes it up. NULL is ignored. */
void work_drop(struct work *work);

/* After work_drop. NULL is ignored. */
void work_free(struct work *work);
