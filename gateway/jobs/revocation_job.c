/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/jobs/job_look.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "store/certificates.h"
#include "store/events.h"

enum {
    RETRY_FIRST_S = 5,
    RETRY_MOST_S = 600,
    AWAY_RETRY_MOST_S =
        60, /* while the issuer is away: its health paces the tries, and it may return at any time */
    SET_ASIDE_RETRY_S = 24 * 3600,
    REFUSED_RETRY_S = 3600, /* the CA refused: an operator has to act */
};

struct revocation_work {
    struct certificate certificate;
    struct issuer_revoke_request request;
    enum event_type event_type;
    const char *event_detail;
    enum cause event_cause;
    const char *issuer; /* the issuer that is asked */
    int asked_reason;   /* the reason that is asked for */
    bool corrects;      /* the certificate is revoked, and another reason was requested */
};

/* Another reason may have been requested while the CA was called with this one. It comes next: as a
 * correction when the certificate is revoked by then. */
static enum store_result keep_reason_asked_since(struct job *job, struct store_reader *reader)
{
    struct revocation_work *state = job->state;
    struct certificate *certificate = &state->certificate;
    struct certificate now;
    enum store_result result = store_certificate_load(reader, job->arena, certificate->id, &now);
    if (result != STORE_OK)
        return result;
    int since = now.correction_asked ? now.correction_reason : now.revocation_reason;
    if (!revocation_reason_may_become(state->asked_reason, since))
        return STORE_OK;
    certificate->correction_asked = certificate->revoked_at != 0;
    certificate->correction_reason = since;
    if (!certificate->correction_asked)
        certificate->revocation_reason = since;
    certificate->revocation_next_attempt_at = job->now;
    return STORE_OK;
}

static enum store_result write_revocation(const struct revocation_work *state, struct store_writer *writer)
{
    const struct certificate *certificate = &state->certificate;
    enum store_result result = state->corrects ? STORE_OK : store_certificate_update(writer, certificate);
    return result == STORE_OK && (state->corrects || certificate->correction_asked)
               ? store_certificate_correct(writer, certificate)
               : result;
}

static enum store_apply_result apply_outcome(struct job *job, struct store_writer *writer)
{
    struct revocation_work *state = job->state;
    const struct certificate *certificate = &state->certificate;
    if (certificate->revoked_at != 0 && !state->corrects)
        METRICS_NOTE(&job->notes, METRIC_REVOCATIONS_CONFIRMED, metrics_issuer(certificate->issuer));
    enum store_result result = keep_reason_asked_since(job, store_reader_of(writer));
    if (result == STORE_OK)
        result = write_revocation(state, writer);
    if (result == STORE_OK && certificate->revoked_at != 0 && !certificate->correction_asked)
        result = store_certificate_revoke_twins(writer, certificate);
    struct event event = event_of_certificate(state->event_type, certificate);
    event.detail = state->event_detail;
    event.cause = state->event_cause;
    if (result == STORE_OK)
        result = job_record(job, writer, &event);
    return store_applied(result);
}

static void put_off(struct job *job, enum event_type type, const char *words, enum cause cause,
                    int64_t wait_s)
{
    struct revocation_work *state = job->state;
    struct certificate *certificate = &state->certificate;
    certificate->revocation_error = words;
    certificate->revocation_next_attempt_at = job->now + wait_s;
    state->event_type = type;
    state->event_detail = words;
    state->event_cause = cause;
    log_warning("revocation of certificate %s is not confirmed: %s", certificate->serial, words);
    job_commit(job, apply_outcome, job_end);
}

static void end_confirmed(struct job *job)
{
    const struct revocation_work *state = job->state;
    const struct jobs_parts *parts = &job->jobs->parts;
    parts->revoked(parts->context, state->issuer, state->certificate.leaf);
    job_end(job);
}

/* Our records and the CA's agree from here on: "already revoked" confirms our request. */
static void confirm(struct job *job, const char *detail)
{
    struct revocation_work *state = job->state;
    struct certificate *certificate = &state->certificate;
    if (certificate->status != CERTIFICATE_REJECTED)
        certificate->status = CERTIFICATE_REVOKED;
    certificate->revoked_at = job->now;
    certificate->revocation_next_attempt_at = 0;
    certificate->revocation_error = NULL;
    state->event_type = EVENT_CERTIFICATE_REVOKED;
    state->event_detail = detail;
    job_commit(job, apply_outcome, end_confirmed);
}

