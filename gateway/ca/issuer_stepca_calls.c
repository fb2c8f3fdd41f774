/* SPDX-License-Identifier: Apache-2.0 */
/* One signature or revocation at step-ca: the token, the request, and the meaning of the reply. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acme/base/time_text.h"
#include "acme/revocation.h"
#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "stepca/outcome.h"
#include "stepca/subject.h"
#include "stepca/token.h"

enum { TOKEN_LEEWAY_S = 60 }; /* step-ca's leeway for a token's times */

static struct issuer_result *result_of(const struct remote_call *call)
{
    return call->sign != NULL ? &call->sign->result : &call->revoke->result;
}

const struct issuer_permit *issuer_stepca_permit_of(const struct remote_call *call)
{
    return call->sign != NULL ? &call->sign->permit : &call->revoke->permit;
}

/* ---- the meaning of a reply ---- */

static enum issuer_outcome outcome_without_reply(const struct outbound_http_reply *reply)
{
    return reply->connected && !reply->untrusted ? ISSUER_UNKNOWN : ISSUER_UNAVAILABLE;
}

static enum issuer_outcome outcome_of(const struct stepca_error *error,
                                      const struct outbound_http_reply *reply)
{
    if (reply->status == 0) {
        return outcome_without_reply(reply);
    }
    switch (error->outcome) {
    case STEPCA_OK:
        return ISSUER_OK;
    case STEPCA_REFUSED:
        return ISSUER_REFUSED;
    case STEPCA_ALREADY_REVOKED:
        return ISSUER_ALREADY_REVOKED;
    case STEPCA_UNAUTHORIZED:
        return ISSUER_UNAUTHORIZED;
    case STEPCA_NOT_FOUND: /* a wrong ca_url, or a proxy without its CA: the operator has to repair it; the
                            * order is not at fault */
    case STEPCA_BUSY:
        return ISSUER_UNAVAILABLE;
    case STEPCA_GARBAGE:
        break;
    }
    return ISSUER_UNKNOWN;
}

/* Returns the cause named by the CA's words. Without a refusal it means nothing. */
static enum issuer_refusal refusal_of(enum stepca_refusal refusal)
{
    switch (refusal) {
    case STEPCA_REFUSAL_NAMES:
        return ISSUER_REFUSAL_NAMES;
    case STEPCA_REFUSAL_TOO_LONG:
    case STEPCA_REFUSAL_TOO_SHORT:
        return ISSUER_REFUSAL_DURATION;
    case STEPCA_REFUSAL_POLICY:
    case STEPCA_REFUSAL_NAME_CONSTRAINTS:
    case STEPCA_REFUSAL_WEBHOOK:
    case STEPCA_REFUSAL_TEMPLATE:
    case STEPCA_REFUSAL_CA:
        return ISSUER_REFUSAL_CA;
    case STEPCA_REFUSAL_NONE:
    case STEPCA_REFUSAL_CSR:
        break;
    }
    return ISSUER_REFUSAL_CSR;
}

static enum cause cause_without_reply(const struct outbound_http_reply *reply)
{
    if (issuer_stepca_clock_is_off(reply)) {
        return CAUSE_CA_CLOCK_DIFFERS;
    }
    if (reply->untrusted) {
        return CAUSE_CA_UNTRUSTED;
    }
    return reply->connected ? CAUSE_CA_ANSWER_LOST : CAUSE_CA_UNREACHABLE;
}

static enum cause cause_of_refusal(enum stepca_refusal refusal)
{
    static const enum cause causes[] = {
        [STEPCA_REFUSAL_NONE] = CAUSE_CA_REFUSED,
        [STEPCA_REFUSAL_CSR] = CAUSE_CA_CSR_REFUSED,
        [STEPCA_REFUSAL_NAMES] = CAUSE_CA_NAMES_REFUSED,
        [STEPCA_REFUSAL_TOO_LONG] = CAUSE_CA_DURATION_REFUSED,
        [STEPCA_REFUSAL_TOO_SHORT] = CAUSE_CA_DURATION_REFUSED,
        [STEPCA_REFUSAL_POLICY] = CAUSE_CA_POLICY,
        [STEPCA_REFUSAL_NAME_CONSTRAINTS] = CAUSE_CA_NAME_CONSTRAINTS,
        [STEPCA_REFUSAL_WEBHOOK] = CAUSE_CA_WEBHOOK,
        [STEPCA_REFUSAL_TEMPLATE] = CAUSE_CA_TEMPLATE,
        [STEPCA_REFUSAL_CA] = CAUSE_CA_REFUSED,
    };
    return causes[refusal];
}

