/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: the due work of challenges, orders and revocations, on the outbound thread. It is derived from the
 * database: rows in processing that are due are taken up, on a wake-up and each second. After a restart it is
 * the same.
 */
#pragma once

#include "gateway/ca/issuers.h"
#include "gateway/config/config.h"
#include "gateway/loads/loads.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

/* Borrowed for their life. */
struct jobs_parts {
    const struct config *config;
    struct store *store;
    struct outbound *outbound;
    struct loads *loads;
    struct issuers *issuers;
    /* Outbound thread: a reply that waits for this object may go. */
    void (*settled)(void *context, int64_t id);
    /* Outbound thread: this issuer's CA has confirmed that the leaf (DER) is revoked. */
    void (*revoked)(void *context, const char *issuer_id, struct bytes leaf);
    void *context;
};

/* Takes nothing up before jobs_begin. Never NULL. */
[[gnu::warn_unused_result]] struct jobs *jobs_new(const struct jobs_parts *parts);
void jobs_begin(struct jobs *jobs);

/* The types of work that may have become due, as bits: each costs a query of the database. */
enum jobs_due { JOBS_DUE_CHALLENGES = 1, JOBS_DUE_ORDERS = 2, JOBS_DUE_REVOCATIONS = 4 };

/* Reports that work of these types was committed and may be due now. Any thread. Cheap when already awake. */
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
 * Writes the attempt of an order, and sets its attempt_count and next_attempt_at. Called within finalize's
 * `apply`, before the order is updated: `order` is processing as of now, its csr set. STORE_NOT_FOUND, with
 * nothing written, when no attempt can be made now (for instance, the issuer is failing). The order then
 * waits in the database.
 */
enum store_result issuance_job_write_attempt(struct job *draft, struct store_writer *writer, int64_t now,
                                             struct order *order);

/*
 * A validation that begins with its request. NULL when there are too many already. Where the outbound thread
 * has taken the challenge up meanwhile, or has no room, the draft is dropped.
 */
struct job *validation_job_draft(struct jobs *jobs, int64_t now, const struct authorization *authorization,
                                 const struct account *account);

/* Hands the job to the outbound thread, which owns it from now on. Any thread, after the COMMIT. */
void job_hand_over(struct job *job);

/* A draft that is not handed over. NULL is ignored. */
void job_draft_drop(struct job *draft);

/* A certificate that nobody gets, asked for without an order: it is written down as rejected, and its
 * revocation is due. `chain` is DER, leaf first, and copied. Outbound thread. */
struct issuer;
void jobs_keep_rejected(struct jobs *jobs, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why);

/* Takes up no more work and waits (bounded) for work in progress. Nobody is informed of work that ends
 * later. */
void jobs_stop(struct jobs *jobs);

/* Frees the jobs that were in progress, after loads_stop and store_close, before issuers_stop. The
 * database has their objects; the next start takes them up. NULL is ignored. */
void jobs_drop(struct jobs *jobs);

/* After jobs_drop. NULL is ignored. */
void jobs_free(struct jobs *jobs);
