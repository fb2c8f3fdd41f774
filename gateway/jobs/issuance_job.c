/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/jobs/issuance_job.h"
#include "acme/base/time_text.h"
#include "acme/order.h"
#include "acme/pki/x509_read.h"
#include "gateway/issuance/issuance_sign.h"
#include "gateway/issuance/permit.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "store/accounts.h"
#include "store/attempts.h"
#include "store/events.h"
#include "store/orders.h"

enum {
    HAND_OVER_LEASE_S = 60,
    PERMIT_FRESH_S = 1, /* this long after its attempt was committed the permission of an order is not
                         * checked again */
};

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

/* ---- an attempt ---- */

/* Checks the permission again before each attempt: what allowed the order may have ended. */
static enum store_result ask_permit(struct job *job, struct store_reader *reader,
                                    const struct problem **problem)
{
    const struct order *order = &((struct issuance_state *)job->state)->order;
    struct account account;
    enum store_result result = store_account_load(reader, job->arena, order->account_id, &account);
    return result != STORE_OK ? STORE_FAILED
                              : permit_issue(job->jobs->parts.config, reader, job->arena, &account, order,
                                             clock_now(), problem);
}

static void load_permit(struct job *job, struct store_reader *reader)
{
    struct issuance_state *state = job->state;
    const struct problem *problem = NULL;
    state->may_call = ask_permit(job, reader, &problem) == STORE_OK && problem == NULL;
}

static void go_on_as_permitted(struct job *job)
{
    struct issuance_state *state = job->state;
    state->request.go_on(&state->request, state->may_call);
}

/* A job that waited is checked again. When it is not permitted, or that cannot be decided, the order goes
 * back into the database and ends there. */
static void take_turn(struct issuer_sign_request *request)
{
    struct job *job = request->owner;
    struct issuance_state *state = job->state;
    if (clock_now() <= state->attempt.started_at + PERMIT_FRESH_S) {
        request->go_on(request, true);
        return;
    }
    state->may_call = false;
    job_load(job, load_permit, go_on_as_permitted);
}

static void call_issuer(struct job *job)
{
    struct issuance_state *state = job->state;
    if (!state->gone && state->problem == NULL) {
        state->began_us = metrics_clock_us();
        issuer_sign(state->issuer, &state->request);
        return;
    }
    issuer_permit_end(state->issuer, &state->request.permit);
    if (state->gone) {
        job_end(job);
        return;
    }
    state->order.attempt_count--;
    issuance_fail(job, state->problem);
}

/* Commits the attempt before /sign is called. A lost answer then leaves a trace. */
static enum store_apply_result apply_attempt(struct job *job, struct store_writer *writer)
{
    struct issuance_state *state = job->state;
    enum store_result result = ask_permit(job, store_reader_of(writer), &state->problem);
    state->gone = result != STORE_OK;
    if (state->gone || state->problem != NULL)
        return STORE_DISCARD;
    result = store_order_update(writer, &state->order, ORDER_PROCESSING);
    state->gone = result == STORE_LOST_RACE || result == STORE_NOT_FOUND;
    if (result == STORE_OK)
        result = store_attempt_insert(writer, &state->attempt);
    return store_applied(result);
}

static const char *asked_validity(struct arena *arena, const struct validity_request *validity)
{
    if (validity->not_before == NULL && validity->not_after == NULL)
        return "";
    return arena_printf(arena, "%s/%s", validity->not_before == NULL ? "" : validity->not_before,
                        validity->not_after == NULL ? "" : validity->not_after);
}

/* The client has given up by then: a later signature would have no recipient. */
static int64_t ends_at(const struct job *job, const struct order *order)
{
    int64_t end = order->processing_since + config_now(job->jobs->parts.config)->finalize_give_up_after_s;
    return order->expires_at < end ? order->expires_at : end;
}

