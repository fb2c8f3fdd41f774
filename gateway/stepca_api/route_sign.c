/* SPDX-License-Identifier: Apache-2.0 */
/* POST /sign of step-ca's API. The profile is checked before the CA is asked, and the certificate before it
 * is handed out. */
#include "gateway/stepca_api/stepca_api_issue.h"
#include "gateway/stepca_api/stepca_api_policy.h"
#include "gateway/stepca_api/stepca_api_routes.h"

enum { PROVISIONER_MAX_BYTES = 100 };

struct sign_state {
    struct stepca_api_issue issue; /* first */
    struct stepca_client_sign request;
    struct stepca_token_claims claims;
    struct subject_names names; /* of the CSR */
};

static void free_csr(void *csr)
{
    X509_REQ_free(csr);
}

static const struct problem *malformed(struct exchange *exchange, int status, const char *what)
{
    return problem_with_status(exchange->arena, status, PROBLEM_MALFORMED, "%s", what);
}

static const struct problem *read_request(struct exchange *exchange, struct sign_state *state)
{
    struct arena *arena = exchange->arena;
    const char *why = stepca_read_client_sign(arena, exchange->request->body, &state->request);
    if (why != NULL)
        return malformed(exchange, 400, why);
    if (state->request.has_template_data)
        return malformed(exchange, 403,
                         "templateData is not passed on, because it may put more into the certificate than "
                         "the profile allows: omit --set and --set-file, or use the CA itself");
    if (!stepca_read_token(arena, bytes_from_string(state->request.token), &state->claims))
        return malformed(exchange, 401, "the one-time token cannot be read");
    const struct problem *problem = csr_read(arena, state->request.csr_der, &state->names, &state->issue.csr);
    if (problem == NULL)
        arena_on_free(arena, free_csr, state->issue.csr);
    return problem;
}

/* Fills in the request: it depends on the provisioner, which the outbound thread knows. */
static void ask(struct stepca_api_call *call)
{
    struct sign_state *state = call->state;
    struct exchange *exchange = call->exchange;
    struct validity_limits limits;
    struct validity_request validity;
    stepca_api_issue_limits(call, &state->claims, &limits);
    exchange->problem =
        stepca_api_policy_plan(exchange->arena, &limits, exchange->now, &state->request, &validity);
    if (exchange->problem != NULL)
        return;
    state->issue.asked = validity;
    const struct stepca_sign_request request = {
        .csr_der = state->request.csr_der,
        .token = state->request.token,
        .not_before = validity.not_before,
        .not_after = validity.not_after,
    };
    call->request.body = stepca_sign_body(exchange->arena, &request);
}

static void take(struct stepca_api_call *call)
{
    struct sign_state *state = call->state;
    int64_t waited_s = call->request.asked_at - call->request.entered_at;
    state->issue.asked.latest_not_after += waited_s;
    if (state->issue.asked.latest_not_before != 0)
        state->issue.asked.latest_not_before += waited_s;
    stepca_api_issue_take(call);
}

void stepca_api_sign_prepare(struct exchange *exchange)
{
    struct sign_state *state = arena_alloc(exchange->arena, sizeof *state);
    struct stepca_api_call *call = stepca_api_call_new(exchange, state);
    if (exchange->problem == NULL)
        exchange->problem = read_request(exchange, state);
    if (exchange->problem == NULL)
        exchange->problem = stepca_api_policy_check_key(exchange->arena, call->profile,
                                                        X509_REQ_get0_pubkey(state->issue.csr));
    if (exchange->problem == NULL)
        exchange->problem =
            stepca_api_policy_check_names(exchange->arena, call->profile, &state->claims, &state->names);
    if (exchange->problem != NULL)
        return;
    state->issue.claims = &state->claims;
    state->issue.event_type = EVENT_SIGN_ISSUED;
    state->issue.event_detail = arena_printf(
        exchange->arena, "profile %s, provisioner %s", call->profile->name,
        arena_printable(exchange->arena, bytes_from_string(state->claims.issuer), PROVISIONER_MAX_BYTES));
    state->issue.event_names =
        identifiers_join(exchange->arena, state->names.identifiers, state->names.count);
    stepca_api_call_begin(call, "POST", "/1.0/sign", ask, take);
}
