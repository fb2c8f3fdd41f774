/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "acme/order.h"
#include "gateway/jobs/job_look.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/validation/validator.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"

enum { RETRY_FIRST_S = 1, RETRY_MOST_S = 10 };

struct validation_work {
    struct authorization authorization;
    const char *thumbprint; /* the account key's */
    bool caa_checked;
    int64_t began_us;
    int64_t took_ms;
    struct validation validation;
};

static const char *challenge_name(const struct authorization *authorization)
{
    return challenge_type_info(authorization->chosen)->name;
}

static enum store_result record_order(struct job *job, struct store_writer *writer, enum event_type type,
                                      const struct order *order, const struct problem *problem)
{
    struct event event = event_of_order(job->arena, type, order);
    event.authorization_id = job->id;
    event.detail = problem == NULL ? NULL : problem->detail;
    event.cause = problem == NULL ? CAUSE_NONE : problem->cause;
    return job_record(job, writer, &event);
}

/* ---- the effect of a final outcome on waiting orders ---- */

static enum store_result settle_order(struct job *job, struct store_writer *writer, int64_t order_id)
{
    struct order order;
    struct authorization *authorizations = NULL;
    store_authorizations_of_order_ask(store_reader_of(writer), order_id);
    enum store_result result = store_order_load(store_reader_of(writer), job->arena, order_id, &order);
    if (result == STORE_OK)
        result = store_authorizations_of_order(store_reader_of(writer), job->arena, &order, &authorizations);
    if (result != STORE_OK)
        return result;
    const struct order was = order;
    const struct problem *problem =
        order_settle(job->arena, &order, authorizations, order.identifier_count, job->now);
    if (order.status == was.status && order.expires_at == was.expires_at)
        return STORE_OK;
    result = store_order_update(writer, &order, was.status);
    if (result != STORE_OK || order.status == was.status)
        return result;
    if (problem == NULL)
        return record_order(job, writer, EVENT_ORDER_READY, &order, NULL);
    METRICS_NOTE(&job->notes, METRIC_ORDERS_INVALID, problem->type);
    return record_order(job, writer, EVENT_ORDER_INVALID, &order, problem);
}

static enum store_result settle_orders(struct job *job, struct store_writer *writer)
{
    int64_t *ids = NULL;
    size_t count = 0;
    enum store_result result =
        store_orders_waiting_on(store_reader_of(writer), job->arena, job->id, &ids, &count);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        result = settle_order(job, writer, ids[i]);
    return result;
}

/* ---- recording ---- */

static enum store_result record_try(struct job *job, struct store_writer *writer, enum event_type type)
{
    const struct validation_work *state = job->state;
    const struct problem *problem = state->validation.problem;
    struct event event = event_of_authorization(job->arena, type, &state->authorization);
    event.detail = state->validation.tried;
    event.cause = problem == NULL ? CAUSE_NONE : problem->cause;
    event.known.duration_ms = state->took_ms;
    return job_record(job, writer, &event);
}

/* STORE_LOST_RACE: the client deactivated the authorization meanwhile, and the outcome no longer matters. */
static enum store_apply_result apply_final(struct job *job, struct store_writer *writer)
{
    struct validation_work *state = job->state;
    struct authorization *authorization = &state->authorization;
    enum store_result result =
        store_authorization_update(writer, authorization, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING);
    bool good = authorization->challenge_status == CHALLENGE_VALID;
    METRICS_NOTE(&job->notes, METRIC_VALIDATIONS, authorization->chosen,
                 good ? METRIC_VALIDATION_VALID : METRIC_VALIDATION_INVALID);
    if (result == STORE_OK)
        result = record_try(job, writer, good ? EVENT_CHALLENGE_VALID : EVENT_CHALLENGE_INVALID);
    if (result == STORE_OK)
        result = settle_orders(job, writer);
    return store_applied(result);
}

static enum store_apply_result apply_retry(struct job *job, struct store_writer *writer)
{
    struct validation_work *state = job->state;
    METRICS_NOTE(&job->notes, METRIC_VALIDATIONS, state->authorization.chosen, METRIC_VALIDATION_RETRIED);
    enum store_result result = store_authorization_update(writer, &state->authorization,
                                                          AUTHORIZATION_PENDING, CHALLENGE_PROCESSING);
    if (result == STORE_OK)
        result = record_try(job, writer, EVENT_CHALLENGE_RETRIED);
    return store_applied(result);
}

/* Returns how long a valid authorization lasts: the endpoint's time for reuse, or an order's life when there
 * is none. */
static int64_t valid_until(const struct job *job, const struct authorization *authorization)
{
    const struct config *config = config_now(job->jobs->parts.config);
    const struct endpoint_config *endpoint =
        config_endpoint(config, bytes_from_string(authorization->endpoint));
    int64_t lifetime = endpoint == NULL ? 0 : endpoint->authorization_lifetime_s;
    return job->now + (lifetime > 0 ? lifetime : config->order_lifetime_s);
}