/* Fills in attempt and job. The job owns `csr` from now on. */
static bool prepare_attempt(struct job *job, X509_REQ *csr, const struct validity_request *validity)
{
    struct issuance_state *state = job->state;
    struct order *order = &state->order;
    uint8_t *hash = arena_alloc(job->arena, 32);
    state->request = (struct issuer_sign_request){.permit = state->request.permit,
                                                  .deadline = ends_at(job, order),
                                                  .csr = csr,
                                                  .csr_der = order->csr,
                                                  .take_turn = take_turn,
                                                  .done = issuance_take_answer,
                                                  .owner = job};
    if (csr == NULL || EVP_Digest(order->csr.p, order->csr.n, hash, NULL, EVP_sha256(), NULL) != 1 ||
        !issuance_sign_prepare(job->arena, state->profile, validity, &state->request))
        return false;
    order->attempt_count++;
    issuer_ref_with(state->issuer, job->arena);
    state->attempt = (struct attempt){.order_id = order->id,
                                      .issuer = state->issuer->id,
                                      .root_fingerprint = state->issuer->root_fingerprint,
                                      .token_id = state->request.token_id,
                                      .csr_hash = bytes_of(hash, 32),
                                      .asked_validity = asked_validity(job->arena, validity),
                                      .status = ATTEMPT_STARTED,
                                      .started_at = job->now};
    return true;
}

static X509_REQ *read_csr(struct job *job)
{
    const struct issuance_state *state = job->state;
    X509_REQ *csr = x509_request_read(state->order.csr);
    if (csr != NULL)
        arena_on_free(job->arena, free_csr, csr);
    return csr;
}

static void load_attempts(struct job *job, struct store_reader *reader)
{
    struct issuance_state *state = job->state;
    state->attempts_are_read = store_attempts_of_order(reader, job->arena, job->id, &state->attempts,
                                                       &state->attempt_count) == STORE_OK;
    if (!state->attempts_are_read)
        state->attempt_count = 0;
}

void issuance_load_attempts(struct job *job, void (*step)(struct job *job))
{
    struct issuance_state *state = job->state;
    state->attempts_are_read = false;
    state->attempt_count = 0;
    job_load(job, load_attempts, step);
}

/* Returns the CA's last words, to this order or to another try in its place. */
static const char *last_words(struct job *job)
{
    const struct issuance_state *state = job->state;
    for (size_t i = state->attempt_count; i-- > 0;)
        if (state->attempts[i].message != NULL && state->attempts[i].message[0] != '\0')
            return state->attempts[i].message;
    struct issuer_status status;
    issuer_read_status(state->issuer, &status);
    return status.last_error[0] == '\0' ? "it was not reachable"
                                        : arena_duplicate(job->arena, status.last_error);
}

/* Follows issuance_load_attempts. */
static void give_up(struct job *job)
{
    const struct order *order = &((struct issuance_state *)job->state)->order;
    char waited[DURATION_TEXT_BYTES];
    duration_format(waited, ends_at(job, order) - order->processing_since);
    issuance_fail(job, problem_with_cause(job->arena, CAUSE_CA_TOO_SLOW, PROBLEM_SERVER_INTERNAL,
                                          "The certificate authority did not sign within %s: %s", waited,
                                          last_words(job)));
}

static const struct problem *plan_validity(struct job *job, struct validity_request *out)
{
    struct issuance_state *state = job->state;
    state->wanted =
        (struct issuance_wanted){state->profile->max_ttl_s, state->order.not_before, state->order.not_after};
    return issuance_plan(job->arena, state->issuer, &state->wanted, job->now, out);
}

/* An order that is not admitted waits, unchanged in the database. */
static void attempt_if_admitted(struct job *job, const struct validity_request *validity)
{
    struct issuance_state *state = job->state;
    if (!issuer_admit(state->issuer, ISSUER_WORK_SIGN, &state->request.permit)) {
        job_end(job);
        return;
    }
    if (prepare_attempt(job, read_csr(job), validity)) {
        job_commit(job, apply_attempt, call_issuer);
        return;
    }
    issuer_permit_end(state->issuer, &state->request.permit);
    issuance_fail(
        job, problem_new(job->arena, PROBLEM_SERVER_INTERNAL, "The signing request could not be prepared."));
}