/* Records a correction. The inventory and OCSP responses follow it whatever the CA can do. `kept` has the
 * CA's words when it keeps its reason; NULL: it has changed it. */
static void settle_correction(struct job *job, const char *kept)
{
    struct revocation_work *state = job->state;
    struct certificate *certificate = &state->certificate;
    const char *change = arena_printf(job->arena, "reason %s instead of %s",
                                      revocation_reason_name(certificate->correction_reason),
                                      revocation_reason_name(certificate->revocation_reason));
    certificate->revocation_reason = certificate->correction_reason;
    certificate->correction_asked = false;
    certificate->revocation_next_attempt_at = 0;
    certificate->revocation_error =
        kept == NULL
            ? NULL
            : arena_printf(job->arena, "the CA keeps its old reason, in its revocation list too (%s)", kept);
    state->event_type = EVENT_REVOCATION_CORRECTED;
    state->event_cause = kept == NULL ? CAUSE_NONE : CAUSE_REVOCATION_REASON_KEPT;
    state->event_detail = kept == NULL
                              ? arena_printf(job->arena, "%s, confirmed by the CA", change)
                              : arena_printf(job->arena, "%s in the inventory and in OCSP responses; %s",
                                             change, certificate->revocation_error);
    job_commit(job, apply_outcome, end_confirmed);
}

static int64_t retry_wait(const struct issuer_result *result, int64_t attempts)
{
    return backoff_wait(attempts, RETRY_FIRST_S, result->not_reached ? AWAY_RETRY_MOST_S : RETRY_MOST_S);
}

static void take_answer(struct job *job)
{
    struct revocation_work *state = job->state;
    const struct issuer_result *result = &state->request.result;
    job->now = clock_now();
    int64_t attempts = ++state->certificate.revocation_attempt_count;
    switch (result->outcome) {
    case ISSUER_OK:
        if (state->corrects)
            settle_correction(job, NULL);
        else
            confirm(job, "confirmed by the CA");
        return;
    case ISSUER_ALREADY_REVOKED:
        if (state->corrects)
            settle_correction(job, result->message);
        else
            confirm(job, "the CA had already revoked it, and keeps its old reason");
        return;
    case ISSUER_REFUSED:
        put_off(job, EVENT_REVOCATION_REFUSED, result->message, result->cause, REFUSED_RETRY_S);
        return;
    case ISSUER_UNAUTHORIZED:
    case ISSUER_UNAVAILABLE:
    case ISSUER_UNKNOWN:
        put_off(job, EVENT_REVOCATION_FAILED, result->message, result->cause, retry_wait(result, attempts));
        return;
    case ISSUER_NOT_ASKED:
        job_end(job);
        return;
    }
}

static void on_revoked(struct issuer_revoke_request *request)
{
    job_run(request->owner, take_answer);
}

/* A revocation is never given up: it is tried again, and reported again. */
static void refuse(struct job *job)
{
    put_off(job, EVENT_REVOCATION_FAILED, job_set_aside_detail, CAUSE_WORK_SET_ASIDE, SET_ASIDE_RETRY_S);
}

/* Returns the issuer that is known to have signed it; NULL: none. */
static struct issuer *signer_of(const struct jobs_parts *parts, const struct certificate *certificate)
{
    const struct config *config = config_now(parts->config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = issuers_find(parts->issuers, config->issuers[i].id);
        if (issuer != NULL && issuer_has_signed(issuer, certificate->leaf))
            return issuer;
    }
    return NULL;
}

/* Finds the issuer to ask. The CA answers 200 to serials it never issued, so it is asked only about
 * certificates signed under this issuer's root, valid or not. Older versions recorded a certificate under any
 * CA of the same root; the CA that signed it is asked. */
static struct issuer *issuer_of(struct job *job)
{
    const struct revocation_work *state = job->state;
    const struct certificate *certificate = &state->certificate;
    struct issuer *issuer = issuers_find(job->jobs->parts.issuers, certificate->issuer);
    struct issuer *signer = issuer != NULL && issuer_has_signed(issuer, certificate->leaf)
                                ? issuer
                                : signer_of(&job->jobs->parts, certificate);
    if (signer != NULL)
        issuer = signer;
    bool is_theirs = issuer != NULL &&
                     certificate_is_signed_under(certificate->leaf, certificate->chain_pem, issuer->roots);
    return is_theirs ? issuer : NULL;
}

