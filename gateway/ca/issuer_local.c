/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_local.h"

#include <stdio.h>

#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/local/local_ca_internal.h"
#include "gateway/ca/local/local_ca_status.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

enum { TEND_EVERY_MS = 3600 * 1000 };

struct issuer_local {
    struct issuer base; /* first */
    struct arena *arena;
    struct local_ca *ca;
    int64_t preferred_s;
    struct outbound_message begin;
    struct outbound_timer timer;
};

/* Carries an answer into a later turn of the outbound thread, in the request's arena. */
struct local_answer {
    struct outbound_message message; /* first */
    struct issuer_local *issuer;
    struct issuer_sign_request *sign; /* one of these two is set */
    struct issuer_revoke_request *revoke;
};

static void deliver(struct outbound_message *message)
{
    struct local_answer *answer = (struct local_answer *)(void *)message;
    issuer_permit_end(&answer->issuer->base,
                      answer->sign != NULL ? &answer->sign->permit : &answer->revoke->permit);
    if (answer->sign != NULL) {
        answer->sign->done(answer->sign);
    } else {
        answer->revoke->done(answer->revoke);
    }
}

static void answer_later(struct issuer_local *issuer, struct arena *arena, struct issuer_sign_request *sign,
                         struct issuer_revoke_request *revoke)
{
    struct local_answer *answer = arena_alloc(arena, sizeof *answer);
    *answer =
        (struct local_answer){.message = {.run = deliver}, .issuer = issuer, .sign = sign, .revoke = revoke};
    outbound_post(issuer->base.outbound, &answer->message);
}

static enum issuer_outcome outcome_of(enum local_ca_outcome outcome)
{
    switch (outcome) {
    case LOCAL_CA_DONE:
        return ISSUER_OK;
    case LOCAL_CA_REFUSED:
    case LOCAL_CA_NAME_REFUSED:
        return ISSUER_REFUSED;
    case LOCAL_CA_ALREADY_REVOKED:
        return ISSUER_ALREADY_REVOKED;
    case LOCAL_CA_FAILED:
        break;
    }
    return ISSUER_UNAVAILABLE;
}

static enum cause cause_of(enum local_ca_outcome outcome)
{
    switch (outcome) {
    case LOCAL_CA_DONE:
    case LOCAL_CA_ALREADY_REVOKED:
        return CAUSE_NONE;
    case LOCAL_CA_REFUSED:
        return CAUSE_CA_CSR_REFUSED;
    case LOCAL_CA_NAME_REFUSED:
        return CAUSE_CA_NAME_CONSTRAINTS;
    case LOCAL_CA_FAILED:
        break;
    }
    return CAUSE_LOCAL_CA_FAILED;
}

static const char *words_of(struct arena *arena, enum local_ca_outcome outcome, const struct fault *fault)
{
    return outcome == LOCAL_CA_DONE ? "" : arena_duplicate(arena, fault->message);
}

static void local_sign(struct issuer *base, struct issuer_sign_request *request)
{
    struct issuer_local *issuer = (struct issuer_local *)base;
    if (!issuer_allows(base, &request->permit)) {
        issuer_set_not_asked(base, request->arena, &request->result);
        answer_later(issuer, request->arena, request, NULL);
        return;
    }
    struct local_ca_chain chain = {0};
    struct fault fault;
    int64_t began_us = metrics_clock_us();
    enum local_ca_outcome outcome =
        local_ca_sign(request->arena, issuer->ca, request->csr, &request->validity,
                      request->extended_key_usages, clock_now(), &chain, &fault);
    METRICS_CALL(base->id, METRIC_CALL_SIGN, metrics_clock_us() - began_us);
    request->result = (struct issuer_result){
        .outcome = outcome_of(outcome),
        .message = words_of(request->arena, outcome, &fault),
        .cause = cause_of(outcome),
        .refusal = outcome == LOCAL_CA_NAME_REFUSED ? ISSUER_REFUSAL_NAMES : ISSUER_REFUSAL_CSR};
    if (outcome == LOCAL_CA_DONE) {
        request->result.chain = chain.certificates;
        request->result.chain_count = chain.count;
    }
    issuer_report_result(base, &request->result, &request->permit);
    answer_later(issuer, request->arena, request, NULL);
}

static void local_revoke(struct issuer *base, struct issuer_revoke_request *request)
{
    struct issuer_local *issuer = (struct issuer_local *)base;
    if (!issuer_allows(base, &request->permit)) {
        issuer_set_not_asked(base, request->arena, &request->result);
        answer_later(issuer, request->arena, NULL, request);
        return;
    }
    struct fault fault;
    int64_t began_us = metrics_clock_us();
    enum local_ca_outcome outcome =
        local_ca_revoke(request->arena, issuer->ca, request->serial, request->reason,
                        issuer_chain_end(&request->leaf, 1), clock_now(), &fault);
    METRICS_CALL(base->id, METRIC_CALL_REVOKE, metrics_clock_us() - began_us);
    request->result = (struct issuer_result){.outcome = outcome_of(outcome),
                                             .message = words_of(request->arena, outcome, &fault),
                                             .cause = cause_of(outcome)};
    issuer_report_result(base, &request->result, &request->permit);
    answer_later(issuer, request->arena, NULL, request);
}

/* ---- the CA's expiry ---- */

static void publish_limits(struct issuer_local *issuer)
{
    const struct validity_limits limits = {
        .chain_not_after = local_ca_end(issuer->ca),
        .preferred_s = issuer->preferred_s,
    };
    const struct ca_knowledge knowledge = {.usual = {LOCAL_CA_DEFAULT_S, CA_FACT_TOLD, clock_now()}};
    issuer_set_limits(&issuer->base, &limits, &knowledge);
}