static void attempt_order(struct job *job)
{
    struct issuance_state *state = job->state;
    const struct jobs_parts *parts = &job->jobs->parts;
    state->issuer = issuers_of_profile(parts->issuers, state->order.profile, &state->profile);
    if (state->issuer == NULL) {
        issuance_fail(job, problem_with_cause(job->arena, CAUSE_PROFILE_GONE, PROBLEM_INVALID_PROFILE,
                                              "The profile \"%s\" is no longer configured.",
                                              state->order.profile));
        return;
    }
    if (job->now >= ends_at(job, &state->order)) {
        issuance_load_attempts(job, give_up);
        return;
    }
    struct validity_request validity;
    const struct problem *problem = plan_validity(job, &validity);
    if (problem != NULL)
        issuance_fail(job, problem);
    else
        attempt_if_admitted(job, &validity);
}

static void refuse(struct job *job)
{
    issuance_fail(job, problem_with_cause(job->arena, CAUSE_WORK_SET_ASIDE, PROBLEM_SERVER_INTERNAL, "%s",
                                          job_set_aside_detail));
}

bool issuance_job_load(struct job *job, struct store_reader *reader)
{
    struct issuance_state *state = arena_alloc(job->arena, sizeof *state);
    job->state = state;
    return store_order_load(reader, job->arena, job->id, &state->order) == STORE_OK;
}

static bool is_due(const struct job *job, const struct order *order)
{
    return order->status == ORDER_PROCESSING &&
           (order->next_attempt_at <= job->now || job->now >= ends_at(job, order));
}

void issuance_job_begin(struct job *job)
{
    const struct order *order = &((struct issuance_state *)job->state)->order;
    if (!is_due(job, order)) {
        job_end(job);
        return;
    }
    const struct event about = {.account_id = order->account_id, .order_id = job->id};
    if (!job_set_aside(job, &about, refuse))
        attempt_order(job);
}

/* ---- an issuance that follows its request directly ---- */

struct job *issuance_job_draft(struct jobs *jobs, X509_REQ *csr)
{
    struct job *draft = job_draft(jobs, JOB_ISSUANCE);
    if (draft == NULL) {
        X509_REQ_free(csr);
        return NULL;
    }
    struct issuance_state *state = arena_alloc(draft->arena, sizeof *state);
    state->request.csr = csr;
    arena_on_free(draft->arena, free_csr, csr);
    draft->state = state;
    draft->step = call_issuer;
    draft->leased = true;
    return draft;
}

/* The outbound thread handles an obstacle to an attempt: it knows the consequences. */
static bool plan_first_attempt(struct job *draft)
{
    struct issuance_state *state = draft->state;
    struct validity_request validity;
    state->issuer = issuers_of_profile(draft->jobs->parts.issuers, state->order.profile, &state->profile);
    if (state->issuer == NULL)
        return false;
    struct issuer_status status;
    issuer_read_status(state->issuer, &status);
    return status.well && plan_validity(draft, &validity) == NULL &&
           prepare_attempt(draft, state->request.csr, &validity);
}

enum store_result issuance_job_write_attempt(struct job *draft, struct store_writer *writer, int64_t now,
                                             struct order *order)
{
    struct issuance_state *state = draft->state;
    draft->id = order->id;
    draft->now = now;
    state->order = order_copy(draft->arena, order);
    if (!plan_first_attempt(draft))
        return STORE_NOT_FOUND;
    state->order.next_attempt_at = now + HAND_OVER_LEASE_S;
    enum store_result result = store_attempt_insert(writer, &state->attempt);
    if (result == STORE_OK) {
        order->attempt_count = state->order.attempt_count;
        order->next_attempt_at = state->order.next_attempt_at;
    }
    return result;
}
