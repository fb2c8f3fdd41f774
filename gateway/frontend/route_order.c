/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "acme/order.h"
#include "acme/pki/certificate.h"
#include "acme/pki/csr.h"
#include "gateway/frontend/authorization_plan.h"
#include "gateway/frontend/routes.h"
#include "gateway/issuance/permit.h"
#include "gateway/jobs/jobs.h"
#include "store/authorizations.h"
#include "store/events.h"
#include "store/orders.h"

enum {
    ISSUER_DOWN_RETRY_MIN_S = 30,
    ISSUER_DOWN_RETRY_SPREAD_S = 60,
    POLL_AGAIN_S = 2, /* Retry-After of orders in processing */
};

/* State between the steps of new-order and finalize. */
struct order_state {
    struct order_request request;
    struct authorization_plan plan;
    struct order order;
    bool created;
    bool replaces_nobodys;         /* `replaces` names a certificate without an account */
    const char *replaces_ignored;  /* for the events: why the order is created without `replaces` */
    struct bytes csr;              /* p is NULL when the payload has none */
    const struct problem *refusal; /* of the CSR: recorded in `apply`, then answered */
};

/* The same one in each step. */
static struct order_state *state_of(struct exchange *exchange)
{
    if (exchange->state == NULL)
        exchange->state = arena_alloc(exchange->arena, sizeof(struct order_state));
    return exchange->state;
}

static enum store_result record(struct exchange *exchange, struct store_writer *writer, enum event_type type,
                                const struct order *order, const char *detail)
{
    struct event event = event_of_order(exchange->arena, type, order);
    event.detail = detail;
    return exchange_record(exchange, writer, &event);
}

static enum store_result record_end(struct exchange *exchange, struct store_writer *writer,
                                    const struct order *order, const struct problem *problem)
{
    struct event event = event_of_order(exchange->arena, EVENT_ORDER_INVALID, order);
    event.detail = problem->detail;
    event.cause = problem->cause;
    return exchange_record(exchange, writer, &event);
}

/* ---- new-order: prepare ---- */

static const struct problem *choose_profile(struct exchange *exchange, struct order_state *state)
{
    const struct endpoint_config *endpoint = exchange->endpoint;
    const char *wanted = state->request.profile == NULL ? endpoint->profiles[0] : state->request.profile;
    for (size_t i = 0; i < endpoint->profile_count; i++)
        if (strcmp(endpoint->profiles[i], wanted) == 0)
            state->plan.profile = config_profile(exchange->frontend->parts.config, wanted);
    if (state->plan.profile != NULL)
        return NULL;
    return problem_new(exchange->arena, PROBLEM_INVALID_PROFILE,
                       "This endpoint has no profile \"%s\"; the directory lists those it has.", wanted);
}

/* While the CA is down an order could not succeed: the client is told before any work is done. */
static const struct problem *check_issuer_up(struct exchange *exchange, const struct order_state *state)
{
    struct issuer_status status;
    issuer_read_status(issuers_find(exchange->frontend->parts.issuers, state->plan.profile->issuer), &status);
    if (status.usable)
        return NULL;
    struct problem *problem =
        problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                            "The certificate authority is not available; try again later.");
    problem->cause = CAUSE_CA_UNAVAILABLE;
    problem->retry_after_s = ISSUER_DOWN_RETRY_MIN_S + exchange->now % ISSUER_DOWN_RETRY_SPREAD_S;
    return problem;
}

static const struct problem *check_validity(struct exchange *exchange, const struct order_state *state)
{
    struct validity_limits limits;
    issuers_profile_limits(exchange->frontend->parts.issuers, state->plan.profile, &limits);
    return validity_check_order(exchange->arena, &limits, exchange->now, state->request.not_before,
                                state->request.not_after);
}

void new_order_prepare(struct exchange *exchange)
{
    struct order_state *state = state_of(exchange);
    if (exchange->envelope.post_as_get) {
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JSON object.");
        return;
    }
    const struct problem *problem = order_parse_new(
        exchange->arena, exchange->envelope.payload,
        (size_t)config_now(exchange->frontend->parts.config)->max_identifiers, &state->request);
    state->plan = (struct authorization_plan){.identifiers = state->request.identifiers,
                                              .identifier_count = state->request.identifier_count,
                                              .ancestors = state->request.ancestors};
    if (problem == NULL)
        problem = choose_profile(exchange, state);
    if (problem == NULL)
        problem = check_issuer_up(exchange, state);
    exchange->problem = problem;
}

/* ---- new-order: apply ---- */

