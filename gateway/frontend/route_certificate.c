/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "acme/permission.h"
#include "acme/pki/certificate.h"
#include "acme/revocation.h"
#include "gateway/ca/recognition.h"
#include "gateway/frontend/routes.h"
#include "gateway/jobs/jobs.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"

/* ---- download ---- */

struct download_state {
    struct certificate certificate;
    struct issuer *issuer; /* NULL: no longer configured */
};

/* Replaces the certificate's own chain with the requested one. */
static const struct problem *choose_chain(struct exchange *exchange, struct download_state *state)
{
    struct certificate *certificate = &state->certificate;
    if (exchange->alternate_chain == 0 ||
        (state->issuer != NULL && issuer_alternate_chain(state->issuer, certificate->leaf,
                                                         exchange->alternate_chain, &certificate->chain_pem)))
        return NULL;
    return problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                               "The certificate has no such alternate chain.");
}

void certificate_ask(struct exchange *exchange, struct store_reader *reader)
{
    store_certificate_ask(reader, exchange->id);
}

void certificate_load(struct exchange *exchange, struct store_reader *reader)
{
    struct download_state *state = arena_alloc(exchange->arena, sizeof *state);
    struct certificate *certificate = &state->certificate;
    exchange->state = state;
    enum store_result result = store_certificate_load(reader, exchange->arena, exchange->id, certificate);
    /* For a client, a certificate that failed its check was never issued. */
    if (result == STORE_OK && certificate->status == CERTIFICATE_REJECTED)
        result = STORE_NOT_FOUND;
    exchange->problem =
        exchange_check_owner(exchange, result, "certificate", certificate->endpoint, certificate->account_id);
}

void certificate_check_chain(struct exchange *exchange)
{
    struct download_state *state = exchange->state;
    state->issuer = issuers_find(exchange->frontend->parts.issuers, state->certificate.issuer);
    exchange->problem = choose_chain(exchange, state);
}

/* Links the other chains (RFC 8555 §7.4.2). */
static void link_alternates(struct exchange *exchange, const struct download_state *state)
{
    struct arena *arena = exchange->arena;
    const struct certificate *certificate = &state->certificate;
    struct bytes ignored;
    if (exchange->alternate_chain != 0)
        exchange_add_header(exchange, "Link",
                            arena_printf(arena, "<%s>;rel=\"alternate\"",
                                         url_certificate(arena, &exchange->urls, certificate->id)));
    for (size_t n = 1; state->issuer != NULL && n <= state->issuer->alternate_count; n++)
        if (n != exchange->alternate_chain &&
            issuer_alternate_chain(state->issuer, certificate->leaf, n, &ignored))
            exchange_add_header(
                exchange, "Link",
                arena_printf(arena, "<%s>;rel=\"alternate\"",
                             url_alternate_chain(arena, &exchange->urls, certificate->id, n)));
}

void certificate_render(struct exchange *exchange)
{
    const struct download_state *state = exchange->state;
    const struct certificate *certificate = &state->certificate;
    const char *leaf = certificate_to_pem(exchange->arena, certificate->leaf);
    link_alternates(exchange, state);
    exchange->reply.status = 200;
    exchange->reply.content_type = "application/pem-certificate-chain";
    exchange->reply.body =
        bytes_from_string(arena_printf(exchange->arena, "%s%.*s", leaf, (int)certificate->chain_pem.n,
                                       (const char *)certificate->chain_pem.p));
}

/* ---- revoke-cert ---- */

struct revoke_state {
    struct revocation_request request;
    struct certificate_facts facts; /* of the certificate in the request; from `apply` on, of the row's */
    struct certificate certificate;
    bool is_unknown;                  /* it is not in the database: */
    struct recognition_chains chains; /* over which it may be recognized */
    enum recognition_outcome recognition;
    struct certificate external; /* the recognized certificate, if any */
    enum cause cause;            /* of what its last event tells; CAUSE_NONE: nothing */
};

void revoke_prepare(struct exchange *exchange)
{
    struct revoke_state *state = arena_alloc(exchange->arena, sizeof *state);
    exchange->state = state;
    if (exchange->envelope.post_as_get) {
        exchange->problem = problem_new(exchange->arena, PROBLEM_MALFORMED,
                                        "The payload must be a JSON object with a certificate.");
        return;
    }
    exchange->problem = revocation_parse(exchange->arena, exchange->envelope.payload, &state->request);
    if (exchange->problem == NULL &&
        !certificate_read_facts(exchange->arena, state->request.certificate_der, &state->facts))
        exchange->problem = problem_new(exchange->arena, PROBLEM_MALFORMED,
                                        "The certificate is not a DER X.509 certificate.");
    state->chains =
        known_authorities_wanted(exchange_authorities(exchange), &exchange->frontend->parts.recognition);
}

