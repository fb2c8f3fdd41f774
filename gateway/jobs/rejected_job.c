/* SPDX-License-Identifier: Apache-2.0 */
/* Records certificates that the server requested for itself, without an order, and rejected. */
#include "gateway/issuance/issuance_write.h"
#include "gateway/jobs/jobs_internal.h"
#include "gateway/runtime/log.h"
#include "store/events.h"

static enum store_result write_event(void *job, struct store_writer *writer, struct event *event)
{
    return job_record(job, writer, event);
}

/* An existing row stays unchanged. */
static enum store_apply_result apply_rejected(struct job *job, struct store_writer *writer)
{
    const struct issuance_record record = {
        .issued = job->state, .notes = &job->notes, .write_event = write_event, .context = job};
    enum store_result result = issuance_write(writer, &record);
    return result == STORE_KNOWN ? STORE_APPLIED : store_applied(result);
}

static void on_stored(struct job *job)
{
    struct jobs *jobs = job->jobs;
    job_end_apart(job);
    jobs_wake(jobs, JOBS_DUE_REVOCATIONS);
}

void jobs_keep_rejected(struct jobs *jobs, const struct issuer *issuer, const struct bytes *chain,
                        size_t count, const char *why)
{
    struct job *job = count == 0 ? NULL : job_draft(jobs, JOB_REVOCATION);
    if (job == NULL)
        return;
    struct arena *arena = job->arena;
    struct issued *issued = arena_alloc(arena, sizeof *issued);
    struct certificate *certificate = &issued->certificate;
    if (!issuance_read(arena, issuer, chain, count, job->now, issued)) {
        job_draft_drop(job);
        return;
    }
    issuance_reject(issued, arena_duplicate(arena, why), "gateway", job->now);
    certificate->issuer = arena_duplicate(arena, issuer->id);
    certificate->root_fingerprint = arena_duplicate(arena, issuer->root_fingerprint);
    certificate->leaf = arena_copy(arena, chain[0]);
    job->state = issued;
    log_error("issuer %s: certificate %s is rejected, and revoked: %s", issuer->id, issued->facts.serial,
              why);
    job_begin_apart(job);
    job_commit(job, apply_rejected, on_stored);
}