/* A proxy answers 502 and 504 when it cannot reach the CA. */
static enum cause cause_of_busy(int http_status)
{
    switch (http_status) {
    case 502:
    case 504:
        return CAUSE_CA_UNREACHABLE;
    case 408:
    case 429:
    case 503:
        return CAUSE_CA_BUSY;
    default:
        return CAUSE_CA_FAILED;
    }
}

enum cause issuer_stepca_cause(enum stepca_call call, const struct stepca_error *error)
{
    switch (error->outcome) {
    case STEPCA_OK:
    case STEPCA_ALREADY_REVOKED:
        return CAUSE_NONE;
    case STEPCA_REFUSED:
        return call == STEPCA_REVOKE ? CAUSE_REVOCATION_REFUSED : cause_of_refusal(error->refusal);
    case STEPCA_UNAUTHORIZED:
        return CAUSE_CA_TOKEN_REFUSED;
    case STEPCA_NOT_FOUND:
        return call == STEPCA_REVOKE && error->http_status == 501 ? CAUSE_CA_WITHOUT_DATABASE
                                                                  : CAUSE_CA_NOT_FOUND;
    case STEPCA_BUSY:
        return cause_of_busy(error->http_status);
    case STEPCA_GARBAGE:
        break;
    }
    return CAUSE_CA_ANSWER_STRANGE;
}

bool issuer_stepca_clock_is_off(const struct outbound_http_reply *reply)
{
    return reply->untrusted && reply->transport_error != NULL &&
           (strstr(reply->transport_error, "not yet valid") != NULL ||
            strstr(reply->transport_error, "has expired") != NULL);
}

const char *issuer_stepca_transport_error(struct arena *arena, const struct outbound_http_reply *reply)
{
    if (reply->status != 0) {
        return NULL;
    }
    const char *error = reply->transport_error == NULL ? "no reply came" : reply->transport_error;
    if (issuer_stepca_clock_is_off(reply)) {
        return arena_printf(arena, "this server's clock or the CA's is wrong: %s", error);
    }
    return reply->untrusted
               ? arena_printf(arena, "root_cert_path does not vouch for the CA's certificate: %s", error)
               : error;
}

static void read_reply(struct arena *arena, enum stepca_call call, const struct outbound_http_reply *reply,
                       struct issuer_result *result)
{
    struct stepca_error error;
    stepca_read_outcome(arena, call, reply->status, reply->body, issuer_stepca_transport_error(arena, reply),
                        &error);
    *result = (struct issuer_result){
        .outcome = outcome_of(&error, reply),
        .http_status = reply->status,
        .message = error.message,
        .cause = reply->status == 0 ? cause_without_reply(reply) : issuer_stepca_cause(call, &error),
        .refusal = refusal_of(error.refusal),
        .duration = issuer_stepca_duration_refusal(&error),
        .not_reached = reply->status == 0 && outcome_without_reply(reply) == ISSUER_UNAVAILABLE,
        .retry_after_s = reply->status == 429 || reply->status == 503 ? reply->retry_after_s : 0,
    };
}

void issuer_stepca_read_sign_reply(struct arena *arena, const struct outbound_http_reply *reply,
                                   struct issuer_result *result)
{
    read_reply(arena, STEPCA_SIGN, reply, result);
    if (result->outcome != ISSUER_OK) {
        return;
    }
    struct stepca_chain chain;
    if (!stepca_parse_chain(arena, reply->body, &chain)) {
        result->outcome = ISSUER_UNKNOWN;
        result->message = "the CA reported success, but its certificates cannot be read";
        result->cause = CAUSE_CA_ANSWER_STRANGE;
        return;
    }
    result->chain = chain.certificates;
    result->chain_count = chain.count;
}

void issuer_stepca_read_revoke_reply(struct arena *arena, const struct outbound_http_reply *reply,
                                     struct issuer_result *result)
{
    read_reply(arena, STEPCA_REVOKE, reply, result);
}

/* ---- learning from a certificate ---- */

/* Forgets what the certificate contradicts. */
static bool observe(struct issuer_stepca *issuer, const struct issuer_sign_request *request)
{
    struct ca_signed seen = {
        .signed_at = clock_now(),
        .begin_left = request->validity.not_before == NULL,
        .end_left = request->validity.not_after == NULL,
    };
    return issuer_stepca_read_signed(request->result.chain[0], &seen) &&
           ca_knowledge_observe(&issuer->knowledge, &seen);
}

