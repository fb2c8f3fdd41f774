/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "acme/order.h"
#include "gateway/frontend/authorization_plan.h"
#include "gateway/frontend/routes.h"
#include "gateway/jobs/jobs.h"
#include "store/authorizations.h"
#include "store/events.h"
#include "store/orders.h"

enum { POLL_AGAIN_S = 2 };

void authorization_ask(struct exchange *exchange, struct store_reader *reader)
{
    store_authorization_ask(reader, exchange->id);
}

/* An authorization may change while its challenge's reply waits: it is read twice into one place. */
static const struct problem *load_authorization(struct exchange *exchange, struct store_reader *reader)
{
    if (exchange->state == NULL)
        exchange->state = arena_alloc(exchange->arena, sizeof(struct authorization));
    struct authorization *authorization = exchange->state;
    enum store_result result = store_authorization_load(reader, exchange->arena, exchange->id, authorization);
    return exchange_check_owner(exchange, result, "authorization", authorization->endpoint,
                                authorization->account_id);
}

static bool record_event(struct exchange *exchange, struct store_writer *writer, struct event event)
{
    return exchange_store_ok(exchange, exchange_record(exchange, writer, &event));
}

static bool record_of(struct exchange *exchange, struct store_writer *writer,
                      const struct authorization *authorization, enum event_type type, const char *detail)
{
    struct event event = event_of_authorization(exchange->arena, type, authorization);
    event.detail = detail;
    return record_event(exchange, writer, event);
}

static bool record(struct exchange *exchange, struct store_writer *writer, enum event_type type,
                   const char *detail)
{
    return record_of(exchange, writer, exchange->state, type, detail);
}

/* ---- authorization ---- */

void authorization_load(struct exchange *exchange, struct store_reader *reader)
{
    exchange->problem = load_authorization(exchange, reader);
}

void authorization_check(struct exchange *exchange)
{
    exchange->answered = exchange->envelope.post_as_get;
    if (!exchange->answered)
        exchange->problem = authorization_parse_update(exchange->arena, exchange->envelope.payload);
}

/* Ends the orders that rest on the authorization: they can no longer become ready, or continue. */
static bool fail_waiting_orders(struct exchange *exchange, struct store_writer *writer,
                                const struct authorization *authorization, const struct problem *problem)
{
    int64_t *ids = NULL;
    size_t count = 0;
    if (!exchange_store_ok(exchange, store_orders_waiting_on(store_reader_of(writer), exchange->arena,
                                                             authorization->id, &ids, &count)))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct order order;
        if (!exchange_store_ok(exchange,
                               store_order_load(store_reader_of(writer), exchange->arena, ids[i], &order)))
            return false;
        enum order_status was = order.status;
        order_fail(exchange->arena, &order, problem, exchange->now);
        METRICS_NOTE(&exchange->notes, METRIC_ORDERS_INVALID, problem->type);
        struct event event = event_of_order(exchange->arena, EVENT_ORDER_INVALID, &order);
        event.authorization_id = authorization->id;
        event.detail = problem->detail;
        if (!exchange_store_ok(exchange, store_order_update(writer, &order, was)) ||
            !record_event(exchange, writer, event))
            return false;
    }
    return true;
}

/* Ends the authorization, and the orders that wait for it. */
static bool deactivate(struct exchange *exchange, struct store_writer *writer,
                       struct authorization *authorization, const struct problem *problem,
                       const char *event_detail)
{
    enum authorization_status was = authorization->status;
    authorization->status = AUTHORIZATION_DEACTIVATED;
    return exchange_store_ok(exchange, store_authorization_update(writer, authorization, was,
                                                                  authorization->challenge_status)) &&
           fail_waiting_orders(exchange, writer, authorization, problem) &&
           record_of(exchange, writer, authorization, EVENT_AUTHORIZATION_DEACTIVATED, event_detail);
}

