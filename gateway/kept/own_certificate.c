/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate.h"

#include <errno.h>
#include <stdatomic.h>

#include "acme/base/file.h"
#include "acme/base/time_text.h"
#include "acme/jose/private_key.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/keys/certificate_request.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "stepca/token.h"

enum {
    CHECK_MS = 60 * 1000,
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 60 * 1000,
    REJECTED_RETRY_FIRST_MS = 60 * 1000, /* each is a certificate more at the CA */
    REJECTED_RETRY_MOST_MS = 3600 * 1000,
    REISSUE_CALM_MS = 2 * REJECTED_RETRY_MOST_MS,
    PROBLEM_MAX_BYTES = 512,
    SECRET_FILE_MODE = 0600,
    PUBLIC_FILE_MODE = 0644,
};

struct own_certificate {
    struct own_certificate_parts parts;
    struct issuer *issuer; /* of the request under way; NULL: from configured files */
    struct arena *arena;   /* of the names and paths */
    const char *chain_path;
    const char *key_path;
    struct identifier *names;
    size_t name_count;
    struct outbound_message begin;
    struct outbound_timer timer;
    bool stopped;
    int64_t retry_ms; /* the last pause between tries, without jitter; 0: none was needed */
    int64_t retry_first_ms, retry_most_ms; /* of the next one */
    bool unusable; /* what is in use is not what the configuration asks for: other names, another root */
    bool revoked;  /* what is in use */
    int64_t reissued_at_ms;   /* for the last revocation */
    int64_t reissue_pause_ms; /* before the next; 0: there was none yet */
    /* Of the certificate in use; 0: none. Written by the outbound thread, or where files are configured by
     * the main thread. */
    _Atomic int64_t not_before;
    _Atomic int64_t not_after;
    _Atomic int64_t intermediates_end;
    struct expiry_watch watch;
    char told_problem[PROBLEM_MAX_BYTES];
    /* One request under way, in an arena of its own. */
    struct arena *work;
    struct certificate_request request;
    struct issuer_sign_request sign_request;
};

/* ---- the certificate in use ---- */

static bool use_pem(struct own_certificate *own, struct bytes chain_pem, struct bytes key_pem,
                    char why[static OWN_CERTIFICATE_PUBLISH_WHY_BYTES])
{
    return own->stopped || own->parts.publish(own->parts.context, chain_pem, key_pem, why);
}

/* `chain` is DER, leaf first. */
static void note_ends(struct own_certificate *own, const struct certificate_facts *facts,
                      const struct bytes *chain, size_t count)
{
    atomic_store(&own->not_before, facts->not_before);
    atomic_store(&own->not_after, facts->not_after);
    atomic_store(&own->intermediates_end, issuer_chain_end(chain + 1, count - 1));
}

/* Tells when its end comes near: `because` it has not been renewed. */
static void warn_of_end(struct own_certificate *own, const char *because)
{
    int64_t now = clock_now();
    int64_t not_after = atomic_load(&own->not_after);
    if (not_after == 0 || !expiry_watch_is_due(&own->watch, atomic_load(&own->not_before), not_after, now))
        return;
    char until[TIME_TEXT_BYTES];
    char left[EXPIRY_TEXT_BYTES];
    time_format(until, not_after);
    expiry_format(left, not_after, now);
    if (not_after <= now)
        log_error("own TLS certificate: over since %s (%s), clients refuse it: %s", until, left, because);
    else
        log_warning("own TLS certificate: it ends at %s, in %s: %s", until, left, because);
}

/* ---- files ---- */