static bool order_names(const struct order_request *request, const struct identifier *identifier)
{
    for (size_t i = 0; i < request->identifier_count; i++)
        if (identifier_compare(&request->identifiers[i], identifier) == 0)
            return true;
    return false;
}

/*
 * Returns why `replaces` is dropped from the order. That holds for a certificate that is unknown here,
 * belongs to another account or has other names. Refusing stopped renewals after an account was lost
 * (lego#2789, cert-manager#9075), and RFC 9773 §5 only recommends it. A certificate without an account
 * (signed by the CA's own API, or imported) can be replaced by an account that proves all its names; an order
 * with a name that needed no proof cannot.
 */
static const char *why_not_replaced(struct exchange *exchange, const struct order_request *request,
                                    enum store_result found, const struct certificate *certificate)
{
    if (found == STORE_NOT_FOUND)
        return "it was not issued at this endpoint";
    bool is_nobodys = certificate->account_id == 0;
    if (!is_nobodys && certificate->account_id != exchange->account.id)
        return "it belongs to another account";
    struct certificate_facts facts;
    if (!certificate_read_facts(exchange->arena, certificate->leaf, &facts))
        return "it cannot be read";
    size_t shared = 0;
    for (size_t i = 0; i < facts.identifier_count; i++)
        shared += order_names(request, &facts.identifiers[i]);
    if (is_nobodys && shared < facts.identifier_count)
        return "it belongs to no account, and has names that the order lacks";
    return shared == 0 ? "it shares no name with the order" : NULL;
}

static void ignore_replaces(struct exchange *exchange, struct order_state *state, const char *why)
{
    state->replaces_ignored = arena_printf(exchange->arena, "%s: %s", state->request.replaces, why);
    state->request.replaces = NULL;
}

static const struct problem *check_replaces(struct exchange *exchange, struct store_reader *reader,
                                            struct order_state *state)
{
    struct order_request *request = &state->request;
    if (request->replaces == NULL)
        return NULL;
    struct certificate certificate;
    enum store_result found = find_renewed_certificate(exchange, reader, bytes_from_string(request->replaces),
                                                       request->replaces_serial, &certificate);
    if (!exchange_store_ok(exchange, found))
        return exchange->problem;
    const char *why = why_not_replaced(exchange, request, found, &certificate);
    if (why != NULL) {
        ignore_replaces(exchange, state, why);
        return NULL;
    }
    state->replaces_nobodys = certificate.account_id == 0;
    int64_t by = 0;
    enum store_result replaced =
        store_order_that_replaced(reader, request->replaces, exchange->account.id, &by);
    if (!exchange_store_ok(exchange, replaced))
        return exchange->problem;
    if (replaced == STORE_OK)
        return problem_new(exchange->arena, PROBLEM_ALREADY_REPLACED,
                           "The certificate was replaced already, by order %lld.", (long long)by);
    return NULL;
}

/* Only an account that has proven its names replaces a certificate without an account. */
static void check_proofs_of_replaces(struct exchange *exchange, struct order_state *state,
                                     const struct authorization *authorizations)
{
    for (size_t i = 0;
         state->request.replaces != NULL && state->replaces_nobodys && i < state->request.identifier_count;
         i++)
        if (authorizations[i].status == AUTHORIZATION_VALID &&
            permission_why_not(exchange->arena, &state->plan.permission, &authorizations[i], NULL,
                               PERMISSION_CONTROL) != NULL)
            ignore_replaces(exchange, state,
                            "it belongs to no account, and a name of the order needed no proof");
    state->order.replaces = state->request.replaces;
}

static bool insert_order(struct exchange *exchange, struct store_writer *writer, struct order_state *state)
{
    const struct order_request *request = &state->request;
    struct authorization *authorizations =
        arena_alloc_array(exchange->arena, request->identifier_count, sizeof authorizations[0]);
    state->order = (struct order){
        .account_id = exchange->account.id,
        .endpoint = exchange->endpoint->name,
        .profile = state->plan.profile->name,
        .status = ORDER_PENDING,
        .status_since = exchange->now,
        .created_at = exchange->now,
        .expires_at = exchange->now + config_now(exchange->frontend->parts.config)->order_lifetime_s,
        .not_before = request->not_before,
        .not_after = request->not_after,
        .identifiers = request->identifiers,
        .identifier_count = request->identifier_count,
        .authorization_ids = arena_alloc_array(exchange->arena, request->identifier_count, sizeof(int64_t)),
        .client_address = exchange->request->client_address,
        .user_agent = exchange_user_agent(exchange),
    };
    for (size_t i = 0; i < request->identifier_count; i++) {
        if (!exchange_store_ok(exchange, authorization_plan_use(exchange, writer, &state->plan, i,
                                                                &authorizations[i], NULL)))
            return false;
        state->order.authorization_ids[i] = authorizations[i].id;
    }
    check_proofs_of_replaces(exchange, state, authorizations);
    const struct problem *problem = order_settle(exchange->arena, &state->order, authorizations,
                                                 request->identifier_count, exchange->now);
    if (problem != NULL)
        METRICS_NOTE(&exchange->notes, METRIC_ORDERS_INVALID, problem->type);
    METRICS_NOTE(&exchange->notes, METRIC_ORDERS_CREATED, metrics_profile(state->order.profile));
    return exchange_store_ok(exchange, store_order_insert(writer, &state->order)) &&
           exchange_store_ok(exchange, record(exchange, writer, EVENT_ORDER_CREATED, &state->order, NULL));
}