static bool needs_caa(const struct validation_work *state)
{
    return !state->caa_checked && state->validation.caa_identity_count != 0 &&
           state->authorization.identifier.type == IDENTIFIER_DNS;
}

static void on_validated(struct validation *validation)
{
    struct job *job = validation->owner;
    struct validation_work *state = job->state;
    struct authorization *authorization = &state->authorization;
    if (validation->problem == NULL && needs_caa(state)) {
        state->caa_checked = true;
        validation_check_caa(validation);
        return;
    }
    job->now = clock_now();
    int64_t took_us = metrics_clock_us() - state->began_us;
    METRICS_OBSERVE(METRIC_VALIDATION_DURATION, took_us, authorization->chosen);
    state->took_ms = took_us / 1000;
    authorization->attempt_count++;
    int64_t give_up_at =
        authorization->first_attempt_at + config_now(job->jobs->parts.config)->validation.retry_for_s;
    if (validation->problem != NULL && validation->passing) {
        int64_t next = job->now + backoff_wait(authorization->attempt_count, RETRY_FIRST_S, RETRY_MOST_S);
        if (next < give_up_at && next < authorization->expires_at) {
            authorization->next_attempt_at = next;
            job_commit(job, apply_retry, job_end);
            return;
        }
    }
    if (validation->problem == NULL)
        authorization_prove(job->arena, authorization, job->now, valid_until(job, authorization));
    else
        authorization_fail(job->arena, authorization, validation->problem);
    job_commit(job, apply_final, job_end);
}

static void start(struct job *job)
{
    struct validation_work *state = job->state;
    const struct authorization *authorization = &state->authorization;
    const struct jobs_parts *parts = &job->jobs->parts;
    const struct endpoint_config *endpoint =
        config_endpoint(parts->config, bytes_from_string(authorization->endpoint));
    log_debug("validating %s of %s", challenge_name(authorization), authorization->identifier.value);
    state->began_us = metrics_clock_us();
    state->validation = (struct validation){
        .arena = job->arena,
        .outbound = parts->outbound,
        .config = &config_now(parts->config)->validation,
        .identifier = authorization->identifier,
        .type = authorization->chosen,
        .token = authorization->token,
        .key_authorization = key_authorization(job->arena, authorization->token, state->thumbprint),
        .wildcard = authorization->wildcard,
        .subdomains = authorization->subdomains,
        .now = clock_now(),
        .done = on_validated,
        .owner = job,
    };
    struct validation *validation = &state->validation;
    validation->account_urls =
        config_account_urls(job->arena, config_now(parts->config), authorization->endpoint,
                            authorization->account_id, &validation->account_url_count);
    if (endpoint != NULL) {
        validation->issuer_names = config_issuer_names(endpoint, &validation->issuer_name_count);
        validation->caa_identities = endpoint->caa_identities;
        validation->caa_identity_count = endpoint->caa_identity_count;
    }
    validation_start(validation);
}

static void refuse(struct job *job)
{
    struct validation_work *state = job->state;
    state->validation.tried = "nothing: the validation was set aside";
    state->validation.problem = problem_with_cause(job->arena, CAUSE_WORK_SET_ASIDE, PROBLEM_SERVER_INTERNAL,
                                                   "%s", job_set_aside_detail);
    authorization_fail(job->arena, &state->authorization, state->validation.problem);
    job_commit(job, apply_final, job_end);
}

bool validation_job_load(struct job *job, struct store_reader *reader)
{
    struct validation_work *state = arena_alloc(job->arena, sizeof *state);
    struct account account;
    job->state = state;
    if (store_authorization_load(reader, job->arena, job->id, &state->authorization) != STORE_OK ||
        store_account_load(reader, job->arena, state->authorization.account_id, &account) != STORE_OK)
        return false;
    state->thumbprint = account.thumbprint;
    return true;
}

void validation_job_begin(struct job *job)
{
    struct validation_work *state = job->state;
    struct authorization *authorization = &state->authorization;
    if (authorization->challenge_status != CHALLENGE_PROCESSING ||
        authorization->next_attempt_at > job->now) {
        job_end(job);
        return;
    }
    const struct event about = {.account_id = authorization->account_id, .authorization_id = job->id};
    if (job_set_aside(job, &about, refuse))
        return;
    if (authorization_status_at(authorization, job->now) != AUTHORIZATION_EXPIRED) {
        start(job);
        return;
    }
    state->validation.tried = "nothing: the authorization had expired";
    authorization_expire(job->arena, authorization);
    state->validation.problem = problem_read(job->arena, authorization->error_json);
    job_commit(job, apply_final, job_end);
}

/* ---- taking up due challenges: the accounts by turns, each within its share ---- */

/* Anybody can make accounts and leave challenges due. This bounds the accounts of one turn of the outbound
 * thread, and the turns of a second. */