/* CAs before 0.27.3 have no GET /intermediates: the chains then tell when they end. */
static void learn_from(struct issuer_stepca *issuer, const struct issuer_sign_request *request)
{
    const struct issuer_result *result = &request->result;
    bool changed = observe(issuer, request);
    int64_t end = issuer->tells_intermediates ? issuer->limits.chain_not_after
                                              : issuer_chain_end(result->chain + 1, result->chain_count - 1);
    issuer_learn_from_chain(&issuer->base, request->csr, result->chain, result->chain_count);
    if (end != issuer->limits.chain_not_after) {
        issuer->limits.chain_not_after = end;
        issuer_watch_ends(&issuer->base, result->chain + 1, result->chain_count - 1);
        changed = true;
    }
    if (changed) {
        issuer_stepca_publish_limits(issuer);
    }
}

static void learn_from_refusal(struct issuer_stepca *issuer, const struct issuer_sign_request *request)
{
    ca_knowledge_refused(&issuer->knowledge, &request->result.duration, &request->validity, clock_now());
    issuer_stepca_publish_limits(issuer);
}

/* ---- making the call ---- */

static void fill_token_request(const struct issuer_stepca *issuer, struct stepca_token_request *out)
{
    *out = (struct stepca_token_request){
        .provisioner = issuer->provisioner_name,
        .key_id = issuer->key_id,
        .ca_url = issuer->ca_url,
        .root_fingerprint_hex = issuer->base.root_fingerprint,
        .now = clock_now(),
    };
}

/* A lifetime counts from the moment of the request. The time that a request waited for its turn is not the
 * CA's fault. */
static void shift_latest_end(const struct remote_call *call)
{
    struct validity_request *validity = &call->sign->validity;
    int64_t end = 0;
    if (validity->not_after == NULL || !time_parse(&end, bytes_from_string(validity->not_after))) {
        validity->latest_not_after += clock_now() - call->entered_at;
    }
}

/* Makes the body for /sign. False with the result filled. */
static bool prepare_sign(struct remote_call *call, struct bytes *body)
{
    struct issuer_sign_request *request = call->sign;
    struct stepca_subject subject;
    const char *fault = stepca_csr_fault(call->arena, request->csr);
    if (fault != NULL) {
        request->result = (struct issuer_result){.outcome = ISSUER_REFUSED,
                                                 .message = arena_printf(call->arena, "CSR: %s", fault)};
        return false;
    }
    if (!stepca_subject_from_csr(call->arena, request->csr, &subject)) {
        request->result = (struct issuer_result){.outcome = ISSUER_REFUSED,
                                                 .cause = CAUSE_CA_CSR_REFUSED,
                                                 .message = "the CSR has no name that the CA can sign"};
        return false;
    }
    struct stepca_token_request wanted;
    fill_token_request(call->issuer, &wanted);
    wanted.subject = subject.subject;
    wanted.sans = subject.sans;
    wanted.san_count = subject.san_count;
    wanted.csr_der = request->csr_der;
    snprintf(wanted.id, sizeof wanted.id, "%s", request->token_id);
    shift_latest_end(call);
    struct stepca_sign_request sign = {
        .csr_der = request->csr_der,
        .not_before = request->validity.not_before,
        .not_after = request->validity.not_after,
    };
    char *token = NULL;
    if (stepca_token_for_sign(call->arena, &call->issuer->key, &wanted, &token)) {
        sign.token = token;
        *body = stepca_sign_body(call->arena, &sign);
    }
    if (body->p == NULL) {
        request->result = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE,
                                                 .cause = CAUSE_SERVER_FAULT,
                                                 .message = "OpenSSL could not sign a one-time token"};
    }
    return body->p != NULL;
}

static bool prepare_revoke(struct remote_call *call, struct bytes *body)
{
    struct issuer_revoke_request *request = call->revoke;
    const char *serial = serial_to_decimal(call->arena, request->serial);
    struct stepca_token_request wanted;
    fill_token_request(call->issuer, &wanted);
    wanted.subject = serial;
    char *token = NULL;
    if (stepca_token_id_new(wanted.id) &&
        stepca_token_for_revoke(call->arena, &call->issuer->key, &wanted, &token)) {
        struct stepca_revoke_request revoke = {
            .serial_decimal = serial,
            .token = token,
            .reason_code = request->reason,
            .reason = revocation_reason_name(request->reason),
        };
        *body = stepca_revoke_body(call->arena, &revoke);
    }
    if (body->p == NULL) {
        request->result = (struct issuer_result){.outcome = ISSUER_UNAVAILABLE,
                                                 .cause = CAUSE_SERVER_FAULT,
                                                 .message = "OpenSSL could not sign a one-time token"};
    }
    return body->p != NULL;
}

