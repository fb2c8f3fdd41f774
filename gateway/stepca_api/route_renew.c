/* SPDX-License-Identifier: Apache-2.0 */
/* POST /renew of step-ca's API, by a renewal token. The successor equals the presented certificate in all but
 * time. */
#include "acme/pki/x509_read.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/stepca_api/stepca_api_issue.h"
#include "gateway/stepca_api/stepca_api_policy.h"
#include "gateway/stepca_api/stepca_api_routes.h"

struct renew_state {
    struct stepca_api_issue issue; /* first */
    struct stepca_chain chain;     /* of the certificate that is presented */
    struct certificate_facts facts;
};

static void free_certificate(void *certificate)
{
    X509_free(certificate);
}

static const struct problem *read_token(struct exchange *exchange, struct renew_state *state,
                                        struct bytes *token)
{
    const struct bytes scheme = BYTES_LITERAL("Bearer ");
    struct bytes header = exchange->request->authorization;
    if (!bytes_has_prefix(header, scheme))
        return problem_with_status(
            exchange->arena, 400, PROBLEM_MALFORMED,
            "A certificate's own TLS key speaks to the CA only, and this server is not the CA: renew by "
            "token (step ca "
            "renew --mtls=false, in step newer than 0.21), or with the CA's own URL, or by ACME.");
    *token = bytes_of(header.p + scheme.n, header.n - scheme.n);
    if (!stepca_read_renewal_token(exchange->arena, *token, &state->chain) ||
        !certificate_read_facts(exchange->arena, state->chain.certificates[0], &state->facts))
        return problem_with_status(
            exchange->arena, 401, PROBLEM_MALFORMED,
            "the renewal token cannot be read: its x5cInsecure contains no certificate");
    return NULL;
}

/* Several issuers may share a root, and a CA renews certificates that another one under its root has signed.
 * The signer decides, not the path. */
static bool may_be_of_another_issuer(const struct frontend_parts *parts, struct issuer *issuer,
                                     struct bytes leaf)
{
    const struct config *config = config_now(parts->config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct issuer *other = issuers_find(parts->issuers, config->issuers[i].id);
        if (other != NULL && other != issuer && issuer_shares_root(other, issuer))
            return !issuer_has_signed(issuer, leaf);
    }
    return false;
}

/* Checks the certificate as if it had just been issued here; an expired one at its last moment. Its first
 * moment is unsuitable: the CA's backdate may be before its intermediate's beginning. */
static const struct problem *check_presented(struct exchange *exchange, const struct stepca_api_call *call,
                                             struct renew_state *state, const struct validity_limits *limits)
{
    const struct certificate_facts *facts = &state->facts;
    const struct problem *problem = stepca_api_policy_check_life(exchange->arena, limits, exchange->now,
                                                                 facts->not_before, facts->not_after);
    if (problem == NULL)
        problem = stepca_api_policy_check_key(exchange->arena, call->profile, state->issue.key);
    if (problem != NULL)
        return problem;
    const struct certificate_expectation expectation = {
        .key = state->issue.key,
        .policy = &call->profile->names,
        .latest_not_after = facts->not_after,
        .roots = call->issuer->roots,
        .now = exchange->now < facts->not_after ? exchange->now : facts->not_after - 1,
    };
    struct certificate_facts again;
    struct fault fault;
    bool fits = certificate_check(exchange->arena, state->chain.certificates, state->chain.count,
                                  &expectation, &again, &fault);
    if (fits &&
        may_be_of_another_issuer(&exchange->frontend->parts, call->issuer, state->chain.certificates[0]))
        fits = fault_set(
            &fault,
            "several of this server's issuers share its root, and this one is not known to have signed it");
    if (fits)
        return NULL;
    return problem_with_status(exchange->arena, 403, PROBLEM_UNAUTHORIZED, "It is not renewed here: %s",
                               fault.message);
}

static void take(struct stepca_api_call *call)
{
    struct renew_state *state = call->state;
    struct validity_limits limits;
    stepca_api_issue_limits(call, NULL, &limits);
    int64_t asked_at = call->request.asked_at;
    state->issue.asked.latest_not_after = asked_at + validity_cap(&limits, asked_at) + CERTIFICATE_SLACK_S;
    stepca_api_issue_take(call);
}

void stepca_api_renew_prepare(struct exchange *exchange)
{
    struct renew_state *state = arena_alloc(exchange->arena, sizeof *state);
    struct stepca_api_call *call = stepca_api_call_new(exchange, state);
    struct bytes token = {0};
    if (exchange->problem == NULL)
        exchange->problem = read_token(exchange, state, &token);
    if (exchange->problem != NULL)
        return;
    X509 *presented = x509_read(state->chain.certificates[0]);
    arena_on_free(exchange->arena, free_certificate, presented);
    state->issue.key = X509_get0_pubkey(presented);
    struct validity_limits limits;
    stepca_api_issue_limits(call, NULL, &limits);
    exchange->problem = check_presented(exchange, call, state, &limits);
    if (exchange->problem != NULL)
        return;
    state->issue.event_type = EVENT_SIGN_RENEWED;
    state->issue.event_detail = arena_printf(exchange->arena, "profile %s, replaces certificate %s",
                                             call->profile->name, state->facts.serial);
    call->request.authorization =
        arena_printf(exchange->arena, "Bearer %.*s", (int)token.n, (const char *)token.p);
    /* The CA reads no body here. The HTTP library may repeat a POST without a body when a kept connection
     * ends before its answer. The CA would take that for a token that is used twice. */
    call->request.body = BYTES_LITERAL("{}");
    stepca_api_call_begin(call, "POST", "/1.0/renew", NULL, take);
}