/* Ends the authorizations of names below that rest on it (RFC 9444). */
static bool deactivate_inherited(struct exchange *exchange, struct store_writer *writer,
                                 const struct authorization *parent, const struct problem *problem)
{
    struct authorization *inherited = NULL;
    size_t count = 0;
    if (parent->subdomains &&
        !exchange_store_ok(exchange,
                           store_authorizations_inherited(store_reader_of(writer), exchange->arena,
                                                          parent->id, exchange->now, &inherited, &count)))
        return false;
    const char *detail =
        arena_printf(exchange->arena, "it rested on authorization %lld", (long long)parent->id);
    for (size_t i = 0; i < count; i++)
        if (!deactivate(exchange, writer, &inherited[i], problem, detail))
            return false;
    return true;
}

enum store_apply_result authorization_apply(struct exchange *exchange, struct store_writer *writer)
{
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    const struct problem *problem = load_authorization(exchange, store_reader_of(writer));
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    struct authorization *authorization = exchange->state;
    if (authorization->status == AUTHORIZATION_DEACTIVATED)
        return STORE_DISCARD;
    enum authorization_status now = authorization_status_at(authorization, exchange->now);
    if (!authorization_may_become(now, AUTHORIZATION_DEACTIVATED))
        return exchange_refuse(exchange, problem_new(exchange->arena, PROBLEM_MALFORMED,
                                                     "An authorization that is %s cannot be deactivated.",
                                                     authorization_status_name(now)));
    problem = problem_with_cause(exchange->arena, CAUSE_AUTHORIZATION_DEACTIVATED, PROBLEM_UNAUTHORIZED,
                                 "The client deactivated the authorization for %s.",
                                 authorization->identifier.value);
    return deactivate(exchange, writer, authorization, problem, NULL) &&
                   deactivate_inherited(exchange, writer, authorization, problem)
               ? STORE_APPLIED
               : STORE_DISCARD;
}

static struct authorization_view view_of(const struct exchange *exchange)
{
    struct authorization_view view = {.urls = &exchange->urls, .now = exchange->now};
    view.issuer_names = config_issuer_names(exchange->endpoint, &view.issuer_name_count);
    return view;
}

void authorization_render_route(struct exchange *exchange)
{
    const struct authorization_view view = view_of(exchange);
    const struct authorization *authorization = exchange->state;
    if (authorization_status_at(authorization, exchange->now) == AUTHORIZATION_PENDING)
        exchange_add_retry_after(exchange, POLL_AGAIN_S);
    exchange_reply_json(exchange, 200, authorization_render(exchange->arena, &view, authorization));
}

/* ---- new authorization (§7.4.1) ---- */

struct new_authorization_state {
    struct authorization authorization;
    struct identifier identifier;
    bool subdomains;
    bool created; /* else it existed and was valid */
};

void new_authorization_prepare(struct exchange *exchange)
{
    struct new_authorization_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    if (exchange->endpoint->authorization_lifetime_s == 0)
        exchange->problem = problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                                "This endpoint has no pre-authorization.");
    else if (exchange->envelope.post_as_get)
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JSON object.");
    else
        exchange->problem = authorization_parse_new(exchange->arena, exchange->envelope.payload,
                                                    &state->identifier, &state->subdomains);
}

enum store_apply_result new_authorization_apply(struct exchange *exchange, struct store_writer *writer)
{
    struct new_authorization_state *state = exchange->state;
    struct authorization *authorization = &state->authorization;
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    struct authorization_plan plan = {
        .identifiers = &state->identifier,
        .identifier_count = 1,
        .subdomains = state->subdomains && exchange->endpoint->subdomains,
    };
    const struct problem *problem = authorization_plan_check(exchange, store_reader_of(writer), &plan);
    if (problem == NULL)
        problem = authorization_plan_check_rates(exchange, &plan);
    if (problem != NULL)
        return authorization_plan_refuse(exchange, writer, &plan, EVENT_AUTHORIZATION_REFUSED, problem);
    if (!exchange_store_ok(
            exchange, authorization_plan_use(exchange, writer, &plan, 0, authorization, &state->created)))
        return STORE_DISCARD;
    if (!state->created)
        return STORE_DISCARD;
    return record(exchange, writer, EVENT_AUTHORIZATION_CREATED, NULL) ? STORE_APPLIED : STORE_DISCARD;
}

