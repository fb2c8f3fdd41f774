/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stepca_api/stepca_api_call.h"

#include "gateway/jobs/jobs.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log_gate.h"
#include "store/events.h"

enum { BUSY_RETRY_AFTER_S = 5, STORE_RETRY_MS = 500 };

/* ---- to the outbound thread and back ---- */

struct stepca_api_call *stepca_api_call_new(struct exchange *exchange, void *state)
{
    struct stepca_api_call *call = arena_alloc(exchange->arena, sizeof *call);
    *call = (struct stepca_api_call){.exchange = exchange, .state = state};
    /* A reload may have switched the API off since the route was found. */
    const char *profile = config_now(exchange->frontend->parts.config)->stepca_api_profile;
    call->issuer = profile == NULL
                       ? NULL
                       : issuers_of_profile(exchange->frontend->parts.issuers, profile, &call->profile);
    call->api = call->issuer == NULL ? NULL : issuer_api_of(call->issuer);
    if (call->issuer != NULL)
        issuer_ref_with(call->issuer, exchange->arena);
    if (call->api == NULL)
        exchange->problem = problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                                                "The issuer's API is not available at present.");
    return call;
}

_Static_assert((int)ISSUER_API_ANSWERED == (int)METRIC_STEPCA_API_ANSWERED &&
                   (int)ISSUER_API_BUSY == (int)METRIC_STEPCA_API_BUSY &&
                   (int)ISSUER_API_FAILED == (int)METRIC_STEPCA_API_FAILED &&
                   (int)ISSUER_API_LOST == (int)METRIC_STEPCA_API_LOST,
               "the label has the call's outcomes");

static void on_job_done(struct issuer_api_request *request)
{
    struct stepca_api_call *call = request->owner;
    call->exchange->now = clock_now();
    METRICS_COUNT(METRIC_STEPCA_API_CALLS, request->outcome);
    METRICS_COUNT(METRIC_NATIVE_CALLS, request->outcome);
    call->take(call);
}

static void on_outbound(struct outbound_message *message)
{
    struct stepca_api_call *call = (struct stepca_api_call *)(void *)message;
    if (call->ask != NULL)
        call->ask(call);
    if (call->exchange->problem != NULL)
        stepca_api_call_answer(call);
    else
        call->api->call(call->issuer, &call->request);
}

void stepca_api_call_begin(struct stepca_api_call *call, const char *method, const char *path,
                           void (*ask)(struct stepca_api_call *call),
                           void (*take)(struct stepca_api_call *call))
{
    struct exchange *exchange = call->exchange;
    call->ask = ask;
    call->take = take;
    call->request.arena = exchange->arena;
    call->request.method = method;
    call->request.path = path;
    call->request.done = on_job_done;
    call->request.owner = call;
    call->message.run = on_outbound;
    exchange->away = true;
    outbound_post(exchange->frontend->parts.outbound, &call->message);
}

void stepca_api_call_answer(struct stepca_api_call *call)
{
    exchange_answer(call->exchange);
}

/* ---- the result ---- */

/* Anybody may read through the CA's API, as often as they like. */
static struct log_gate unanswered_gate;

/* Returns the problem for a missing answer. The CA's address is not shown to the client. */
static const struct problem *without_answer(const struct stepca_api_call *call)
{
    const struct issuer_api_request *request = &call->request;
    struct arena *arena = call->exchange->arena;
    if (request->outcome == ISSUER_API_BUSY) {
        struct problem *problem =
            problem_with_status(arena, 503, PROBLEM_SERVER_INTERNAL,
                                "Too many requests wait for the CA; it was not asked. Try again later.");
        problem->cause = CAUSE_CA_BUSY;
        problem->retry_after_s = BUSY_RETRY_AFTER_S;
        return problem;
    }
    log_gate_write(&unanswered_gate, LOG_LEVEL_WARNING, "issuer %s: %s, asked for %s: %s", call->issuer->id,
                   request->path, call->exchange->request->client_address, request->error);
    if (request->outcome == ISSUER_API_FAILED)
        return problem_because(
            arena, CAUSE_CA_UNREACHABLE,
            problem_with_status(arena, 502, PROBLEM_SERVER_INTERNAL,
                                "The CA cannot be reached; it was not asked. Try again later."));
    return problem_because(
        arena, CAUSE_CA_ANSWER_LOST,
        problem_with_status(arena, 504, PROBLEM_SERVER_INTERNAL,
                            "The CA's answer was lost; it may have carried out the request."));
}

