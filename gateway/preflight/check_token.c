/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "acme/pki/csr.h"
#include "gateway/keys/certificate_request.h"
#include "gateway/preflight/check_stepca.h"
#include "gateway/runtime/clock.h"
#include "stepca/outcome.h"
#include "stepca/token.h"

enum { AHEAD_S = 3600 };

#define TOKEN_NAME           "token.acmegate-check.invalid"
#define BEYOND_EVERY_MAXIMUM "1752000h"
#define CSR_NAME             "csr.acmegate-check.invalid"

/* Makes a CSR for `name` only, with a new key. */
static bool make_csr(struct arena *arena, const char *name, struct bytes *out)
{
    struct identifier only;
    struct certificate_request made;
    bool good = identifier_parse(arena, BYTES_LITERAL("dns"), bytes_from_string(name), &only) == NULL &&
                certificate_request_make(arena, &only, 1, &made);
    if (good)
        *out = made.csr_der;
    return good;
}

/*
 * A trial of a token: it is for one name and the request for another. step-ca first checks and consumes the
 * token (401 when it rejects it) and only then compares the names (403). So the answer shows whether tokens
 * are accepted, and no certificate is made. If a CA signs after all, the request is for the shortest life
 * that it grants.
 */
struct trial {
    const char *audience;
    const char *name; /* in the CSR; the token's is TOKEN_NAME */
    const char *not_before, *not_after;
};

static bool make_trial(const struct stepca_check *ca, const struct trial *trial, struct bytes *body)
{
    static const char *const sans[] = {TOKEN_NAME};
    struct arena *arena = ca->check->arena;
    struct stepca_token_request token = {
        .provisioner = ca->provisioner.name,
        .key_id = ca->provisioner.key_id,
        .ca_url = trial->audience,
        .subject = sans[0],
        .sans = sans,
        .san_count = 1,
        .root_fingerprint_hex = ca->roots->root_fingerprint,
        .now = clock_now(),
    };
    char *text = NULL;
    if (!make_csr(arena, trial->name, &token.csr_der) || !stepca_token_id_new(token.id) ||
        !stepca_token_for_sign(arena, &ca->key, &token, &text))
        return false;
    struct stepca_sign_request sign = {.csr_der = token.csr_der,
                                       .token = text,
                                       .not_before = trial->not_before,
                                       .not_after = trial->not_after};
    *body = stepca_sign_body(arena, &sign);
    return body->p != NULL;
}

static const char *serial_in(const struct stepca_check *ca, struct bytes body)
{
    struct arena *arena = ca->check->arena;
    struct stepca_chain chain;
    struct certificate_facts facts;
    bool read = stepca_parse_chain(arena, body, &chain) &&
                certificate_read_facts(arena, chain.certificates[0], &facts);
    return read ? arena_duplicate(arena, facts.serial) : "unknown";
}

static void tell_of_certificate(const struct stepca_check *ca, struct bytes body)
{
    check_fail(ca->check,
               "issuer %s: the CA accepts our token, but signed for a name that is not in it; a short-lived "
               "certificate for csr.acmegate-check.invalid is left behind (serial %s). Find out why the "
               "provisioner's templates or webhooks allow that",
               ca->issuer->id, serial_in(ca, body));
}

/* Tries a token made for `audience`. False when there is no token; the line is then written. */
static bool try_token(const struct stepca_check *ca, const char *audience, struct outbound_http_reply *reply,
                      struct stepca_error *error)
{
    struct outbound_http_request request = stepca_client_request(&ca->client, "POST", "1.0/sign");
    char life[DURATION_TEXT_BYTES];
    duration_format(life, ca->known.min.seconds);
    const struct trial trial = {.audience = audience, .name = CSR_NAME, .not_after = life};
    if (!make_trial(ca, &trial, &request.body)) {
        check_fail(ca->check, "issuer %s: OpenSSL could not make a token with this key", ca->issuer->id);
        return false;
    }
    stepca_client_call(&ca->client, STEPCA_SIGN, &request, reply, error);
    return true;
}

