/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/cli/cli_sign.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/issuance/issuance_sign.h"
#include "gateway/issuance/issuance_write.h"
#include "gateway/outbound/outbound_wait.h"
#include "gateway/runtime/clock.h"
#include "store/events.h"

enum { LOOK_AGAIN_MS = 10, MS_PER_S = 1000, NAMES_MAX_BYTES = 400, OTHER_DURATIONS_MAX = 3 };

struct signing {
    struct outbound_errand errand; /* first */
    struct sign_request *request;
    struct sign_result *out;
    struct arena *arena;
    struct store_command *command;
    struct outbound *outbound;
    struct issuer *issuer;
    struct issuance_wanted wanted;
    struct issuer_sign_request sign_request;
    struct issued issued;
    struct event event; /* to be written next */
};

/* ---- events: each ends in the token's id, which joins the events of a request ---- */

static const char *names_of(struct arena *arena, const struct subject_names *names)
{
    const char **texts = arena_alloc_array(arena, names->count, sizeof *texts);
    for (size_t i = 0; i < names->count; i++)
        texts[i] = names->identifiers[i].value;
    return arena_printable(arena, bytes_from_string(arena_join(arena, texts, names->count, ", ")),
                           NAMES_MAX_BYTES);
}

static void set_event(struct signing *signing, enum event_type type, const char *more)
{
    const struct sign_request *request = signing->request;
    signing->event = (struct event){
        .at = clock_now(),
        .type = type,
        .actor = "operator",
        .detail = arena_printf(signing->arena, "%s by profile %s of issuer %s%s%s, token %s",
                               names_of(signing->arena, &request->names), request->profile->name,
                               signing->issuer->id, *more == '\0' ? "" : ": ", more,
                               signing->sign_request.token_id),
    };
}

static enum store_apply_result apply_event(void *context, struct store_writer *writer)
{
    struct signing *signing = context;
    return store_applied(store_event_insert(writer, &signing->event));
}

/* The CA answered with an older certificate: nobody gets what belongs to another. */
static enum store_apply_result apply_issued_before(struct signing *signing, struct store_writer *writer)
{
    const char *words = "the CA answered with a certificate that it had issued before";
    signing->out->chain_pem = NULL;
    signing->out->problem = arena_printf(signing->arena, "%s: it is not given out", words);
    set_event(signing, EVENT_SIGN_FAILED, words);
    signing->event.cause = CAUSE_CERTIFICATE_OF_BEFORE;
    return apply_event(signing, writer);
}

static enum store_result write_event(void *context, struct store_writer *writer, struct event *event)
{
    (void)context;
    return store_event_insert(writer, event);
}

static enum store_apply_result apply_certificate(void *context, struct store_writer *writer)
{
    struct signing *signing = context;
    const struct issuance_record record = {
        .issued = &signing->issued, .event = signing->event, .write_event = write_event};
    enum store_result result = issuance_write(writer, &record);
    return result == STORE_KNOWN ? apply_issued_before(signing, writer) : store_applied(result);
}

/* Writes an event or a certificate, and adds a failure to the problem. */
static void write_down(struct signing *signing,
                       enum store_apply_result (*apply)(void *context, struct store_writer *writer))
{
    struct fault fault;
    if (store_write_now(signing->command, apply, signing, &fault))
        return;
    const char *problem = signing->out->problem;
    signing->out->problem =
        arena_printf(signing->arena, "%s%snot recorded: %s", problem == NULL ? "" : problem,
                     problem == NULL ? "" : "; ", fault.message);
}

/* ---- the answer ---- */

/* A misfit is given to nobody. Its revocation is due, which the server carries out. */
static const char *misfit_problem(const struct signing *signing)
{
    return arena_printf(signing->arena,
                        "the CA's certificate does not fit the request (%s): it is not given out, and the "
                        "server revokes it",
                        signing->issued.why);
}