/* An unknown leaf may be one that the CA signed without us. */
void revoke_load(struct exchange *exchange, struct store_reader *reader)
{
    struct revoke_state *state = exchange->state;
    struct certificate known;
    state->is_unknown = store_certificate_by_leaf(reader, exchange->arena, state->facts.serial,
                                                  state->request.certificate_der, &known) == STORE_NOT_FOUND;
    if (state->is_unknown)
        recognition_load(reader, exchange->arena, &state->chains);
}

void revoke_check(struct exchange *exchange)
{
    struct revoke_state *state = exchange->state;
    const struct recognition_parts *parts = &exchange->frontend->parts.recognition;
    state->recognition = RECOGNITION_UNKNOWN;
    if (state->is_unknown)
        state->recognition = recognition_find(
            parts, known_authorities_take(exchange_authorities(exchange), parts, &state->chains),
            exchange->endpoint, exchange->arena, state->request.certificate_der, &state->facts,
            &state->external);
}

/* Returns NULL when the account itself has proven control of the name. Trust permits orders only. */
static const struct problem *check_control(struct exchange *exchange, struct store_reader *reader,
                                           const struct identifier *identifier)
{
    struct authorization authorization;
    const struct authorization_wanted wanted = {
        .account_id = exchange->account.id,
        .name = identifier_base_name(identifier),
        .wildcard = identifier_is_wildcard(identifier),
        .until = exchange->now,
        .proven = true,
    };
    enum store_result found =
        store_authorization_find_valid(reader, exchange->arena, &wanted, &authorization);
    if (!exchange_store_ok(exchange, found))
        return exchange->problem;
    const struct permission permission = {.now = exchange->now, .account = &exchange->account};
    bool permits = found == STORE_OK && permission_why_not(exchange->arena, &permission, &authorization, NULL,
                                                           PERMISSION_CONTROL) == NULL;
    return permits ? NULL
                   : problem_new(
                         exchange->arena, PROBLEM_UNAUTHORIZED,
                         "The certificate belongs to another account or to none, and this one has no valid "
                         "authorization for %s that a challenge of its own proved.",
                         identifier->value);
}

/* The server's own certificate belongs to no account, whoever proves its names. */
static const struct problem *check_not_own(struct exchange *exchange, const struct revoke_state *state)
{
    size_t count = 0;
    const struct identifier *own =
        config_own_names(exchange->arena, config_now(exchange->frontend->parts.config), &count);
    for (size_t i = 0; state->certificate.account_id == 0 && i < count; i++)
        for (size_t j = 0; j < state->facts.identifier_count; j++)
            if (identifier_compare(&own[i], &state->facts.identifiers[j]) == 0)
                return problem_new(
                    exchange->arena, PROBLEM_UNAUTHORIZED,
                    "The certificate bears this server's own name %s. Only its own key revokes "
                    "it.",
                    own[i].value);
    return NULL;
}

/* RFC 8555 §7.6: another account may revoke when it holds valid authorizations for every name. */
static const struct problem *check_control_of_names(struct exchange *exchange, struct store_reader *reader,
                                                    const struct revoke_state *state)
{
    const struct certificate_facts *facts = &state->facts;
    if (facts->beyond_names != NULL)
        return problem_new(exchange->arena, PROBLEM_UNAUTHORIZED,
                           "The certificate belongs to another account or to none. It holds %s, which no "
                           "authorization covers: only its own key or its account revokes it.",
                           facts->beyond_names);
    const struct problem *problem = check_not_own(exchange, state);
    for (size_t i = 0; problem == NULL && i < facts->identifier_count; i++)
        problem = check_control(exchange, reader, &facts->identifiers[i]);
    return problem;
}

static bool is_certificate_key(struct exchange *exchange, const struct certificate_facts *facts)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    uint8_t *der = NULL;
    int der_length = i2d_PUBKEY(exchange->signer.key, &der);
    bool same = der_length > 0 &&
                EVP_Digest(der, (size_t)der_length, hash, &length, EVP_sha256(), NULL) == 1 &&
                memcmp(hash, facts->key_hash, sizeof facts->key_hash) == 0;
    OPENSSL_free(der);
    return same;
}

/* Returns who revokes, for the record; NULL with the problem set when they may not. */
static const char *authorize_revocation(struct exchange *exchange, struct store_reader *reader)
{
    const struct revoke_state *state = exchange->state;
    if (exchange->envelope.account_id == 0) {
        if (is_certificate_key(exchange, &state->facts))
            return "certificate key";
        exchange->problem = problem_new(exchange->arena, PROBLEM_UNAUTHORIZED,
                                        "The request is not signed with the certificate's key.");
        return NULL;
    }
    if (!exchange_reload_account(exchange, reader))
        return NULL;
    if (state->certificate.account_id == exchange->account.id)
        return "account";
    exchange->problem = check_control_of_names(exchange, reader, state);
    return exchange->problem == NULL ? "account in control of the names" : NULL;
}