static void answer_now(struct outbound_message *message)
{
    issuer_stepca_end_call((struct remote_call *)(void *)message);
}

static void answer_later(struct remote_call *call)
{
    call->message.run = answer_now;
    outbound_post(call->issuer->outbound, &call->message);
}

/* The CA never says why it refuses a token. Other facts about the CA may. */
static enum cause cause_of_refused_token(const struct issuer_stepca *issuer,
                                         const struct outbound_http_reply *reply)
{
    if (reply->date != 0 && llabs(reply->date - clock_now()) > TOKEN_LEEWAY_S) {
        return CAUSE_CA_CLOCK_DIFFERS;
    }
    bool is_gone =
        issuer->advertisement == ADVERTISEMENT_MISSING || issuer->advertisement == ADVERTISEMENT_OTHER_KEY;
    return is_gone ? CAUSE_CA_PROVISIONER_GONE : CAUSE_CA_TOKEN_REFUSED;
}

static void call_done(void *context, const struct outbound_http_reply *reply)
{
    struct remote_call *call = context;
    struct issuer_stepca *issuer = call->issuer;
    METRICS_CALL(issuer->base.id, call->sign != NULL ? METRIC_CALL_SIGN : METRIC_CALL_REVOKE, reply->took_us);
    if (call->sign != NULL) {
        issuer_stepca_read_sign_reply(call->arena, reply, &call->sign->result);
    } else {
        issuer_stepca_read_revoke_reply(call->arena, reply, &call->revoke->result);
    }
    struct issuer_result *result = result_of(call);
    bool is_unauthorized = result->outcome == ISSUER_UNAUTHORIZED;
    if (is_unauthorized) {
        result->cause = cause_of_refused_token(issuer, reply);
    }
    issuer_report_result(&issuer->base, result, issuer_stepca_permit_of(call));
    if (reply->status == 0 || is_unauthorized) {
        issuer_stepca_refresh_soon(issuer);
    }
    if (call->sign != NULL && call->sign->result.outcome == ISSUER_OK) {
        learn_from(issuer, call->sign);
    } else if (call->sign != NULL && call->sign->result.duration.kind != CA_REFUSAL_OTHER) {
        learn_from_refusal(issuer, call->sign);
    }
    issuer_stepca_end_call(call);
}

/* False while the issuer is failing, and when its client may no longer have the result. */
static bool is_wanted(const struct remote_call *call)
{
    const struct issuer_sign_request *sign = call->sign;
    bool late = sign != NULL && sign->deadline != 0 && clock_now() >= sign->deadline;
    return !late && issuer_allows(&call->issuer->base, issuer_stepca_permit_of(call));
}

static void make_call(struct remote_call *call, bool may)
{
    struct issuer_stepca *issuer = call->issuer;
    struct bytes body = {0};
    if (!may || !is_wanted(call)) {
        issuer_set_not_asked(&issuer->base, call->arena, result_of(call));
        answer_later(call);
        return;
    }
    if (!(call->sign != NULL ? prepare_sign(call, &body) : prepare_revoke(call, &body))) {
        answer_later(call);
        return;
    }
    struct outbound_http_request http = {
        .method = "POST",
        .url = arena_printf(call->arena, "%s/1.0/%s", issuer->ca_url, call->sign != NULL ? "sign" : "revoke"),
        .body = body,
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
    };
    outbound_http(issuer->outbound, &http, call_done, call);
}

static void go_on(struct issuer_sign_request *request, bool may)
{
    make_call(request->call, may);
}

/* The owner of a request may need time to decide: is_wanted is asked again then. */
void issuer_stepca_begin_call(struct remote_call *call)
{
    struct issuer_sign_request *sign = call->sign;
    if (sign == NULL || sign->take_turn == NULL || !is_wanted(call)) {
        make_call(call, true);
        return;
    }
    sign->call = call;
    sign->go_on = go_on;
    sign->take_turn(sign);
}
