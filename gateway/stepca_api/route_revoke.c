/* SPDX-License-Identifier: Apache-2.0 */
/* POST /revoke of step-ca's API. A revocation that the CA confirms is recorded here as well. */
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/ca/issuer_certificate.h"
#include "gateway/stepca_api/stepca_api_call.h"
#include "gateway/stepca_api/stepca_api_routes.h"
#include "stepca/client_request.h"
#include "store/certificates.h"

enum { PROVISIONER_MAX_BYTES = 100 };

struct revoke_state {
    struct stepca_client_revoke request;
    char serial[SERIAL_HEX_BYTES];
    const char *by;   /* "token of provisioner …" */
    bool was_revoked; /* already revoked: the CA says so, but not why */
};

static void mark_revoked(const struct revoke_state *state, int64_t now, struct certificate *certificate)
{
    if (certificate->status != CERTIFICATE_REJECTED)
        certificate->status = CERTIFICATE_REVOKED;
    if (certificate->revocation_requested_at == 0) {
        certificate->revocation_requested_at = now;
        certificate->revocation_requested_by = state->by;
        certificate->revocation_reason = state->was_revoked ? 0 : state->request.reason_code;
    }
    certificate->revoked_at = now;
    certificate->revocation_next_attempt_at = 0;
    certificate->revocation_error = NULL;
}

static enum store_apply_result apply_revoked(struct stepca_api_call *call, struct store_writer *writer)
{
    const struct revoke_state *state = call->state;
    struct arena *arena = call->exchange->arena;
    struct certificate certificate = {0};
    enum store_result result =
        issuer_certificate_find(store_reader_of(writer), arena, call->issuer, state->serial, &certificate);
    bool is_news = result == STORE_OK ? certificate.revoked_at == 0 : !state->was_revoked;
    if (result == STORE_FAILED)
        return STORE_DISCARD;
    if (!is_news)
        return STORE_APPLIED;
    if (certificate.revocation_requested_at == 0)
        METRICS_NOTE(&call->exchange->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(call->issuer->id));
    if (result == STORE_OK) {
        mark_revoked(state, call->exchange->now, &certificate);
        result = store_certificate_update(writer, &certificate);
        if (result == STORE_OK)
            result = store_certificate_revoke_twins(writer, &certificate);
    } else {
        result = STORE_OK;
    }
    METRICS_NOTE(&call->exchange->notes, METRIC_REVOCATIONS_CONFIRMED, metrics_issuer(call->issuer->id));
    const char *words = state->was_revoked ? "the CA had already revoked it" : "confirmed by the CA";
    const char *detail = certificate.id != 0
                             ? arena_printf(arena, "%s, %s", words, state->by)
                             : arena_printf(arena, "%s, %s; serial %s is not in the inventory", words,
                                            state->by, state->serial);
    if (result == STORE_OK)
        result = stepca_api_call_record(call, writer, EVENT_CERTIFICATE_REVOKED, certificate.id, detail);
    return store_applied(result);
}

/* Reports the revocation after the commit: a loop that drops its responses reads our records next. */
static void tell_revoked(struct stepca_api_call *call)
{
    const struct frontend_parts *parts = &call->exchange->frontend->parts;
    parts->revoked(parts->context, call->issuer->id);
}

static void take(struct stepca_api_call *call)
{
    struct revoke_state *state = call->state;
    enum stepca_outcome outcome = stepca_api_call_outcome(call, STEPCA_REVOKE);
    state->was_revoked = outcome == STEPCA_ALREADY_REVOKED;
    if (outcome == STEPCA_OK)
        exchange_reply_json(call->exchange, 200, BYTES_LITERAL("{\"status\":\"ok\"}"));
    if (outcome != STEPCA_OK && !state->was_revoked) {
        stepca_api_call_answer(call);
        return;
    }
    call->committed = tell_revoked;
    stepca_api_call_commit(call, apply_revoked);
}

static const struct problem *read_request(struct exchange *exchange, struct revoke_state *state)
{
    struct arena *arena = exchange->arena;
    struct stepca_token_claims claims;
    const char *why = stepca_read_client_revoke(arena, exchange->request->body, &state->request);
    if (why == NULL && !serial_from_octets(state->request.serial, state->serial))
        why = "the serial number is longer than 20 octets";
    if (why == NULL && state->request.token == NULL)
        why = "A certificate's own TLS key speaks to the CA only, and this server is not the CA: revoke by "
              "token "
              "(step ca revoke with the serial number alone), or with the CA's own URL, or by ACME.";
    if (why != NULL)
        return problem_with_status(arena, 400, PROBLEM_MALFORMED, "%s", why);
    const struct problem *problem = revocation_reason_check(arena, state->request.reason_code);
    if (problem != NULL)
        return problem;
    if (!stepca_read_token(arena, bytes_from_string(state->request.token), &claims))
        return problem_with_status(arena, 401, PROBLEM_MALFORMED, "the one-time token cannot be read");
    state->by = arena_printf(arena, "token of provisioner %s",
                             arena_printable(arena, bytes_from_string(claims.issuer), PROVISIONER_MAX_BYTES));
    return NULL;
}

void stepca_api_revoke_prepare(struct exchange *exchange)
{
    struct revoke_state *state = arena_alloc(exchange->arena, sizeof *state);
    struct stepca_api_call *call = stepca_api_call_new(exchange, state);
    if (exchange->problem == NULL)
        exchange->problem = read_request(exchange, state);
    if (exchange->problem != NULL)
        return;
    call->request.body = stepca_client_revoke_body(exchange->arena, &state->request);
    stepca_api_call_begin(call, "POST", "/1.0/revoke", NULL, take);
}