/* step makes tokens for the host that it is given: the CA must accept the gateway's names as its own. */
static void check_tokens_for(const struct stepca_check *ca, const char *url)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    if (!try_token(ca, url, &reply, &error))
        return;
    if (error.outcome == STEPCA_OK || error.outcome == STEPCA_GARBAGE)
        tell_of_certificate(ca, reply.body);
    else if (reply.status == 403)
        check_ok(ca->check, "stepca_api: the CA accepts tokens that step makes for %s", url);
    else
        check_fail(ca->check,
                   "stepca_api: the CA does not accept tokens that step makes for %s: %s; add that host to "
                   "the dnsNames in its ca.json",
                   url, error.message);
}

/* True when stepca_api.profile is this issuer's. The configuration that is checked may not serve yet, so its
 * own profiles count and not those of config_profile. */
static bool is_of_stepca_api(const struct config *config, const char *issuer)
{
    for (size_t i = 0; config->stepca_api_profile != NULL && i < config->profile_count; i++)
        if (strcmp(config->profiles[i].name, config->stepca_api_profile) == 0)
            return strcmp(config->profiles[i].issuer, issuer) == 0;
    return false;
}

void stepca_check_tokens(const struct stepca_check *ca)
{
    const struct config *config = ca->check->config;
    if (!is_of_stepca_api(config, ca->issuer->id))
        return;
    check_tokens_for(ca, config->base_url);
    for (size_t i = 0; i < config->alternate_name_count; i++)
        check_tokens_for(ca, arena_printf(ca->check->arena, "https://%s", config->alternate_names[i]));
}

/* ---- limits that the CA does not publish ---- */

/* Requests a duration that no claims allow. The CA's refusal names its limit, and no certificate is made. */
static void learn(struct stepca_check *ca, const char *not_before, const char *not_after)
{
    const struct trial trial = {ca->issuer->ca_url, TOKEN_NAME, not_before, not_after};
    const struct validity_request asked = {.not_before = not_before, .not_after = not_after};
    struct outbound_http_request request = stepca_client_request(&ca->client, "POST", "1.0/sign");
    struct outbound_http_reply reply;
    struct stepca_error error;
    if (!make_trial(ca, &trial, &request.body))
        return;
    stepca_client_call(&ca->client, STEPCA_SIGN, &request, &reply, &error);
    if (error.outcome == STEPCA_OK) {
        check_fail(ca->check,
                   "issuer %s: the CA signs for any duration, %s for " TOKEN_NAME
                   " (serial %s): revoke that certificate, and correct the claims in its ca.json",
                   ca->issuer->id, not_after, serial_in(ca, reply.body));
        return;
    }
    const struct ca_refusal refusal = issuer_stepca_duration_refusal(&error);
    ca_knowledge_refused(&ca->known, &refusal, &asked, clock_now());
}

/* Requests two hundred years, then an end that is also the beginning. */
void stepca_check_limits(struct stepca_check *ca)
{
    char soon[TIME_TEXT_BYTES];
    time_format(soon, clock_now() + AHEAD_S);
    if (ca->known.max.source == CA_FACT_ASSUMED)
        learn(ca, NULL, BEYOND_EVERY_MAXIMUM);
    if (ca->known.min.source == CA_FACT_ASSUMED)
        learn(ca, soon, soon);
}

bool stepca_check_token(const struct stepca_check *ca)
{
    struct outbound_http_reply reply;
    struct stepca_error error;
    if (!try_token(ca, ca->issuer->ca_url, &reply, &error))
        return false;
    if (error.outcome == STEPCA_OK || error.outcome == STEPCA_GARBAGE)
        tell_of_certificate(ca, reply.body);
    else if (reply.status == 403)
        check_ok(ca->check,
                 "issuer %s: a one-time token is accepted (for a request that is refused after it)",
                 ca->issuer->id);
    else if (error.outcome == STEPCA_UNAUTHORIZED)
        check_fail(ca->check,
                   "issuer %s: the CA refuses our token: %s; the host of ca_url must be among the CA's "
                   "dnsNames and its "
                   "clock agree with ours; the CA's log says more",
                   ca->issuer->id, error.message);
    else
        check_fail(ca->check,
                   "issuer %s: the CA does not say whether it accepts our token: %s; the CA's log says more",
                   ca->issuer->id, error.message);
    return reply.status == 403;
}