enum store_apply_result new_order_apply(struct exchange *exchange, struct store_writer *writer)
{
    struct order_state *state = exchange->state;
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    const struct problem *problem = authorization_plan_check(exchange, store_reader_of(writer), &state->plan);
    if (problem == NULL)
        problem = check_validity(exchange, state);
    if (problem == NULL)
        problem = check_replaces(exchange, store_reader_of(writer), state);
    if (problem == NULL)
        problem = authorization_plan_check_rates(exchange, &state->plan);
    if (problem != NULL)
        return authorization_plan_refuse(exchange, writer, &state->plan, EVENT_ORDER_REFUSED, problem);
    state->created = true;
    if (!insert_order(exchange, writer, state))
        return STORE_DISCARD;
    if (state->replaces_ignored != NULL &&
        !exchange_store_ok(exchange, record(exchange, writer, EVENT_ORDER_REPLACES_IGNORED, &state->order,
                                            state->replaces_ignored)))
        return STORE_DISCARD;
    return STORE_APPLIED;
}

/* ---- order ---- */

static const struct problem *load_order(struct exchange *exchange, struct store_reader *reader)
{
    struct order_state *state = state_of(exchange);
    enum store_result result = store_order_load(reader, exchange->arena, exchange->id, &state->order);
    const struct problem *problem =
        exchange_check_owner(exchange, result, "order", state->order.endpoint, state->order.account_id);
    if (problem != NULL)
        return problem;
    bool unfinished = state->order.status == ORDER_PENDING || state->order.status == ORDER_READY;
    if (unfinished && state->order.expires_at <= exchange->now)
        return problem_because(
            exchange->arena, CAUSE_ORDER_EXPIRED,
            problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                "The order expired before it was finalized; make a new one."));
    return NULL;
}

void order_ask(struct exchange *exchange, struct store_reader *reader)
{
    store_order_ask(reader, exchange->id);
}

void order_load(struct exchange *exchange, struct store_reader *reader)
{
    exchange->problem = load_order(exchange, reader);
}

bool order_is_over(const struct exchange *exchange)
{
    const struct order_state *state = exchange->state;
    return state->order.status != ORDER_PROCESSING;
}

void order_render_route(struct exchange *exchange)
{
    const struct order_state *state = exchange->state;
    exchange_add_header(exchange, "Location", url_order(exchange->arena, &exchange->urls, state->order.id));
    if (state->order.status == ORDER_PROCESSING || state->order.status == ORDER_PENDING)
        exchange_add_retry_after(exchange, POLL_AGAIN_S);
    exchange_reply_json(exchange, state->created ? 201 : 200,
                        order_render(exchange->arena, &exchange->urls, &state->order));
}

/* ---- finalize ---- */

/* True when the client may have missed the reply to its finalize. */
static bool is_repeated(struct exchange *exchange, const struct order *order)
{
    struct bytes csr;
    return order_parse_finalize(exchange->arena, exchange->envelope.payload, &csr) == NULL &&
           order_is_finalized_with(order, csr);
}

/* Checks a good CSR against the profile's key types and the CA's requirements. The issuance handles a profile
 * that is no longer configured. */
static const struct problem *check_fits_profile(struct exchange *exchange, const struct order_state *state,
                                                X509_REQ *csr)
{
    const struct profile_config *profile = NULL;
    const struct issuer *issuer =
        issuers_of_profile(exchange->frontend->parts.issuers, state->order.profile, &profile);
    if (issuer == NULL)
        return NULL;
    const struct problem *problem =
        csr_check_key_type(exchange->arena, csr, profile->key_types, profile->key_type_count);
    const char *fault = problem != NULL ? NULL : issuer_csr_fault(issuer, exchange->arena, csr);
    return fault == NULL ? problem
                         : problem_with_cause(exchange->arena, CAUSE_CA_CSR_REFUSED, PROBLEM_BAD_CSR,
                                              "CSR: %s. The order is still ready for another CSR.", fault);
}