bool revocation_job_load(struct job *job, struct store_reader *reader)
{
    struct revocation_work *state = arena_alloc(job->arena, sizeof *state);
    job->state = state;
    return store_certificate_load(reader, job->arena, job->id, &state->certificate) == STORE_OK;
}

static bool is_due(const struct certificate *certificate, int64_t now)
{
    return (certificate->revoked_at == 0 || certificate->correction_asked) &&
           certificate->revocation_next_attempt_at <= now;
}

void revocation_job_begin(struct job *job)
{
    struct revocation_work *state = job->state;
    if (!is_due(&state->certificate, job->now)) {
        job_end(job);
        return;
    }
    state->corrects = state->certificate.correction_asked;
    /* An older version requested this: it took reasons that do not revoke. */
    if (!state->corrects && !revocation_reason_revokes(state->certificate.revocation_reason))
        state->certificate.revocation_reason = 0;
    state->asked_reason =
        state->corrects ? state->certificate.correction_reason : state->certificate.revocation_reason;
    const struct event about = {.account_id = state->certificate.account_id,
                                .order_id = state->certificate.order_id,
                                .certificate_id = job->id};
    if (job_set_aside(job, &about, refuse))
        return;
    struct issuer *issuer = issuer_of(job);
    if (issuer == NULL) {
        put_off(job, EVENT_REVOCATION_FAILED,
                arena_printf(job->arena,
                             "the certificate was not signed under a pinned root of an issuer \"%s\"; the CA "
                             "is not asked, because it would confirm serial numbers that it never issued",
                             state->certificate.issuer),
                CAUSE_ISSUER_GONE, REFUSED_RETRY_S);
        return;
    }
    struct issuer_permit permit;
    if (!issuer_admit(issuer, ISSUER_WORK_REVOKE, &permit)) {
        job_end(job);
        return;
    }
    state->request = (struct issuer_revoke_request){.arena = job->arena,
                                                    .serial = state->certificate.serial,
                                                    .leaf = state->certificate.leaf,
                                                    .reason = state->asked_reason,
                                                    .permit = permit,
                                                    .done = on_revoked,
                                                    .owner = job};
    state->issuer = arena_duplicate(job->arena, issuer->id);
    issuer_ref_with(issuer, job->arena);
    issuer_revoke(issuer, &state->request);
}

/* ---- taking up due revocations: an issuer's are a queue ---- */

/* An issuer that is no longer configured is handled by each revocation, not by the queue. */
static size_t room_of(const struct job_look *look, const char *id)
{
    struct issuer *issuer = issuers_find(look->jobs->parts.issuers, id);
    return issuer == NULL ? look->kind->max_under_way : issuer_room(issuer, ISSUER_WORK_REVOKE);
}

void revocation_job_plan(struct job_look *look)
{
    const struct config *config = config_now(look->jobs->parts.config);
    struct job_queues *queues = look->state = job_queues_new(look, config->issuer_count);
    for (size_t i = 0; i < config->issuer_count; i++)
        job_queues_expect(look, queues, config->issuers[i].id, room_of(look, config->issuers[i].id));
}

void revocation_job_load_due(struct job_look *look, struct store_reader *reader)
{
    struct revocation_queue row = {0};
    enum store_result result;
    while ((result = store_revocation_queue_after(reader, look->arena, row.identity_id, &row)) == STORE_OK) {
        struct job_ids *ids = &job_queues_add(look, look->state, row.issuer)->ids;
        result = store_revocations_due(reader, row.identity_id, look->now, ids->id, ids->wanted, &ids->count);
        if (result != STORE_OK)
            break;
    }
    look->failed = result == STORE_FAILED;
}

/* An issuer has a queue for each root that it has had. */
static size_t taken_of(const struct job_queues *queues, const char *id)
{
    size_t taken = 0;
    for (const struct job_queue *queue = queues->first; queue != NULL; queue = queue->next)
        taken += strcmp(queue->name, id) == 0 ? queue->taken : 0;
    return taken;
}

void revocation_job_take(struct job_look *look)
{
    struct job_queues *queues = look->state;
    for (struct job_queue *queue = queues->first; queue != NULL; queue = queue->next) {
        size_t room = room_of(look, queue->name), taken = taken_of(queues, queue->name);
        queue->taken = job_look_take_up_ids(look, &queue->ids, room > taken ? room - taken : 0);
    }
}
