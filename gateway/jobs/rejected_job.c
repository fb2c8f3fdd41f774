/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that were asked for without an order, for the server itself, and do not fit. */
#include "acme/certificate.h"
#include "gateway/jobs/jobs_internal.h"
#include "gateway/runtime/log.h"

struct rejected_state {
    struct certificate certificate;
    struct certificate_facts facts;
};

/* A row that is there already stays as it is. */
static enum store_apply_result apply_rejected(struct job *job, struct store_session *session)
{
    struct rejected_state *state = job->state;
    struct certificate *certificate = &state->certificate;
    enum store_result result = store_certificate_insert(session, certificate, state->facts.identifiers,
                                                        state->facts.identifier_count);
    if (result == STORE_NOT_FOUND)
        return STORE_APPLIED;
    METRICS_NOTE(&job->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(certificate->issuer));
    const struct event event = {.kind = "certificate.rejected",
                                .certificate_id = certificate->id,
                                .detail = certificate->rejected_because,
                                .cause = CAUSE_CERTIFICATE_MISFIT};
    if (result == STORE_OK)
        result = job_record(job, session, &event);
    return store_applied(result);
}

static void on_stored(struct job *job)
{
    struct jobs *jobs = job->jobs;
    job_draft_drop(job);
    jobs_wake(jobs, JOBS_DUE_REVOCATIONS);
}

void jobs_keep_rejected(struct jobs *jobs, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why)
{
    struct job *job = count == 0 ? NULL : job_draft(jobs, JOB_REVOCATION);
    if (job == NULL)
        return;
    struct rejected_state *state = arena_alloc(job->arena, sizeof(*state));
    *state = (struct rejected_state){0};
    job->state = state;
    struct bytes leaf = arena_copy(job->arena, chain[0]);
    if (!certificate_read_facts(job->arena, leaf, &state->facts)) {
        job_draft_drop(job);
        return;
    }
    state->certificate = (struct certificate){
        .issuer = arena_duplicate(job->arena, issuer->id),
        .root_fingerprint = arena_duplicate(job->arena, issuer->root_fingerprint),
        .serial = state->facts.serial,
        .leaf = leaf,
        .chain_pem = certificates_to_pem(job->arena, chain + 1, count - 1),
        .key_hash = bytes_of(state->facts.key_hash, sizeof(state->facts.key_hash)),
        .not_before = state->facts.not_before,
        .not_after = state->facts.not_after,
        .status = CERTIFICATE_REJECTED,
        .origin = CERTIFICATE_EXTERNAL,
        .created_at = job->now,
        .rejected_because = arena_duplicate(job->arena, why),
        .revocation_requested_at = job->now,
        .revocation_requested_by = "gateway",
        .revocation_next_attempt_at = job->now,
    };
    log_error("issuer %s: certificate %s is rejected, and revoked: %s", issuer->id, state->facts.serial, why);
    job_commit(job, apply_rejected, on_stored);
}