static const char *chain_pem(const struct signing *signing)
{
    const struct certificate *certificate = &signing->issued.certificate;
    return arena_printf(signing->arena, "%s%.*s", certificate_to_pem(signing->arena, certificate->leaf),
                        (int)certificate->chain_pem.n, (const char *)certificate->chain_pem.p);
}

static void take_certificate(struct signing *signing)
{
    const struct sign_request *request = signing->request;
    const struct issuer_result *result = &signing->sign_request.result;
    const struct issuance_terms terms = {.issuer = signing->issuer,
                                         .csr = request->csr,
                                         .identifiers = request->names.identifiers,
                                         .identifier_count = request->names.count,
                                         .validity = &signing->sign_request.validity,
                                         .actor = "operator"};
    struct sign_result *out = signing->out;
    enum issuance_verdict verdict = issuance_check(signing->arena, &terms, result->chain, result->chain_count,
                                                   clock_now(), &signing->issued);
    const char *why = signing->issued.why;
    if (verdict == ISSUANCE_UNREADABLE) {
        out->problem = arena_printf(signing->arena, "%s: a possible orphan", why);
        set_event(signing, EVENT_SIGN_UNKNOWN, why);
        write_down(signing, apply_event);
        return;
    }
    snprintf(out->serial, sizeof out->serial, "%s", signing->issued.facts.serial);
    out->not_before = signing->issued.facts.not_before;
    out->not_after = signing->issued.facts.not_after;
    if (verdict == ISSUANCE_FITS)
        out->chain_pem = chain_pem(signing);
    else
        out->problem = misfit_problem(signing);
    set_event(signing, EVENT_SIGN_ISSUED, why == NULL ? "" : why);
    write_down(signing, apply_certificate);
}

static void take_answer(struct signing *signing)
{
    const struct issuer_result *result = &signing->sign_request.result;
    enum event_type type = EVENT_SIGN_FAILED;
    const char *words = "the CA did not sign";
    switch (result->outcome) {
    case ISSUER_OK:
        take_certificate(signing);
        return;
    case ISSUER_REFUSED:
    case ISSUER_ALREADY_REVOKED:
        type = EVENT_SIGN_REFUSED;
        words = "the CA refused";
        break;
    case ISSUER_UNKNOWN:
        type = EVENT_SIGN_UNKNOWN;
        words = "the CA's answer is unknown, so it may have signed a certificate that nobody has (a possible "
                "orphan). `acmegate import --step-ca-log` finds it in the CA's log";
        break;
    case ISSUER_UNAUTHORIZED:
        words = "the CA does not accept our token (`acmegate check` shows why)";
        break;
    case ISSUER_UNAVAILABLE:
    case ISSUER_NOT_ASKED:
        break;
    }
    signing->out->problem = arena_printf(signing->arena, "%s: %s", words, result->message);
    set_event(signing, type, result->message);
    write_down(signing, apply_event);
}

/* ---- the question ---- */

static void on_signed(struct issuer_sign_request *sign_request)
{
    struct signing *signing = sign_request->owner;
    outbound_errand_end(&signing->errand);
}

static void call_issuer(struct outbound_message *message)
{
    struct signing *signing = (struct signing *)(void *)message;
    issuer_sign(signing->issuer, &signing->sign_request);
}

/* Waits until the issuer knows its CA's limits and the kid, or has failed to ask. */
struct introduction {
    struct outbound_errand errand; /* first */
    struct outbound_timer timer;
    struct outbound *outbound;
    struct issuer *issuer;
    int64_t most_ms;
    int64_t deadline_ms;
};

static bool has_asked(struct issuer *issuer)
{
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    return status.last_success_at != 0 || status.knowledge.usual.source == CA_FACT_TOLD ||
           status.last_error[0] != '\0';
}

static void look(void *argument)
{
    struct introduction *introduction = argument;
    if (has_asked(introduction->issuer) || outbound_now_ms() >= introduction->deadline_ms)
        outbound_errand_end(&introduction->errand);
    else
        outbound_timer_set(introduction->outbound, &introduction->timer, LOOK_AGAIN_MS);
}