static const struct problem *not_issued_here(struct exchange *exchange)
{
    return problem_because(exchange->arena, CAUSE_CERTIFICATE_UNKNOWN,
                           problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                               "This certificate was not issued here."));
}

static const struct problem *take_external(struct exchange *exchange, struct revoke_state *state)
{
    if (state->recognition == RECOGNITION_DISPUTED)
        return problem_because(
            exchange->arena, CAUSE_CERTIFICATE_UNKNOWN,
            problem_with_status(exchange->arena, 404, PROBLEM_MALFORMED,
                                "This certificate was not ordered here. Several of this server's issuers "
                                "share its root, and none "
                                "of this endpoint's is known to have signed it."));
    if (state->recognition == RECOGNITION_UNKNOWN)
        return not_issued_here(exchange);
    state->certificate = state->external;
    return NULL;
}

/* The request only identifies the certificate: from here on the database's own copy counts. */
static const struct problem *find_certificate(struct exchange *exchange, struct store_reader *reader)
{
    struct revoke_state *state = exchange->state;
    struct certificate *certificate = &state->certificate;
    enum store_result found = store_certificate_by_leaf(reader, exchange->arena, state->facts.serial,
                                                        state->request.certificate_der, certificate);
    if (!exchange_store_ok(exchange, found))
        return exchange->problem;
    if (found == STORE_NOT_FOUND)
        return take_external(exchange, state);
    if (certificate->status == CERTIFICATE_REJECTED ||
        !certificate_is_of_endpoint(&exchange->frontend->parts.recognition, exchange->endpoint,
                                    certificate) ||
        !certificate_read_facts(exchange->arena, certificate->leaf, &state->facts))
        return not_issued_here(exchange);
    return NULL;
}

static const struct problem *already_revoked(struct exchange *exchange, const struct certificate *certificate)
{
    if (certificate->revocation_error == NULL)
        return problem_new(exchange->arena, PROBLEM_ALREADY_REVOKED,
                           "The certificate is revoked already, with reason %s.",
                           revocation_reason_name(certificate->revocation_reason));
    return problem_with_cause(exchange->arena, CAUSE_REVOCATION_REASON_KEPT, PROBLEM_ALREADY_REVOKED,
                              "The certificate was revoked already. Reason %s is recorded here and published "
                              "in OCSP responses, but %s.",
                              revocation_reason_name(certificate->revocation_reason),
                              certificate->revocation_error);
}

static bool record(struct exchange *exchange, struct store_writer *writer, const char *by)
{
    const struct revoke_state *state = exchange->state;
    const char *instead = state->certificate.revocation_requested_at == 0
                              ? ""
                              : arena_printf(exchange->arena, " instead of %s",
                                             revocation_reason_name(state->certificate.revocation_reason));
    struct event event = event_of_certificate(EVENT_REVOCATION_REQUESTED, &state->certificate);
    event.detail = arena_printf(exchange->arena, "by %s, reason %s%s", by,
                                revocation_reason_name(state->request.reason), instead);
    return exchange_store_ok(exchange, exchange_record(exchange, writer, &event));
}

/*
 * Everybody who may revoke can correct a reason that does not revoke. Only the certificate's key can change
 * it to keyCompromise: its signature proves the compromise.
 */
static bool may_replace_reason(const struct exchange *exchange, const struct revoke_state *state)
{
    int standing = state->certificate.revocation_reason;
    return revocation_reason_may_become(standing, state->request.reason) &&
           (!revocation_reason_revokes(standing) || exchange->envelope.account_id == 0);
}

static enum store_apply_result correct(struct exchange *exchange, struct store_writer *writer, const char *by)
{
    struct revoke_state *state = exchange->state;
    struct certificate *certificate = &state->certificate;
    bool may = may_replace_reason(exchange, state);
    bool asked =
        may && certificate->correction_asked && certificate->correction_reason == state->request.reason;
    if (!may)
        return exchange_refuse(exchange, already_revoked(exchange, certificate));
    exchange->hold_key = certificate->id;
    exchange->jobs_due = JOBS_DUE_REVOCATIONS;
    certificate->correction_asked = true;
    certificate->correction_reason = state->request.reason;
    certificate->revocation_next_attempt_at = exchange->now;
    if (!exchange_store_ok(exchange, store_certificate_correct(writer, certificate)) ||
        (!asked && !record(exchange, writer, by)))
        return STORE_DISCARD;
    return STORE_APPLIED;
}

