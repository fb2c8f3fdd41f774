/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/order.h"
#include "gateway/issuance/issuance_write.h"
#include "gateway/jobs/issuance_job.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "store/attempts.h"
#include "store/events.h"
#include "store/orders.h"

enum {
    RETRY_FIRST_S = 2,
    RETRY_MOST_S = 30,
    UNKNOWN_RETRY_MOST_S = 60, /* each try may leave a certificate that nobody has */
    OTHER_DURATIONS_MAX = 3,   /* attempts of one order that may be spent on learning the CA's limits */
};

_Static_assert(CERTIFICATE_SLACK_S > 0, "the CA's clock may be a little ahead");

static enum store_result record(struct job *job, struct store_writer *writer, enum event_type type,
                                const char *detail, enum cause cause)
{
    const struct issuance_state *state = job->state;
    struct event event = event_of_order(job->arena, type, &state->order);
    event.certificate_id = state->issued.certificate.id;
    event.detail = detail;
    event.cause = cause;
    event.known.issuer = state->issuer == NULL ? NULL : state->issuer->id;
    event.known.duration_ms = state->signing_ms;
    return job_record(job, writer, &event);
}

/* Ends the attempt, within `apply`. */
static enum store_result end_attempt(struct job *job, struct store_writer *writer)
{
    const struct attempt *attempt = &((struct issuance_state *)job->state)->attempt;
    METRICS_NOTE(&job->notes, METRIC_CA_ATTEMPTS, metrics_issuer(attempt->issuer), attempt->status);
    return store_attempt_end(writer, attempt);
}

/* ---- the order fails ---- */