static void begin_to_look(struct outbound_message *message)
{
    struct introduction *introduction = (struct introduction *)(void *)message;
    introduction->deadline_ms = outbound_now_ms() + introduction->most_ms;
    look(introduction);
}

static void wait_for_issuer(struct outbound *outbound, struct issuer *issuer, int64_t most_ms)
{
    struct introduction introduction = {
        .timer = {.run = look, .argument = &introduction},
        .outbound = outbound,
        .issuer = issuer,
        .most_ms = most_ms,
    };
    outbound_wait(outbound, &introduction.errand, begin_to_look);
}

static const char *plan(struct signing *signing)
{
    const struct sign_request *request = signing->request;
    struct arena *arena = signing->arena;
    struct validity_request validity;
    signing->wanted = (struct issuance_wanted){.profile_max_s = request->profile->max_ttl_s};
    signing->sign_request = (struct issuer_sign_request){
        .csr = request->csr, .csr_der = request->csr_der, .done = on_signed, .owner = signing};
    const struct problem *problem =
        issuance_plan(arena, signing->issuer, &signing->wanted, clock_now(), &validity);
    if (problem != NULL)
        return problem->detail;
    return issuance_sign_prepare(arena, request->profile, &validity, &signing->sign_request)
               ? NULL
               : "OpenSSL has no randomness";
}

/* The event is written before the CA is asked, so that a lost answer leaves a trace. */
static void sign_once(struct signing *signing)
{
    signing->out->problem = plan(signing);
    if (signing->out->problem != NULL)
        return;
    set_event(signing, EVENT_SIGN_REQUESTED, "");
    write_down(signing, apply_event);
    if (signing->out->problem != NULL)
        return;
    outbound_wait(signing->outbound, &signing->errand, call_issuer);
    take_answer(signing);
}

/* The CA refused the lifetime, and its answer tells which one to ask for instead. */
static bool may_ask_otherwise(struct signing *signing)
{
    const struct issuer_result *result = &signing->sign_request.result;
    return result->outcome == ISSUER_REFUSED && result->refusal == ISSUER_REFUSAL_DURATION &&
           issuance_plan_differs(signing->arena, signing->issuer, &signing->wanted,
                                 &signing->sign_request.validity, clock_now());
}

static void sign_with(struct signing *signing, int64_t patience_ms)
{
    wait_for_issuer(signing->outbound, signing->issuer, patience_ms);
    sign_once(signing);
    for (size_t i = 0; i < OTHER_DURATIONS_MAX && may_ask_otherwise(signing); i++)
        sign_once(signing);
}

static void sign_by(struct signing *signing)
{
    const struct issuer_config *config =
        config_issuer(signing->request->config, signing->request->profile->issuer);
    struct fault fault;
    signing->issuer = issuer_new(config, signing->outbound, &fault);
    if (signing->issuer == NULL) {
        signing->out->problem = arena_printf(signing->arena, "issuers.%s: %s", config->id, fault.message);
        outbound_stop(signing->outbound);
        return;
    }
    sign_with(signing, config->request_timeout_s * MS_PER_S);
    outbound_stop(signing->outbound);
    issuer_free(signing->issuer);
}

void sign_issue(struct sign_request *request, struct sign_result *out)
{
    const struct validation_config *validation = &request->config->validation;
    const struct outbound_config setting = {.resolvers = validation->resolvers,
                                            .resolver_count = validation->resolver_count};
    struct signing signing = {.request = request, .out = out, .arena = request->arena};
    struct fault fault;
    *out = (struct sign_result){0};
    signing.command = store_command_open(config_location(request->arena, request->config), &fault);
    if (signing.command == NULL) {
        out->problem = arena_duplicate(request->arena, fault.message);
        return;
    }
    signing.outbound = outbound_start(&setting, &fault);
    if (signing.outbound == NULL)
        out->problem = arena_duplicate(request->arena, fault.message);
    else
        sign_by(&signing);
    outbound_free(signing.outbound);
    store_command_close(signing.command);
}