static void tend(void *argument)
{
    struct issuer_local *issuer = argument;
    struct fault fault;
    if (!local_ca_tend(issuer->ca, clock_now(), &fault)) {
        log_error("issuer %s: its intermediate cannot be renewed: %s", issuer->base.id, fault.message);
    }
    publish_limits(issuer);
    struct local_ca_chain chain = local_ca_intermediates(issuer->ca);
    if (chain.count > 0)
        issuer_learn_signer(&issuer->base, chain.certificates[0], chain.certificates, chain.count);
    issuer_watch_ends(&issuer->base, chain.certificates, chain.count);
    outbound_timer_set(issuer->base.outbound, &issuer->timer, TEND_EVERY_MS);
}

static void run_begin(struct outbound_message *message)
{
    tend((struct issuer_local *)((char *)message - offsetof(struct issuer_local, begin)));
}

/* ---- its list, and the OCSP responder ---- */

static struct bytes intermediate_pem(struct arena *arena, const struct issuer_local *issuer)
{
    struct bytes der = local_certificate_der(arena, local_ca_signer(issuer->ca).certificate);
    return bytes_from_string(certificate_to_pem(arena, der));
}

struct list_answer {
    struct outbound_message message; /* first */
    struct issuer_list_request *request;
};

static void deliver_list(struct outbound_message *message)
{
    struct issuer_list_request *request = ((struct list_answer *)(void *)message)->request;
    request->done(request);
}

static void local_list(struct issuer *base, struct issuer_list_request *request)
{
    struct issuer_local *issuer = (struct issuer_local *)base;
    request->intermediates_pem = intermediate_pem(request->arena, issuer);
    switch (local_ca_make_list(request->arena, issuer->ca, request->current, clock_now(), &request->crl)) {
    case LOCAL_CA_LIST_MADE:
        request->outcome = ISSUER_LIST_READ;
        break;
    case LOCAL_CA_LIST_GOOD:
        request->outcome = ISSUER_LIST_UNCHANGED;
        break;
    case LOCAL_CA_LIST_FAILED:
        request->outcome = ISSUER_LIST_FAILED;
        request->message = "OpenSSL could not sign the list";
        break;
    }
    struct list_answer *answer = arena_alloc(request->arena, sizeof *answer);
    *answer = (struct list_answer){.message = {.run = deliver_list}, .request = request};
    outbound_post(issuer->base.outbound, &answer->message);
}

static bool local_make_responder(struct issuer *base, struct arena *arena, EVP_PKEY *key,
                                 struct bytes *chain_pem, struct fault *fault)
{
    const struct issuer_local *issuer = (const struct issuer_local *)base;
    struct bytes der = {0};
    if (!local_ca_make_responder(arena, issuer->ca, key, clock_now(), &der))
        return fault_set(fault, "OpenSSL could not make the certificate");
    *chain_pem = bytes_from_string(arena_printf(arena, "%s%s", certificate_to_pem(arena, der),
                                                (const char *)intermediate_pem(arena, issuer).p));
    return true;
}

/* ---- life ---- */

static void local_free(struct issuer_local *issuer)
{
    issuer_clear(&issuer->base);
    local_ca_free(issuer->ca);
    arena_free(issuer->arena);
}

static void free_local(struct issuer *base)
{
    local_free((struct issuer_local *)base);
}

static const struct issuer_operations local_operations = {
    .sign = local_sign,
    .revoke = local_revoke,
    .list = local_list,
    .make_responder = local_make_responder,
    .free = free_local,
};

/* Takes the roots that local_ca_open has read and verified. */
static bool take_roots(struct issuer_local *issuer, const char *id, struct fault *fault)
{
    return issuer_init(&issuer->base, &local_operations, issuer->arena, arena_duplicate(issuer->arena, id),
                       local_ca_root_pem(issuer->ca), fault);
}

struct local_ca_config local_ca_config_of(const struct issuer_config *config)
{
    return (struct local_ca_config){
        .directory = config->directory,
        .key_password = config->key_password,
        .permitted_names = config->permitted_names,
        .permitted_name_count = config->permitted_name_count,
        .crl_url = config->crl_url,
        .ocsp_url = config->ocsp_url,
        .ca_issuers_url = config->ca_issuers_url,
    };
}

struct issuer *issuer_local_new(const struct issuer_config *config, struct outbound *outbound,
                                struct fault *fault)
{
    struct arena *arena = arena_new();
    struct issuer_local *issuer = arena_alloc(arena, sizeof *issuer);
    struct local_ca_config ca = local_ca_config_of(config);
    issuer->arena = arena;
    issuer->preferred_s = config->validity_s;
    issuer->ca = local_ca_open(&ca, clock_now(), fault);
    if (issuer->ca == NULL || !take_roots(issuer, config->id, fault)) {
        fault_prefix(fault, "directory: ");
        local_free(issuer);
        return NULL;
    }
    issuer->base.outbound = outbound;
    struct local_ca_chain chain = local_ca_intermediates(issuer->ca);
    issuer_learn_signer(&issuer->base, local_certificate_der(arena, local_ca_signer(issuer->ca).certificate),
                        chain.certificates, chain.count);
    publish_limits(issuer);
    issuer->timer = (struct outbound_timer){.run = tend, .argument = issuer};
    issuer->begin.run = run_begin;
    outbound_post(outbound, &issuer->begin);
    return &issuer->base;
}
