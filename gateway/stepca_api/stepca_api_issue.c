/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stepca_api/stepca_api_issue.h"

#include "gateway/issuance/issuance_write.h"
#include "gateway/jobs/jobs.h"
#include "gateway/runtime/log.h"
#include "stepca/messages.h"
#include "store/events.h"

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

static enum store_apply_result apply_unknown(struct stepca_api_call *call, struct store_writer *writer)
{
    const struct stepca_api_issue *issue = call->state;
    const char *words =
        arena_printf(call->exchange->arena, "%s: %s", issue->event_detail, call->exchange->problem->detail);
    struct event event = {.type = EVENT_SIGN_UNKNOWN,
                          .detail = words,
                          .cause = call->exchange->problem->cause,
                          .names = issue->event_names};
    return store_applied(exchange_record(call->exchange, writer, &event));
}

static enum store_apply_result apply_refused(struct stepca_api_call *call, struct store_writer *writer)
{
    struct exchange *exchange = call->exchange;
    const struct stepca_api_issue *issue = call->state;
    struct problem words = *exchange->problem;
    words.detail = arena_printf(exchange->arena, "%s: %s", issue->event_detail, words.detail);
    struct event event = {.type = EVENT_SIGN_REFUSED, .names = issue->event_names};
    enum store_result result = exchange_record_refusal(exchange, writer, &event, &words);
    exchange_limit_refusals(exchange);
    return store_applied(result);
}

/* 403 follows a token that was accepted, so the refusal concerns an authenticated client. */
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

/* Writes step-ca's SignResponse from the checked certificate. Other parts of the CA's reply are not handed
 * out. */
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
    for (size_t i = 0; i < chain->count; i++)
        json_write_string(writer, certificate_to_pem(arena, chain->certificates[i]));
    json_end_array(writer);
    stepca_put_tls_options(writer, reply);
    json_end_object(writer);
    exchange_reply_json(call->exchange, 201, json_writer_finish(writer));
}

/* Refuses the certificate: nobody gets it. */
static void refuse_with(struct stepca_api_call *call)
{
    const struct stepca_api_issue *issue = call->state;
    struct exchange *exchange = call->exchange;
    const char *why = issue->issued.why;
    exchange->jobs_due = JOBS_DUE_REVOCATIONS;
    exchange->problem = problem_because(
        exchange->arena, CAUSE_CERTIFICATE_MISFIT,
        problem_with_status(
            exchange->arena, 502, PROBLEM_SERVER_INTERNAL,
            "The CA issued a certificate that does not fit (%s); it is not handed out and is being revoked.",
            why));
}

static enum store_result write_event(void *context, struct store_writer *writer, struct event *event)
{
    const struct stepca_api_call *call = context;
    return exchange_record(call->exchange, writer, event);
}

static enum store_apply_result apply_certificate(struct stepca_api_call *call, struct store_writer *writer)
{
    struct stepca_api_issue *issue = call->state;
    struct exchange *exchange = call->exchange;
    struct issued *issued = &issue->issued;
    const struct issuance_record record = {
        .issued = issued,
        .profile = call->profile->name,
        .notes = &exchange->notes,
        .event = {.type = issue->event_type,
                  .detail = issued->why == NULL
                                ? issue->event_detail
                                : arena_printf(exchange->arena, "%s: %s", issue->event_detail, issued->why),
                  .known.names = issue->event_names},
        .write_event = write_event,
        .context = call,
    };
    enum store_result result = issuance_write(writer, &record);
    if (result != STORE_KNOWN)
        return store_applied(result);
    exchange->problem =
        problem_because(exchange->arena, CAUSE_CERTIFICATE_OF_BEFORE,
                        problem_with_status(exchange->arena, 502, PROBLEM_SERVER_INTERNAL,
                                            "The CA answered with a certificate that it had issued before."));
    return STORE_DISCARD;
}

static void observe(struct stepca_api_call *call)
{
    const struct stepca_api_issue *issue = call->state;
    const struct stepca_token_claims *claims = issue->claims;
    const struct ca_signed certificate = {
        .signed_at = call->request.asked_at,
        .not_before = issue->issued.facts.not_before,
        .not_after = issue->issued.facts.not_after,
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
    const struct issuance_terms terms = {.issuer = call->issuer,
                                         .csr = issue->csr,
                                         .key = issue->key,
                                         .policy = &call->profile->names,
                                         .validity = &issue->asked,
                                         .actor = "gateway"};
    enum issuance_verdict verdict = issuance_check(exchange->arena, &terms, chain->certificates, chain->count,
                                                   exchange->now, &issue->issued);
    if (verdict == ISSUANCE_UNREADABLE) {
        take_garbage(call, "The CA's certificate cannot be read.");
        return;
    }
    observe(call);
    if (verdict == ISSUANCE_FITS)
        reply_with(call, chain);
    else
        refuse_with(call);
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
