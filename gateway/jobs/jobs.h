/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: the due work behind challenges, orders and revocations, on the outbound thread. It is derived from
 * the database: what is in processing and due is taken, on wake-up and each second, after a restart the same
 * way.
 */
#pragma once

#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

/* Borrowed for their life. */
struct jobs_parts {
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

/* NULL with `fault`. Takes nothing up before jobs_begin. */
[[gnu::warn_unused_result]] struct jobs *jobs_new(const struct jobs_parts *parts, struct fault *fault);
void jobs_begin(struct jobs *jobs);

/* What may have become due, as bits: each kind costs a look into the database. */
enum jobs_due { JOBS_DUE_CHALLENGES = 1, JOBS_DUE_ORDERS = 2, JOBS_DUE_REVOCATIONS = 4 };

/* Any thread: something of these kinds was committed that may be due now. Cheap when already awake. */
void jobs_wake(struct jobs *jobs, unsigned due);

/* ---- jobs that go straight on from its request, not read from the database again ---- */

struct job;

/*
 * An issuance that goes straight on from its finalize request: its first attempt is written in the
 * transaction that makes the order processing. Until it has ended, its order is due only after a lease, so
 * that a lost hand-over costs a minute.
 *
 * Any thread. Takes `csr`, the order's, checked. NULL, and `csr` freed, when there are too many already: the
 * order is then taken from the database. */
struct job *issuance_job_draft(struct jobs *jobs, X509_REQ *csr);

/*
 * Within finalize's `apply`, before the order is updated: `order` is processing as of now, its csr set.
 * Writes the attempt, and sets the order's attempt_count and next_attempt_at. STORE_NOT_FOUND, with nothing
 * written, when there is no attempt to make now (the issuer is failing, say): the order then waits in the
 * database.
 */
enum store_result issuance_job_write_attempt(struct job *draft, struct store_writer *writer, int64_t now,
                                             struct order *order);

/*
 * A validation that begins with its request. NULL when there are too many already. Where the outbound thread
 * has taken the challenge up meanwhile, or has no room, the draft is dropped.
 */
struct job *validation_job_draft(struct jobs *jobs, int64_t now, const struct authorization *authorization,
                                 const struct account *account);

/* Any thread, after the COMMIT. The job is the outbound thread's from here on. */
void job_hand_over(struct job *job);

/* A draft that is not handed over. NULL is ignored. */
void job_draft_drop(struct job *draft);

/* A certificate that nobody gets, asked for without an order: it is written down as rejected, and its
 * revocation is due. `chain` is DER, leaf first, and copied. Outbound thread. */
struct issuer;
void jobs_keep_rejected(struct jobs *jobs, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why);

/* Takes up nothing more, waits (bounded) for what is under way, and tells nobody about what ends later. */
void jobs_stop(struct jobs *jobs);

/* After outbound_stop and store_close, before issuers_stop: frees what was still under way. The database has
 * it, and the next start takes it up. NULL is ignored. */
void jobs_drop(struct jobs *jobs);

/* After jobs_drop. NULL is ignored. */
void jobs_free(struct jobs *jobs);