/* Makes the costly checks, on the loop. An order's identifiers never change, so the result holds in `apply`
 * too. */
static const struct problem *check_csr(struct exchange *exchange, struct order_state *state,
                                       const struct jwk *account_key)
{
    const struct problem *problem =
        order_parse_finalize(exchange->arena, exchange->envelope.payload, &state->csr);
    if (problem != NULL)
        return problem;
    X509_REQ *csr = NULL;
    problem = csr_check(exchange->arena, state->csr, state->order.identifiers, state->order.identifier_count,
                        account_key->key, &csr);
    if (problem == NULL)
        problem = check_fits_profile(exchange, state, csr);
    if (problem != NULL) {
        X509_REQ_free(csr);
        return problem;
    }
    exchange_keep_draft(exchange, issuance_job_draft(exchange->frontend->parts.jobs, csr));
    return NULL;
}

void finalize_check(struct exchange *exchange)
{
    struct order_state *state = exchange->state;
    if (exchange->envelope.post_as_get) {
        exchange->problem =
            problem_new(exchange->arena, PROBLEM_MALFORMED, "The payload must be a JSON object with a csr.");
        return;
    }
    exchange->answered = is_repeated(exchange, &state->order);
    if (exchange->answered)
        return;
    exchange->problem = order_check_ready(exchange->arena, &state->order);
    const struct jwk *account_key = exchange->problem == NULL ? exchange_key(exchange) : NULL;
    if (account_key != NULL)
        state->refusal = check_csr(exchange, state, account_key);
}

/* Ends the order, because it is no longer permitted (RFC 8555 §7.1.6). */
static enum store_apply_result end_order(struct exchange *exchange, struct store_writer *writer,
                                         struct order *order, const struct problem *problem)
{
    order_fail(exchange->arena, order, problem, exchange->now);
    METRICS_NOTE(&exchange->notes, METRIC_ORDERS_INVALID, problem->type);
    if (!exchange_store_ok(exchange, store_order_update(writer, order, ORDER_READY)) ||
        !exchange_store_ok(exchange, record_end(exchange, writer, order, problem)))
        return STORE_DISCARD;
    exchange->problem = problem;
    return STORE_APPLIED;
}

enum store_apply_result finalize_apply(struct exchange *exchange, struct store_writer *writer)
{
    struct order_state *state = exchange->state;
    store_authorizations_of_order_ask(store_reader_of(writer), exchange->id);
    if (!exchange_reload_account(exchange, store_reader_of(writer)))
        return STORE_DISCARD;
    const struct problem *problem = load_order(exchange, store_reader_of(writer));
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    struct order *order = &state->order;
    if (order->status != ORDER_VALID)
        exchange->hold_key = order->id;
    if (order_is_finalized_with(order, state->csr))
        return STORE_DISCARD;
    problem = order_check_ready(exchange->arena, order);
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    if (state->refusal != NULL) {
        struct event event = event_of_order(exchange->arena, EVENT_FINALIZE_REFUSED, order);
        return exchange_refuse_and_record(exchange, writer, &event, state->refusal);
    }
    if (!exchange_store_ok(exchange,
                           permit_issue(exchange->frontend->parts.config, store_reader_of(writer),
                                        exchange->arena, &exchange->account, order, exchange->now, &problem)))
        return STORE_DISCARD;
    if (problem != NULL)
        return end_order(exchange, writer, order, problem);
    order->status = ORDER_PROCESSING;
    order->status_since = exchange->now;
    order->processing_since = exchange->now;
    order->next_attempt_at = exchange->now;
    order->csr = state->csr;
    METRICS_NOTE(&exchange->notes, METRIC_ORDERS_FINALIZED, metrics_profile(order->profile));
    enum store_result begun = exchange->draft == NULL
                                  ? STORE_NOT_FOUND
                                  : issuance_job_write_attempt(exchange->draft, writer, exchange->now, order);
    if (!exchange_store_ok(exchange, begun) ||
        !exchange_store_ok(exchange, store_order_update(writer, order, ORDER_READY)) ||
        !exchange_store_ok(exchange, record(exchange, writer, EVENT_ORDER_FINALIZED, order, NULL)))
        return STORE_DISCARD;
    exchange->hand_over = begun == STORE_OK;
    if (!exchange->hand_over)
        exchange->jobs_due = JOBS_DUE_ORDERS;
    return STORE_APPLIED;
}