enum stepca_outcome stepca_api_call_outcome(struct stepca_api_call *call, enum stepca_call kind)
{
    const struct issuer_api_request *request = &call->request;
    struct exchange *exchange = call->exchange;
    struct stepca_error error;
    if (request->outcome != ISSUER_API_ANSWERED) {
        exchange->problem = without_answer(call);
        return STEPCA_BUSY;
    }
    stepca_read_outcome(exchange->arena, kind, request->status, request->reply, NULL, &error);
    if (error.outcome == STEPCA_OK)
        return STEPCA_OK;
    call->duration = issuer_stepca_duration_refusal(&error);
    bool is_refusal = request->status >= 400 && request->status <= 599;
    exchange->problem = problem_because(
        exchange->arena, issuer_stepca_cause(kind, &error),
        problem_with_status(exchange->arena, is_refusal ? request->status : 502, PROBLEM_SERVER_INTERNAL,
                            "%s",
                            is_refusal ? error.message : "The CA's answer is not in step-ca's format."));
    return error.outcome;
}

bool stepca_api_call_is_lost(const struct stepca_api_call *call, enum stepca_outcome outcome)
{
    return call->request.outcome == ISSUER_API_LOST || outcome == STEPCA_GARBAGE;
}

/* ---- its records ---- */

static struct stepca_api_call *call_of(struct store_operation *operation)
{
    return (struct stepca_api_call *)(void *)((char *)operation -
                                              offsetof(struct stepca_api_call, operation));
}

static enum store_apply_result run_apply(struct store_operation *operation, struct store_writer *writer)
{
    struct stepca_api_call *call = call_of(operation);
    call->exchange->notes.count = 0;
    call->exchange->problem = call->problem;
    exchange_give_back_rates(call->exchange);
    enum store_apply_result result = call->apply(call, writer);
    if (result != STORE_APPLIED)
        call->exchange->notes.count = 0;
    return result;
}

static void submit(struct stepca_api_call *call);

static void retry_submit(void *argument)
{
    submit(argument);
}

static void on_committed_here(struct outbound_message *message)
{
    struct stepca_api_call *call = (struct stepca_api_call *)(void *)message;
    struct frontend_parts *parts = &call->exchange->frontend->parts;
    if (call->outcome != STORE_COMMITTED) {
        call->retry = (struct outbound_timer){.run = retry_submit, .argument = call};
        outbound_timer_set(parts->outbound, &call->retry, STORE_RETRY_MS);
        return;
    }
    metrics_count_notes(&call->exchange->notes);
    if (call->committed != NULL)
        call->committed(call);
    unsigned due = call->exchange->jobs_due;
    stepca_api_call_answer(call);
    if (due != 0)
        jobs_wake(parts->jobs, due);
}

static void on_committed(struct store_operation *operation, enum store_outcome outcome)
{
    struct stepca_api_call *call = call_of(operation);
    call->outcome = outcome;
    call->message.run = on_committed_here;
    outbound_post(call->exchange->frontend->parts.outbound, &call->message);
}

static void submit(struct stepca_api_call *call)
{
    call->operation = (struct store_operation){.apply = run_apply, .done = on_committed};
    store_submit(call->exchange->frontend->parts.store, &call->operation);
}

void stepca_api_call_commit(struct stepca_api_call *call,
                            enum store_apply_result (*apply)(struct stepca_api_call *call,
                                                             struct store_writer *writer))
{
    call->apply = apply;
    call->problem = call->exchange->problem;
    submit(call);
}

enum store_result stepca_api_call_record(struct stepca_api_call *call, struct store_writer *writer,
                                         enum event_type type, int64_t certificate_id, const char *detail)
{
    struct event event = {
        .type = type, .certificate_id = certificate_id, .detail = detail, .known.issuer = call->issuer->id};
    return exchange_record(call->exchange, writer, &event);
}