/* True when the certificate has these names and no others. */
static bool covers(const struct certificate_facts *facts, const struct identifier *names, size_t count)
{
    if (facts->identifier_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < facts->identifier_count && !found; j++)
            found = identifier_compare(&names[i], &facts->identifiers[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* Why the stored certificate is not what is wanted; NULL when it is. */
static const char *stored_fault(const struct own_certificate *own, const struct certificate_facts *facts,
                                struct bytes leaf, struct bytes chain_pem)
{
    if (!covers(facts, own->names, own->name_count))
        return "it has other names than base_url and alternate_names";
    if (!certificate_chains_to(leaf, chain_pem, own->issuer->roots))
        return "it does not chain to the issuer's root";
    return facts->not_after > clock_now() ? NULL : "it is over";
}

/* The stored certificate serves until there is a better one, even when it is over or not quite ours any more.
 */
static bool use_stored(struct own_certificate *own)
{
    struct arena *arena = arena_new();
    struct bytes chain_pem, key_pem, *certificates = NULL;
    size_t count = 0;
    struct certificate_facts facts;
    char why[OWN_CERTIFICATE_PUBLISH_WHY_BYTES];
    bool good = file_read(arena, own->chain_path, CONFIG_FILE_MAX_BYTES, &chain_pem) &&
                file_read_secret(arena, own->key_path, CONFIG_FILE_MAX_BYTES, &key_pem) &&
                certificates_from_pem(arena, chain_pem, &certificates, &count) &&
                certificate_read_facts(arena, certificates[0], &facts) &&
                use_pem(own, chain_pem, key_pem, why);
    if (good) {
        const char *fault = stored_fault(own, &facts, certificates[0], chain_pem);
        note_ends(own, &facts, certificates, count);
        own->unusable = fault != NULL;
        if (fault == NULL)
            log_info("own TLS certificate from %s", own->chain_path);
        else
            log_warning("own TLS certificate from %s, until issuer %s gives a new one: %s", own->chain_path,
                        own->issuer->id, fault);
    }
    arena_free(arena);
    return good;
}

/* ---- asking the issuer ---- */

static bool is_due(const struct own_certificate *own, int64_t now, int64_t *at)
{
    int64_t not_after = atomic_load(&own->not_after);
    return expiry_renewal_is_due(atomic_load(&own->not_before), not_after, now, at) || own->unusable ||
           own->revoked || not_after == 0;
}

static void wait_until_due(struct own_certificate *own)
{
    int64_t at;
    int64_t now = clock_now();
    int64_t wait_ms = CHECK_MS;
    if (!is_due(own, now, &at) && (at - now) * 1000 < wait_ms)
        wait_ms = (at - now) * 1000;
    outbound_timer_set(own->parts.outbound, &own->timer, wait_ms < RETRY_FIRST_MS ? RETRY_FIRST_MS : wait_ms);
}

static void end_request(struct own_certificate *own, bool good)
{
    arena_free(own->work);
    own->work = NULL;
    if (good) {
        own->retry_ms = 0;
        wait_until_due(own);
        return;
    }
    own->retry_ms = backoff_next(own->retry_ms, own->retry_first_ms, own->retry_most_ms);
    own->retry_first_ms = RETRY_FIRST_MS;
    own->retry_most_ms = RETRY_MOST_MS;
    outbound_timer_set(own->parts.outbound, &own->timer, backoff_spread(own->retry_ms, backoff_random()));
}

/* Without a certificate no client gets in, which is told at every try; else once, and when the end comes
 * near. */
static void fail_request(struct own_certificate *own, const char *problem)
{
    bool has_none = atomic_load(&own->not_after) == 0;
    if (has_none)
        log_error("own TLS certificate: there is none, and no client can connect: issuer %s did not provide "
                  "one: %s",
                  own->issuer->id, problem);
    else if (strncmp(problem, own->told_problem, PROBLEM_MAX_BYTES - 1) != 0)
        log_error("own TLS certificate: issuer %s did not provide a new one: %s", own->issuer->id, problem);
    snprintf(own->told_problem, sizeof own->told_problem, "%s", problem);
    warn_of_end(own, problem);
    end_request(own, false);
}

/* The key first: a certificate whose key was lost would be of no use. */
static bool store_and_use(struct own_certificate *own, const struct issuer_result *result,
                          const char **problem)
{
    char *why = arena_alloc(own->work, OWN_CERTIFICATE_PUBLISH_WHY_BYTES);
    struct bytes chain = certificates_to_pem(own->work, result->chain, result->chain_count);
    struct bytes key_pem = private_key_to_pem(own->work, own->request.key, (struct bytes){0});
    *problem = why;
    if (!use_pem(own, chain, key_pem, why))
        return false;
    if (!file_replace(own->key_path, key_pem, SECRET_FILE_MODE) ||
        !file_replace(own->chain_path, chain, PUBLIC_FILE_MODE))
        log_warning("own TLS certificate: cannot keep it in %s: %s; the next start asks for a new one",
                    own->chain_path, strerror(errno));
    return true;
}

/* Unless it has taught what to ask for, the next one would be no better before the CA or the configuration
 * has changed. */
static void reject(struct own_certificate *own, const struct issuer_result *result,
                   const struct certificate_facts *facts, const char *why)
{
    const struct issuance_wanted wanted = {0};
    if (!issuance_plan_bounds(own->work, own->issuer, &wanted, &own->sign_request.validity, clock_now(),
                              facts->not_after)) {
        own->retry_first_ms = REJECTED_RETRY_FIRST_MS;
        own->retry_most_ms = REJECTED_RETRY_MOST_MS;
    }
    own->parts.rejected(own->parts.context, own->issuer, result->chain, result->chain_count, why);
}

/* What kept the issuer before from giving one says nothing of the one that serves now. */
static void ask_at_once(struct own_certificate *own)
{
    own->retry_ms = 0;
    own->retry_most_ms = RETRY_MOST_MS;
    outbound_timer_set(own->parts.outbound, &own->timer, 0);
}

static void on_signed(struct issuer_sign_request *sign_request)
{
    struct own_certificate *own = sign_request->owner;
    const struct issuer_result *result = &sign_request->result;
    const char *problem = result->message;
    struct certificate_facts facts = {0};
    /* Another one may serve by now (SIGHUP, the admin API), and its roots are those that count. */
    const struct issuer *serving = issuers_find(own->parts.issuers, own->parts.config->tls_issuer);
    bool replaced = serving != own->issuer;
    bool good = result->outcome == ISSUER_OK && result->chain_count != 0;
    if (good) {
        struct certificate_expectation expectation = {.csr = sign_request->csr,
                                                      .identifiers = own->names,
                                                      .identifier_count = own->name_count,
                                                      .latest_not_after =
                                                          sign_request->validity.latest_not_after,
                                                      .roots = serving->roots,
                                                      .now = clock_now()};
        good = certificate_check(own->work, result->chain, result->chain_count, &expectation, &facts,
                                 &problem) &&
               store_and_use(own, result, &problem);
    }
    if (!good && result->outcome == ISSUER_OK)
        reject(own, result, &facts, problem);
    if (!good) {
        fail_request(own, problem);
        if (replaced)
            ask_at_once(own);
        return;
    }
    char until[TIME_TEXT_BYTES];
    time_format(until, facts.not_after);
    log_info("own TLS certificate from issuer %s, good until %s", own->issuer->id, until);
    note_ends(own, &facts, result->chain, result->chain_count);
    own->unusable = own->revoked = false;
    own->told_problem[0] = '\0';
    end_request(own, true);
}

static void request_certificate(struct own_certificate *own)
{
    own->work = arena_new();
    own->issuer = issuers_find(own->parts.issuers, own->parts.config->tls_issuer);
    issuer_ref_with(own->issuer, own->work);
    own->sign_request = (struct issuer_sign_request){.arena = own->work, .done = on_signed, .owner = own};
    char *token_id = arena_alloc(own->work, STEPCA_TOKEN_ID_BYTES);
    const struct issuance_wanted wanted = {0};
    own->sign_request.token_id = token_id;
    const struct problem *problem =
        issuance_plan(own->work, own->issuer, &wanted, clock_now(), &own->sign_request.validity);
    if (problem != NULL || !certificate_request_make(own->work, own->names, own->name_count, &own->request) ||
        !stepca_token_id_new(token_id)) {
        fail_request(own, problem == NULL ? "OpenSSL cannot make a request" : problem->detail);
        return;
    }
    own->sign_request.csr = own->request.csr;
    own->sign_request.csr_der = own->request.csr_der;
    issuer_sign(own->issuer, &own->sign_request);
}

static void check(void *argument)
{
    struct own_certificate *own = argument;
    int64_t at;
    if (own->stopped)
        return;
    if (own->issuer == NULL) {
        warn_of_end(own, "replace the files of tls.cert and tls.key, and send SIGHUP");
        outbound_timer_set(own->parts.outbound, &own->timer, CHECK_MS);
    } else if (is_due(own, clock_now(), &at)) {
        request_certificate(own);
    } else {
        wait_until_due(own);
    }
}

static void run_begin(struct outbound_message *message)
{
    check((struct own_certificate *)((char *)message - offsetof(struct own_certificate, begin)));
}

struct changed_message {
    struct outbound_message message; /* first */
    struct own_certificate *own;
};

static void run_changed(struct outbound_message *message)
{
    struct own_certificate *own = ((struct changed_message *)message)->own;
    free(message);
    /* One that is asked for just now is looked at when it is there (on_signed). */
    if (own->work != NULL || own->issuer == NULL)
        return;
    own->issuer = issuers_find(own->parts.issuers, own->parts.config->tls_issuer);
    if (!use_stored(own))
        own->unusable = true;
    outbound_timer_set(own->parts.outbound, &own->timer, 0);
}

void own_certificate_issuer_changed(struct own_certificate *own)
{
    if (own == NULL)
        return;
    struct changed_message *changed = malloc(sizeof *changed);
    if (changed == NULL)
        end_without("memory");
    *changed = (struct changed_message){{.run = run_changed}, own};
    outbound_post(own->parts.outbound, &changed->message);
}

static bool is_in_use(const struct own_certificate *own, struct arena *arena, struct bytes leaf)
{
    const char *path = own->issuer == NULL ? config_now(own->parts.config)->tls_cert_path : own->chain_path;
    struct bytes chain_pem, *certificates = NULL;
    size_t count = 0;
    return file_read(arena, path, CONFIG_FILE_MAX_BYTES, &chain_pem) &&
           certificates_from_pem(arena, chain_pem, &certificates, &count) &&
           certificate_is_same(certificates[0], leaf);
}

/* Whoever has one revoked may have the next one revoked as well: each is a certificate more at the CA. */
static int64_t pause_before_another(struct own_certificate *own)
{
    int64_t now_ms = clock_now_ms();
    bool calm = own->reissue_pause_ms == 0 || now_ms >= own->reissued_at_ms + REISSUE_CALM_MS;
    int64_t pause_ms = calm ? 0 : own->reissue_pause_ms;
    own->reissue_pause_ms = backoff_next(pause_ms, REJECTED_RETRY_FIRST_MS, REJECTED_RETRY_MOST_MS);
    own->reissued_at_ms = now_ms + pause_ms;
    return pause_ms;
}

/* Where another one is due already, it is asked for after the pause of the last failure. */
static void ask_for_another(struct own_certificate *own)
{
    int64_t at;
    bool is_due_already = own->work != NULL || is_due(own, clock_now(), &at);
    int64_t pause_ms = is_due_already ? 0 : pause_before_another(own);
    own->revoked = true;
    if (pause_ms == 0)
        log_error("own TLS certificate: it was revoked: another one is asked for");
    else
        log_error(
            "own TLS certificate: it was revoked, as the one before was: another one is asked for in %lld s",
            (long long)(pause_ms / 1000));
    if (!is_due_already)
        outbound_timer_set(own->parts.outbound, &own->timer, pause_ms);
}

void own_certificate_revoked(struct own_certificate *own, struct bytes leaf)
{
    struct arena *arena = arena_new();
    if (own != NULL && !own->stopped && is_in_use(own, arena, leaf)) {
        if (own->issuer != NULL)
            ask_for_another(own);
        else
            log_error("own TLS certificate: it was revoked: replace the files of tls.cert and tls.key, and "
                      "send SIGHUP");
    }
    arena_free(arena);
}

/* ---- life ---- */

bool own_certificate_use_files(struct own_certificate *own, const struct own_certificate_files *files,
                               char why[static OWN_CERTIFICATE_WHY_BYTES])
{
    struct arena *arena = arena_new();
    struct certificate_facts facts;
    bool good = use_pem(own, files->chain_pem, files->key_pem, why);
    if (good && certificate_read_facts(arena, files->certificates[0], &facts))
        note_ends(own, &facts, files->certificates, files->count);
    arena_free(arena);
    return good;
}

static bool use_configured_files(struct own_certificate *own, char why[static OWN_CERTIFICATE_WHY_BYTES])
{
    struct arena *arena = arena_new();
    struct own_certificate_files files;
    bool good = own_certificate_files_read(arena, own->parts.config, &files, why) &&
                own_certificate_use_files(own, &files, why);
    arena_free(arena);
    return good;
}

static void prepare_issuing(struct own_certificate *own)
{
    const struct config *config = own->parts.config;
    own->issuer = issuers_find(own->parts.issuers, config->tls_issuer);
    own->chain_path = own_certificate_path(own->arena, config);
    own->key_path = arena_printf(own->arena, "%s.tls.key", config->database);
    own->names = config_own_names(own->arena, config, &own->name_count);
    if (!use_stored(own))
        log_info("asking issuer %s for the own TLS certificate", own->issuer->id);
}

struct own_certificate *own_certificate_start(const struct own_certificate_parts *parts,
                                              char why[static OWN_CERTIFICATE_WHY_BYTES])
{
    struct own_certificate *own = calloc(1, sizeof *own);
    if (own == NULL)
        end_without("memory");
    own->parts = *parts;
    own->arena = arena_new();
    own->retry_first_ms = RETRY_FIRST_MS;
    own->retry_most_ms = RETRY_MOST_MS;
    own->timer = (struct outbound_timer){.run = check, .argument = own};
    own->begin.run = run_begin;
    if (parts->config->tls_issuer != NULL) {
        prepare_issuing(own);
    } else if (!use_configured_files(own, why)) {
        own_certificate_free(own);
        return NULL;
    }
    outbound_post(parts->outbound, &own->begin);
    return own;
}

static void run_stop(void *argument)
{
    struct own_certificate *own = argument;
    own->stopped = true;
    outbound_timer_cancel(own->parts.outbound, &own->timer);
}

void own_certificate_stop(struct own_certificate *own)
{
    if (own != NULL)
        outbound_run_and_wait(own->parts.outbound, run_stop, own);
}

void own_certificate_free(struct own_certificate *own)
{
    if (own == NULL)
        return;
    arena_free(own->work);
    arena_free(own->arena);
    free(own);
}

const char *own_certificate_path(struct arena *arena, const struct config *config)
{
    return arena_printf(arena, "%s.tls.crt", config->database);
}

void own_certificate_read_expiry(const struct own_certificate *own, struct own_certificate_expiry *out)
{
    const char *id = own == NULL ? NULL : own->parts.config->tls_issuer;
    const struct issuer *issuer = id == NULL ? NULL : issuers_find(own->parts.issuers, id);
    *out = (struct own_certificate_expiry){
        .leaf = own == NULL ? 0 : atomic_load(&own->not_after),
        .intermediates = own == NULL ? 0 : atomic_load(&own->intermediates_end),
        .roots = issuer == NULL ? 0 : issuer->roots_first_end,
    };
}

struct bytes own_certificate_intermediates(const struct own_certificate *own, struct arena *arena)
{
    struct bytes chain_pem, *certificates = NULL;
    size_t count = 0;
    if (own == NULL || own->chain_path == NULL ||
        !file_read(arena, own->chain_path, CONFIG_FILE_MAX_BYTES, &chain_pem) ||
        !certificates_from_pem(arena, chain_pem, &certificates, &count))
        return (struct bytes){0};
    return certificates_to_pem(arena, certificates + 1, count - 1);
}
