/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stepca_api/stepca_api_issue.h"

#include "gateway/jobs/jobs.h"
#include "gateway/runtime/log.h"
#include "stepca/messages.h"

enum { REPLY_MAX_BYTES = 1024 * 1024 };

void stepca_api_issue_limits(const struct stepca_api_call *call, const struct stepca_token_claims *claims,
                             struct validity_limits *out)
{
    issuers_profile_limits(call->exchange->frontend->parts.issuers, call->profile, out);
    out->preferred_s = 0; /* the client's or the CA's, not this server's own */
    if (claims != NULL) {
        call->api->limits(call->issuer, claims->issuer, claims->key_id, out);
        return;
    }
    out->issuer_min_s = out->issuer_max_s = out->learned_min_s = out->learned_max_s = 0;
    out->issuer_default_s = 0;
    out->default_is_told = false;
}

/* ---- no certificate ---- */

static enum store_apply_result apply_unknown(struct stepca_api_call *call, struct store_session *session)
{
    const struct stepca_api_issue *issue = call->state;
    const char *words =
        arena_printf(call->exchange->arena, "%s: %s", issue->event_detail, call->exchange->problem->detail);
    struct event event = {.kind = "native.unknown",
                          .detail = words,
                          .cause = call->exchange->problem->cause,
                          .names = issue->event_names};
    return store_applied(exchange_record(call->exchange, session, &event));
}

static enum store_apply_result apply_refused(struct stepca_api_call *call, struct store_session *session)
{
    struct exchange *exchange = call->exchange;
    const struct stepca_api_issue *issue = call->state;
    struct problem words = *exchange->problem;
    words.detail = arena_printf(exchange->arena, "%s: %s", issue->event_detail, words.detail);
    struct event event = {.kind = "native.refused", .names = issue->event_names};
    enum store_result result = exchange_record_refusal(exchange, session, &event, &words);
    exchange_limit_refusals(exchange);
    return store_applied(result);
}

/* 403 follows a token that was accepted: that refusal is an authenticated client's. */
static void take_refusal(struct stepca_api_call *call, enum stepca_outcome outcome)
{
    const struct stepca_api_issue *issue = call->state;
    bool is_answered_403 = call->request.outcome == ISSUER_API_ANSWERED && call->request.status == 403;
    if (is_answered_403 && issue->claims != NULL)
        call->api->refused(call->issuer, issue->claims->issuer, issue->claims->key_id, &call->duration,
                           &issue->asked);
    if (stepca_api_call_is_lost(call, outcome))
        stepca_api_call_commit(call, apply_unknown);
    else if (is_answered_403)
        stepca_api_call_commit(call, apply_refused);
    else
        stepca_api_call_answer(call);
}

static void take_garbage(struct stepca_api_call *call, const char *what)
{
    call->exchange->problem =
        problem_because(call->exchange->arena, CAUSE_CA_ANSWER_STRANGE,
                        problem_with_status(call->exchange->arena, 502, PROBLEM_SERVER_INTERNAL, "%s", what));
    take_refusal(call, STEPCA_GARBAGE);
}

/* ---- the certificate ---- */

static void fill_certificate(struct stepca_api_call *call, const struct stepca_chain *chain)
{
    struct stepca_api_issue *issue = call->state;
    struct exchange *exchange = call->exchange;
    issue->certificate = (struct certificate){
        .issuer = call->issuer->id,
        .root_fingerprint = call->issuer->root_fingerprint,
        .serial = issue->facts.serial,
        .leaf = chain->certificates[0],
        .chain_pem = certificates_to_pem(exchange->arena, chain->certificates + 1, chain->count - 1),
        .key_hash = bytes_of(issue->facts.key_hash, sizeof(issue->facts.key_hash)),
        .not_before = issue->facts.not_before,
        .not_after = issue->facts.not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_EXTERNAL,
        .created_at = exchange->now,
    };
}

/* step-ca's SignResponse, from what was checked: what else the CA's reply held is not handed out. */
static void reply_with(struct stepca_api_call *call, const struct stepca_chain *chain)
{
    struct arena *arena = call->exchange->arena;
    const struct json *reply = json_parse(arena, call->request.reply, &stepca_reply_limits, NULL);
    struct json_writer *writer = json_writer_new(arena, REPLY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "crt", certificate_to_pem(arena, chain->certificates[0]));
    json_put_string(writer, "ca",
                    chain->count > 1 ? certificate_to_pem(arena, chain->certificates[1]) : NULL);
    json_key(writer, "certChain");
    json_begin_array(writer);
    for (size_t i = 0; i < chain->count; ++i)
        json_write_string(writer, certificate_to_pem(arena, chain->certificates[i]));
    json_end_array(writer);
    stepca_put_tls_options(writer, reply);
    json_end_object(writer);
    exchange_reply_json(call->exchange, 201, json_writer_finish(writer));
}