void new_authorization_render(struct exchange *exchange)
{
    const struct new_authorization_state *state = exchange->state;
    const struct authorization_view view = view_of(exchange);
    exchange_add_header(exchange, "Location",
                        url_authorization(exchange->arena, &exchange->urls, state->authorization.id));
    exchange_reply_json(exchange, state->created ? 201 : 200,
                        authorization_render(exchange->arena, &view, &state->authorization));
}

/* ---- challenge ---- */

static const struct problem *load_challenge(struct exchange *exchange, struct store_reader *reader)
{
    const struct problem *problem = load_authorization(exchange, reader);
    if (problem != NULL)
        return problem;
    const struct authorization *authorization = exchange->state;
    if (!authorization_has_challenge(authorization, exchange->challenge_type))
        return problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                   "This authorization has no challenge of type %s.",
                                   challenge_type_info(exchange->challenge_type)->name);
    return NULL;
}

void challenge_load(struct exchange *exchange, struct store_reader *reader)
{
    exchange->problem = load_challenge(exchange, reader);
}

/* A POST-as-GET reads the challenge. A JSON object, usually `{}`, requests the validation. */
void challenge_check(struct exchange *exchange)
{
    const struct authorization *authorization = exchange->state;
    bool decided = authorization_status_at(authorization, exchange->now) != AUTHORIZATION_PENDING;
    exchange->answered = exchange->envelope.post_as_get || decided;
}

static const struct problem *check_choice(struct exchange *exchange,
                                          const struct authorization *authorization)
{
    if (authorization->chosen == 0 || authorization->chosen == exchange->challenge_type)
        return NULL;
    return problem_new(exchange->arena, PROBLEM_MALFORMED,
                       "The %s challenge of this authorization is being validated; wait for its end.",
                       challenge_type_info(authorization->chosen)->name);
}

enum store_apply_result challenge_apply(struct exchange *exchange, struct store_writer *writer)
{
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    const struct problem *problem = load_challenge(exchange, store_reader_of(writer));
    struct authorization *authorization = exchange->state;
    if (problem == NULL && authorization_status_at(authorization, exchange->now) != AUTHORIZATION_PENDING)
        return STORE_DISCARD;
    if (problem == NULL)
        problem = check_choice(exchange, authorization);
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    exchange->hold_key = authorization->id;
    if (authorization->challenge_status == CHALLENGE_PROCESSING)
        return STORE_DISCARD;
    authorization->chosen = exchange->challenge_type;
    authorization->challenge_status = CHALLENGE_PROCESSING;
    authorization->first_attempt_at = exchange->now;
    authorization->next_attempt_at = exchange->now;
    if (!exchange_store_ok(exchange,
                           store_authorization_update(writer, authorization, AUTHORIZATION_PENDING, 0)) ||
        !record(exchange, writer, EVENT_CHALLENGE_REQUESTED,
                challenge_type_info(exchange->challenge_type)->name))
        return STORE_DISCARD;
    exchange_keep_draft(exchange, validation_job_draft(exchange->frontend->parts.jobs, exchange->now,
                                                       authorization, &exchange->account));
    exchange->hand_over = exchange->draft != NULL;
    if (!exchange->hand_over)
        exchange->jobs_due = JOBS_DUE_CHALLENGES;
    return STORE_APPLIED;
}

bool challenge_is_over(const struct exchange *exchange)
{
    return challenge_status_of(exchange->state, exchange->challenge_type) != CHALLENGE_PROCESSING;
}

void challenge_render_route(struct exchange *exchange)
{
    const struct authorization_view view = view_of(exchange);
    const struct authorization *authorization = exchange->state;
    exchange_add_header(exchange, "Link",
                        arena_printf(exchange->arena, "<%s>;rel=\"up\"",
                                     url_authorization(exchange->arena, &exchange->urls, authorization->id)));
    if (challenge_status_of(authorization, exchange->challenge_type) == CHALLENGE_PROCESSING)
        exchange_add_retry_after(exchange, POLL_AGAIN_S);
    exchange_reply_json(exchange, 200,
                        challenge_render(exchange->arena, &view, authorization, exchange->challenge_type));
}