enum { LOOK_ACCOUNTS = 256, LOOKS_A_SECOND = 16 };

/* The load shares the free slots out, and `take` gives those that are still free. */
struct validation_look {
    struct job_shares shares; /* those held as the look began, and those shared out since */
    size_t held;              /* of them, as the look began */
    int64_t last_account;     /* the one that was looked at last */
    size_t looked;            /* accounts */
    bool left_waiting;
};

/* A reload may have changed it. */
static void take_limit(struct job_look *look)
{
    look->kind->max_under_way = (size_t)config_now(look->jobs->parts.config)->validation.max_concurrent;
    look->kind->shares->slots = look->kind->max_under_way;
}

void validation_job_plan(struct job_look *look)
{
    take_limit(look);
    struct validation_look *state = arena_alloc(look->arena, sizeof *state);
    state->shares = *look->kind->shares;
    state->held = state->shares.count;
    state->last_account = look->jobs->last_account;
    look->state = state;
}

static void share_out(struct validation_look *state, const struct job_holder *holder)
{
    if (job_shares_contain(&state->shares, holder->id))
        return;
    if (state->shares.count < state->shares.slots && job_shares_admit(&state->shares, holder))
        job_shares_take(&state->shares, holder);
    else
        state->left_waiting = true;
}

static enum store_result load_account(struct validation_look *state, struct store_reader *reader, int64_t now,
                                      int64_t account_id)
{
    struct arena *arena = arena_new();
    struct due_validation *due = NULL;
    size_t count = 0;
    bool is_known = false;
    enum store_result result = store_account_has_certificate(reader, account_id, &is_known);
    if (result == STORE_OK)
        result = store_validations_due(reader, arena, account_id, now,
                                       state->shares.count + state->shares.slots + 1, &due, &count);
    for (size_t i = 0; i < count; i++) {
        const struct job_holder holder = {due[i].id, account_id, job_target(due[i].name), is_known};
        share_out(state, &holder);
    }
    arena_free(arena);
    return result;
}

/* Reads the accounts behind `after`, up to `last`, until LOOK_ACCOUNTS have been seen. False: the read
 * failed. */
static bool load_accounts(struct validation_look *state, struct store_reader *reader, int64_t now,
                          int64_t after, int64_t last)
{
    int64_t account_id = after;
    enum store_result result = STORE_OK;
    while (state->shares.count < state->shares.slots && state->looked < LOOK_ACCOUNTS &&
           (result = store_validation_queue_after(reader, account_id, &account_id)) == STORE_OK &&
           account_id <= last) {
        state->looked++;
        state->last_account = account_id;
        result = load_account(state, reader, now, account_id);
        if (result != STORE_OK)
            break;
    }
    return result != STORE_FAILED;
}

void validation_job_load_due(struct job_look *look, struct store_reader *reader)
{
    struct validation_look *state = look->state;
    int64_t turn = state->last_account;
    look->failed = !load_accounts(state, reader, look->now, turn, INT64_MAX) ||
                   !load_accounts(state, reader, look->now, 0, turn);
}

/* Continues the round in the next turn, so that the outbound thread can do other work between. */
static void go_on(struct jobs *jobs, int64_t now)
{
    if (jobs->looks_second != now) {
        jobs->looks_second = now;
        jobs->looks = 0;
    }
    if (++jobs->looks < LOOKS_A_SECOND)
        jobs_wake(jobs, JOBS_DUE_CHALLENGES);
}

void validation_job_take(struct job_look *look)
{
    const struct validation_look *state = look->state;
    struct job_kind *kind = look->kind;
    for (size_t i = state->held; i < state->shares.count; i++)
        job_look_take_up(look, state->shares.held[i].id, &state->shares.held[i]);
    look->jobs->last_account = state->last_account;
    bool is_full = kind->under_way >= kind->max_under_way;
    bool has_more = state->looked == LOOK_ACCOUNTS;
    kind->left_waiting = kind->left_waiting || state->left_waiting || is_full || has_more;
    if (has_more && !is_full)
        go_on(look->jobs, look->now);
}

struct job *validation_job_draft(struct jobs *jobs, int64_t now, const struct authorization *authorization,
                                 const struct account *account)
{
    struct job *draft = job_draft(jobs, JOB_VALIDATION);
    if (draft == NULL)
        return NULL;
    struct validation_work *state = arena_alloc(draft->arena, sizeof *state);
    state->authorization = authorization_copy(draft->arena, authorization);
    state->thumbprint = arena_duplicate(draft->arena, account->thumbprint);
    draft->id = authorization->id;
    /* The account's standing is read only when the others leave no room. */
    draft->holder = (struct job_holder){.id = authorization->id,
                                        .account_id = authorization->account_id,
                                        .target = job_target(authorization->identifier.value)};
    draft->now = now;
    draft->state = state;
    draft->step = start;
    return draft;
}