/* Nobody will get it: kept, and its revocation due. */
static void reject(struct stepca_api_call *call, const char *why)
{
    struct stepca_api_issue *issue = call->state;
    struct certificate *certificate = &issue->certificate;
    struct exchange *exchange = call->exchange;
    certificate->status = CERTIFICATE_REJECTED;
    certificate->rejected_because = why;
    certificate->revocation_requested_at = exchange->now;
    certificate->revocation_requested_by = "gateway";
    certificate->revocation_next_attempt_at = exchange->now;
    exchange->jobs_due = JOBS_DUE_REVOCATIONS;
    exchange->problem = problem_because(
        exchange->arena, CAUSE_CERTIFICATE_MISFIT,
        problem_with_status(
            exchange->arena, 502, PROBLEM_SERVER_INTERNAL,
            "The CA issued a certificate that does not fit (%s); it is not handed out and is being revoked.",
            why));
    log_error("issuer %s: certificate %s, asked for through its own API by %s, is rejected: %s",
              call->issuer->id, certificate->serial, exchange->request->client_address, why);
}

static enum store_apply_result apply_certificate(struct stepca_api_call *call, struct store_session *session)
{
    struct stepca_api_issue *issue = call->state;
    struct certificate *certificate = &issue->certificate;
    bool rejected = certificate->status == CERTIFICATE_REJECTED;
    enum store_result result = store_certificate_insert(session, certificate, issue->facts.identifiers,
                                                        issue->facts.identifier_count);
    if (result == STORE_NOT_FOUND) {
        call->exchange->problem =
            problem_with_status(call->exchange->arena, 502, PROBLEM_SERVER_INTERNAL,
                                "The CA answered with a certificate that it had issued before.");
        return STORE_DISCARD;
    }
    struct metric_notes *notes = &call->exchange->notes;
    METRICS_NOTE(notes, rejected ? METRIC_CERTIFICATES_REJECTED : METRIC_CERTIFICATES_ISSUED,
                 metrics_profile(call->profile->name), CERTIFICATE_EXTERNAL);
    if (rejected)
        METRICS_NOTE(notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(call->issuer->id));
    if (result == STORE_OK)
        result = stepca_api_call_record(
            call, session, rejected ? "certificate.rejected" : issue->event_kind, certificate->id,
            rejected ? arena_printf(call->exchange->arena, "%s: %s", issue->event_detail,
                                    certificate->rejected_because)
                     : issue->event_detail);
    return store_applied(result);
}

static void observe(struct stepca_api_call *call)
{
    const struct stepca_api_issue *issue = call->state;
    const struct stepca_token_claims *claims = issue->claims;
    const struct ca_signed certificate = {
        .signed_at = call->request.asked_at,
        .not_before = issue->facts.not_before,
        .not_after = issue->facts.not_after,
        .begin_left = issue->asked.not_before == NULL,
        .end_left = claims != NULL && issue->asked.not_after == NULL,
    };
    call->api->observe(call->issuer, claims == NULL ? NULL : claims->issuer,
                       claims == NULL ? NULL : claims->key_id, &certificate);
}

static void take_certificate(struct stepca_api_call *call, const struct stepca_chain *chain)
{
    struct stepca_api_issue *issue = call->state;
    struct exchange *exchange = call->exchange;
    const char *why = NULL;
    issue->expectation.policy = &call->profile->names;
    issue->expectation.roots = call->issuer->roots;
    issue->expectation.intermediates = call->issuer->intermediates;
    issue->expectation.now = exchange->now;
    bool fits = certificate_check(exchange->arena, chain->certificates, chain->count, &issue->expectation,
                                  &issue->facts, &why);
    if (issue->facts.serial[0] == '\0') {
        take_garbage(call, "The CA's certificate cannot be read.");
        return;
    }
    observe(call);
    fill_certificate(call, chain);
    if (fits)
        reply_with(call, chain);
    else
        reject(call, why);
    stepca_api_call_commit(call, apply_certificate);
}

void stepca_api_issue_take(struct stepca_api_call *call)
{
    struct stepca_chain chain;
    enum stepca_outcome outcome = stepca_api_call_outcome(call, STEPCA_SIGN);
    if (outcome != STEPCA_OK)
        take_refusal(call, outcome);
    else if (!stepca_parse_chain(call->exchange->arena, call->request.reply, &chain))
        take_garbage(call, "The CA's certificates cannot be read.");
    else
        take_certificate(call, &chain);
}