static enum store_apply_result apply_order_failed(struct job *job, struct store_writer *writer)
{
    struct issuance_state *state = job->state;
    struct order *order = &state->order;
    enum store_result result = STORE_OK;
    if (state->attempt.id != 0)
        result = end_attempt(job, writer);
    order_fail(job->arena, order, state->problem, job->now);
    METRICS_NOTE(&job->notes, METRIC_ORDERS_INVALID, state->problem->type);
    if (result == STORE_OK)
        result = store_order_update(writer, order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = record(job, writer, EVENT_ORDER_INVALID, state->problem->detail, state->problem->cause);
    return store_applied(result);
}

void issuance_fail(struct job *job, const struct problem *problem)
{
    struct issuance_state *state = job->state;
    state->problem = problem;
    job_commit(job, apply_order_failed, job_end);
}

/* ---- the order waits ---- */

static enum store_apply_result apply_put_off(struct job *job, struct store_writer *writer)
{
    const struct issuance_state *state = job->state;
    enum store_result result = store_order_update(writer, &state->order, ORDER_PROCESSING);
    if (result == STORE_OK && state->attempt.id != 0)
        result = end_attempt(job, writer);
    if (result == STORE_OK && state->attempt.id != 0)
        result =
            record(job, writer,
                   state->attempt.status == ATTEMPT_UNKNOWN ? EVENT_ATTEMPT_UNKNOWN : EVENT_ATTEMPT_FAILED,
                   state->attempt.message, state->request.result.cause);
    return store_applied(result);
}

static void put_off(struct job *job, int64_t wait_s)
{
    struct issuance_state *state = job->state;
    state->order.next_attempt_at = job->now + wait_s;
    job_commit(job, apply_put_off, job_end);
}

/* The call was not made, so there was no attempt: the order returns to its previous state. */
static enum store_apply_result apply_withdrawn(struct job *job, struct store_writer *writer)
{
    const struct issuance_state *state = job->state;
    enum store_result result = store_order_update(writer, &state->order, ORDER_PROCESSING);
    if (result == STORE_OK)
        result = store_attempt_withdraw(writer, state->attempt.id);
    return store_applied(result);
}

static void withdraw(struct job *job)
{
    struct order *order = &((struct issuance_state *)job->state)->order;
    order->attempt_count--;
    if (job->leased)
        order->next_attempt_at = order->processing_since;
    job_commit(job, apply_withdrawn, job_end);
}

/* ---- another duration ---- */

/* True a few times at most. Follows issuance_load_attempts. */
static bool may_ask_again(const struct issuance_state *state)
{
    size_t used = 0;
    for (size_t i = 0; i < state->attempt_count; i++)
        used += state->attempts[i].status == ATTEMPT_REFUSED || state->attempts[i].status == ATTEMPT_REJECTED;
    return state->attempts_are_read && used < OTHER_DURATIONS_MAX;
}

/* True when the refusal has taught a duration to ask for. */
static bool is_worth_another_duration(struct job *job)
{
    const struct issuance_state *state = job->state;
    return issuance_plan_differs(job->arena, state->issuer, &state->wanted, &state->request.validity,
                                 job->now);
}

/* True when the certificate that lives too long has taught an end. */
static bool is_worth_an_end(struct job *job)
{
    const struct issuance_state *state = job->state;
    return issuance_plan_bounds(job->arena, state->issuer, &state->wanted, &state->request.validity, job->now,
                                state->issued.facts.not_after);
}

/* ---- the certificate ---- */

static enum store_result write_event(void *job, struct store_writer *writer, struct event *event)
{
    return job_record(job, writer, event);
}

/* `remarks` are about an accepted certificate. */
static enum store_result write_certificate(struct job *job, struct store_writer *writer, const char *remarks)
{
    struct issuance_state *state = job->state;
    const struct order *order = &state->order;
    struct issuance_record record = {
        .issued = &state->issued,
        .profile = order->profile,
        .notes = &job->notes,
        .event = event_of_order(job->arena, EVENT_ORDER_VALID, order),
        .write_event = write_event,
        .context = job,
    };
    record.event.detail = remarks;
    record.event.known.duration_ms = state->signing_ms;
    return issuance_write(writer, &record);
}

/* An existing row stays unchanged: it belongs to the first who got the certificate. */
static enum store_result keep_rejected(struct job *job, struct store_writer *writer)
{
    enum store_result result = write_certificate(job, writer, NULL);
    return result == STORE_KNOWN ? STORE_OK : result;
}

/* The certificate is rejected, but the order continues with another request. */
static enum store_apply_result apply_rejected_once(struct job *job, struct store_writer *writer)
{
    return keep_rejected(job, writer) == STORE_OK ? apply_put_off(job, writer) : STORE_DISCARD;
}

/* The CA gave out a certificate that it had issued before. The order does not get another client's
 * certificate. */
static enum store_apply_result apply_issued_before(struct job *job, struct store_writer *writer)
{
    struct issuance_state *state = job->state;
    state->attempt.status = ATTEMPT_REJECTED;
    state->attempt.message = "the CA answered with a certificate that it had issued before";
    state->problem =
        problem_with_cause(job->arena, CAUSE_CERTIFICATE_OF_BEFORE, PROBLEM_SERVER_INTERNAL,
                           "The certificate authority answered with a certificate that it had issued "
                           "before.");
    return apply_order_failed(job, writer);
}

static enum store_apply_result apply_rejected(struct job *job, struct store_writer *writer)
{
    enum store_result result = write_certificate(job, writer, NULL);
    if (result == STORE_KNOWN)
        return apply_issued_before(job, writer);
    return result == STORE_OK ? apply_order_failed(job, writer) : STORE_DISCARD;
}

static enum store_apply_result apply_issued(struct job *job, struct store_writer *writer)
{
    struct issuance_state *state = job->state;
    struct order *order = &state->order;
    struct order now;
    enum store_result result = store_order_load(store_reader_of(writer), job->arena, order->id, &now);
    if (result != STORE_OK)
        return STORE_DISCARD;
    if (now.status != ORDER_PROCESSING) {
        issuance_reject(&state->issued, "the order had ended before its certificate came", "gateway",
                        job->now);
        state->attempt.status = ATTEMPT_REJECTED;
        state->attempt.message = state->issued.why;
        result = keep_rejected(job, writer);
        if (result == STORE_OK)
            result = end_attempt(job, writer);
        if (result == STORE_LOST_RACE || result == STORE_NOT_FOUND)
            result = STORE_OK; /* it was ended with the order */
        return store_applied(result);
    }
    result = write_certificate(job, writer, state->issued.facts.remarks);
    if (result == STORE_KNOWN)
        return apply_issued_before(job, writer);
    order->status = ORDER_VALID;
    order->status_since = job->now;
    order->next_attempt_at = 0;
    order->certificate_id = state->issued.certificate.id;
    METRICS_NOTE(&job->notes, METRIC_ORDERS_VALID, metrics_profile(order->profile));
    if (result == STORE_OK)
        result = end_attempt(job, writer);
    if (result == STORE_OK)
        result = store_order_update(writer, order, ORDER_PROCESSING);
    return store_applied(result);
}

static void on_rejected_stored(struct job *job)
{
    struct jobs *jobs = job->jobs;
    job_end(job);
    jobs_wake(jobs, JOBS_DUE_REVOCATIONS);
}

static void reject(struct job *job)
{
    struct issuance_state *state = job->state;
    const char *why = state->issued.why;
    state->problem = problem_with_cause(
        job->arena, CAUSE_CERTIFICATE_MISFIT, PROBLEM_SERVER_INTERNAL,
        "The certificate authority issued a certificate that does not fit the order (%s); it "
        "is being revoked.",
        why);
    job_commit(job, apply_rejected, on_rejected_stored);
}

static void reject_once(struct job *job)
{
    struct issuance_state *state = job->state;
    if (!may_ask_again(state)) {
        reject(job);
        return;
    }
    log_info("issuer %s: order %lld is requested again with an explicit end", state->issuer->id,
             (long long)job->id);
    state->order.next_attempt_at = job->now;
    job_commit(job, apply_rejected_once, on_rejected_stored);
}

static void take_certificate(struct job *job)
{
    struct issuance_state *state = job->state;
    struct order *order = &state->order;
    const struct issuer_result *result = &state->request.result;
    const struct issuance_terms terms = {.issuer = state->issuer,
                                         .csr = state->request.csr,
                                         .identifiers = order->identifiers,
                                         .identifier_count = order->identifier_count,
                                         .validity = &state->request.validity,
                                         .actor = "gateway"};
    enum issuance_verdict verdict =
        issuance_check(job->arena, &terms, result->chain, result->chain_count, job->now, &state->issued);
    const char *why = state->issued.why;
    if (verdict == ISSUANCE_UNREADABLE) {
        state->attempt.status = ATTEMPT_UNKNOWN;
        state->attempt.message = why;
        state->request.result.cause = CAUSE_CA_ANSWER_STRANGE;
        put_off(job, backoff_wait(order->attempt_count, RETRY_FIRST_S, UNKNOWN_RETRY_MOST_S));
        return;
    }
    struct certificate *certificate = &state->issued.certificate;
    certificate->account_id = order->account_id;
    certificate->order_id = order->id;
    certificate->endpoint = order->endpoint;
    certificate->origin = CERTIFICATE_FROM_ACME;
    if (verdict == ISSUANCE_FITS) {
        state->attempt.status = ATTEMPT_SIGNED;
        job_commit(job, apply_issued, job_end);
        return;
    }
    state->attempt.status = ATTEMPT_REJECTED;
    state->attempt.message = why;
    if (is_worth_an_end(job))
        issuance_load_attempts(job, reject_once);
    else
        reject(job);
}

/* ---- the CA's answer ---- */

/* Returns the problem of a refusal. Its words name who has to act. */
static const struct problem *refusal_problem(const struct job *job, const struct issuer_result *result)
{
    const struct order *order = &((struct issuance_state *)job->state)->order;
    bool ordered = order->not_before != 0 || order->not_after != 0;
    enum problem_type type = PROBLEM_BAD_CSR;
    enum cause cause = result->cause;
    const char *more = "";
    switch (result->refusal) {
    case ISSUER_REFUSAL_CSR:
        break;
    case ISSUER_REFUSAL_NAMES:
        type = PROBLEM_REJECTED_IDENTIFIER;
        break;
    case ISSUER_REFUSAL_CA:
        type = PROBLEM_REJECTED_IDENTIFIER;
        more = " (The refusal is the CA's: its policy, name constraints, template or webhook. The CA's "
               "operator finds the "
               "reason in the CA's log.)";
        break;
    case ISSUER_REFUSAL_DURATION:
        type = ordered ? PROBLEM_MALFORMED : PROBLEM_SERVER_INTERNAL;
        cause = ordered ? CAUSE_CA_VALIDITY_REFUSED : CAUSE_CA_DURATION_REFUSED;
        more = ordered ? " (Order with another notBefore or notAfter.)"
                       : " (The operator has to bring max_ttl of this profile within the CA's limits.)";
        break;
    }
    return problem_with_cause(job->arena, cause, type, "The certificate authority refused: %s%s",
                              result->message, more);
}

static void ask_for_another_duration(struct job *job)
{
    const struct issuance_state *state = job->state;
    const struct issuer_result *result = &state->request.result;
    if (!may_ask_again(state)) {
        issuance_fail(job, refusal_problem(job, result));
        return;
    }
    log_info("issuer %s: order %lld is requested again with another lifetime: %s", state->issuer->id,
             (long long)job->id, result->message);
    put_off(job, 0);
}

static void take_refusal(struct job *job, const struct issuer_result *result)
{
    struct issuance_state *state = job->state;
    state->attempt.status = ATTEMPT_REFUSED;
    if (result->refusal == ISSUER_REFUSAL_DURATION && is_worth_another_duration(job))
        issuance_load_attempts(job, ask_for_another_duration);
    else
        issuance_fail(job, refusal_problem(job, result));
}

/* The issuer's health paces tries when the issuer as a whole has to recover. Other faults may be this order's
 * own. */
static int64_t retry_wait(const struct issuer_result *result, int64_t attempts)
{
    if (result->not_reached || result->outcome == ISSUER_UNAUTHORIZED || result->retry_after_s > 0)
        return 0;
    return backoff_wait(attempts, RETRY_FIRST_S,
                        result->outcome == ISSUER_UNKNOWN ? UNKNOWN_RETRY_MOST_S : RETRY_MOST_S);
}

/* Wakes waiting orders: a place at the issuer is free before this order's result is stored. */
static void wake_waiting(const struct job *job)
{
    if (job->kind->left_waiting)
        jobs_wake(job->jobs, job->kind->due_bit);
}

static void take_answer(struct job *job)
{
    struct issuance_state *state = job->state;
    const struct issuer_result *result = &state->request.result;
    struct attempt *attempt = &state->attempt;
    job->now = clock_now();
    state->signing_ms = (metrics_clock_us() - state->began_us) / 1000;
    wake_waiting(job);
    attempt->ended_at = job->now;
    attempt->http_status = result->http_status;
    attempt->message = result->message;
    switch (result->outcome) {
    case ISSUER_OK:
        take_certificate(job);
        return;
    case ISSUER_REFUSED:
    case ISSUER_ALREADY_REVOKED:
        take_refusal(job, result);
        return;
    case ISSUER_UNAUTHORIZED:
    case ISSUER_UNAVAILABLE:
    case ISSUER_UNKNOWN:
        attempt->status = result->outcome == ISSUER_UNKNOWN ? ATTEMPT_UNKNOWN : ATTEMPT_FAILED;
        put_off(job, retry_wait(result, state->order.attempt_count));
        return;
    case ISSUER_NOT_ASKED:
        withdraw(job);
        return;
    }
}

void issuance_take_answer(struct issuer_sign_request *request)
{
    job_run(request->owner, take_answer);
}