static bool insert_external(struct exchange *exchange, struct store_writer *writer)
{
    struct revoke_state *state = exchange->state;
    struct certificate *certificate = &state->certificate;
    enum store_result result = store_certificate_insert(writer, certificate, state->facts.identifiers,
                                                        state->facts.identifier_count);
    if (!exchange_store_ok(exchange, result))
        return false;
    if (result == STORE_KNOWN) {
        exchange->problem = problem_new(exchange->arena, PROBLEM_MALFORMED,
                                        "Another certificate of this CA has its serial number.");
        return false;
    }
    struct event event = event_of_certificate(EVENT_CERTIFICATE_FOUND, certificate);
    event.detail = arena_printf(exchange->arena, "not issued here; it chains to the root of issuer %s",
                                certificate->issuer);
    return exchange_store_ok(exchange, exchange_record(exchange, writer, &event));
}

/* Requests the revocation. Only the CA's confirmation completes it. */
enum store_apply_result revoke_apply(struct exchange *exchange, struct store_writer *writer)
{
    struct revoke_state *state = exchange->state;
    const struct problem *problem = find_certificate(exchange, store_reader_of(writer));
    if (problem != NULL)
        return exchange_refuse(exchange, problem);
    const char *by = authorize_revocation(exchange, store_reader_of(writer));
    if (by == NULL)
        return STORE_DISCARD;
    struct certificate *certificate = &state->certificate;
    if (certificate->id == 0 && !insert_external(exchange, writer))
        return STORE_DISCARD;
    if (certificate->status == CERTIFICATE_REVOKED)
        return correct(exchange, writer, by);
    exchange->hold_key = certificate->id;
    exchange->jobs_due = JOBS_DUE_REVOCATIONS;
    bool first = certificate->revocation_requested_at == 0;
    /* The CA may be processing the other reason just now. Its answer leaves this one to be corrected. */
    bool replaces = !first && may_replace_reason(exchange, state);
    if ((first || replaces) && !record(exchange, writer, by))
        return STORE_DISCARD;
    certificate->revocation_next_attempt_at = exchange->now;
    if (first || replaces)
        certificate->revocation_reason = state->request.reason;
    if (first) {
        certificate->revocation_requested_at = exchange->now;
        certificate->revocation_requested_by = by;
        METRICS_NOTE(&exchange->notes, METRIC_REVOCATIONS_REQUESTED, metrics_issuer(certificate->issuer));
    }
    if (!exchange_store_ok(exchange, store_certificate_update(writer, certificate)))
        return STORE_DISCARD;
    return STORE_APPLIED;
}

/* A revocation that waits for a failing issuer has not been tried itself. */
static const char *why_not_confirmed(struct exchange *exchange, const struct certificate *certificate)
{
    if (certificate->revocation_error != NULL)
        return certificate->revocation_error;
    struct issuer *issuer = issuers_find(exchange->frontend->parts.issuers, certificate->issuer);
    struct issuer_status status = {0};
    if (issuer != NULL)
        issuer_read_status(issuer, &status);
    return status.last_error[0] == '\0' ? "it has not answered yet"
                                        : arena_duplicate(exchange->arena, status.last_error);
}

static bool is_confirmed(const struct revoke_state *state)
{
    const struct certificate *certificate = &state->certificate;
    bool is_awaited =
        certificate->correction_asked && certificate->revocation_reason != state->request.reason;
    return certificate->status == CERTIFICATE_REVOKED && !is_awaited;
}

bool revoke_is_over(const struct exchange *exchange)
{
    return is_confirmed(exchange->state);
}

/* With the cause of its last try. */
void revoke_reload(struct exchange *exchange, struct store_reader *reader)
{
    struct revoke_state *state = exchange->state;
    struct certificate *certificate = &state->certificate;
    enum store_result result = store_certificate_load(reader, exchange->arena, certificate->id, certificate);
    if (exchange_store_ok(exchange, result) && !is_confirmed(state) &&
        store_cause_of_certificate(reader, certificate->id, &state->cause) != STORE_OK)
        state->cause = CAUSE_NONE;
}

/* Renders after the wait: 200 only when the CA has confirmed. */
void revoke_render(struct exchange *exchange)
{
    const struct revoke_state *state = exchange->state;
    const struct certificate *certificate = &state->certificate;
    if (is_confirmed(state)) {
        if (certificate->revocation_error != NULL)
            exchange->problem = already_revoked(exchange, certificate);
        exchange->reply.status = 200;
        return;
    }
    struct problem *problem = problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                                                  "The certificate authority has not confirmed the "
                                                  "revocation (%s). The request is recorded and will be "
                                                  "tried again; repeat the request to learn its state.",
                                                  why_not_confirmed(exchange, certificate));
    /* Where there was no try, the revocation is still under way. */
    problem->cause = state->cause == CAUSE_NONE ? CAUSE_REVOCATION_UNDER_WAY : state->cause;
    problem->retry_after_s = 30;
    exchange->problem = problem;
}
