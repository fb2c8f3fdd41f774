/* SPDX-License-Identifier: Apache-2.0 */
/* The own certificate when an issuer signs it: the stored one, when the next is due, and the pause before
 * it. */
#include "acme/base/time_text.h"
#include "gateway/kept/own_certificate_internal.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

enum {
    CHECK_MS = 60 * 1000,
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 60 * 1000,
    REJECTED_RETRY_FIRST_MS = 60 * 1000, /* each costs the CA one more certificate */
    REJECTED_RETRY_MOST_MS = 3600 * 1000,
    REISSUE_CALM_MS = 2 * REJECTED_RETRY_MOST_MS,
};

static struct issuer *serving(const struct own_certificate *own)
{
    return issuers_find(own->parts.issuers, own->parts.config->tls_issuer);
}

/* ---- the stored one ---- */

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

/* Returns why the stored certificate does not fit; NULL when it does. */
static const char *stored_fault(const struct own_certificate *own, const struct certificate_facts *facts,
                                struct bytes leaf, struct bytes chain_pem)
{
    if (!covers(facts, own->kept.parts.names, own->kept.parts.name_count))
        return "its names differ from base_url and alternate_names";
    if (!certificate_chains_to(leaf, chain_pem, serving(own)->roots))
        return "it does not chain to the issuer's root";
    return facts->not_after > clock_now() ? NULL : "it has expired";
}

/* The stored certificate serves until a better one comes, even when it has expired or no longer fits. */
static bool use_stored(struct own_certificate *own)
{
    const struct kept_parts *parts = &own->kept.parts;
    struct arena *arena = arena_new();
    struct kept_pair pair;
    bool good = kept_pair_read(arena, parts->chain_path, parts->key_path, &pair, NULL) &&
                own_certificate_use_pem(own, pair.chain_pem, pair.key_pem, NULL);
    if (good) {
        const char *fault = stored_fault(own, &pair.facts, pair.certificates[0], pair.chain_pem);
        own_certificate_note_ends(own, &pair.facts, pair.certificates, pair.count);
        own->unusable = fault != NULL;
        if (fault == NULL)
            log_info("server TLS certificate from %s", parts->chain_path);
        else
            log_warning("server TLS certificate from %s, until issuer %s gives a new one: %s",
                        parts->chain_path, own->parts.config->tls_issuer, fault);
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

static void look_later(struct own_certificate *own, bool good)
{
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

/* Without a certificate no client can connect: each failed try is logged. Otherwise it is logged once, and
 * when the end is near. */
static void tell_failure(struct own_certificate *own, const char *problem)
{
    const char *issuer = own->parts.config->tls_issuer;
    bool has_none = atomic_load(&own->not_after) == 0;
    if (has_none)
        log_error("no server TLS certificate, and no client can connect: issuer %s did not provide "
                  "one: %s",
                  issuer, problem);
    else if (strncmp(problem, own->told_problem, OWN_CERTIFICATE_PROBLEM_BYTES - 1) != 0)
        log_error("server TLS certificate: issuer %s did not provide a new one: %s", issuer, problem);
    snprintf(own->told_problem, sizeof own->told_problem, "%s", problem);
    own_certificate_warn_of_end(own, problem);
}

/* Forgets the reason of earlier failures: it does not concern the issuer that serves now. */
static void ask_at_once(struct own_certificate *own)
{
    own->retry_ms = 0;
    own->retry_most_ms = RETRY_MOST_MS;
    outbound_timer_set(own->parts.outbound, &own->timer, 0);
}

/* Another issuer may serve by now (SIGHUP, the admin API); its roots count. */
static const struct issuer *serving_now(void *context)
{
    return serving(context);
}

static bool use_new(void *context, struct arena *arena, const struct kept_pair *pair, struct fault *fault)
{
    struct own_certificate *own = context;
    (void)arena;
    if (!own_certificate_use_pem(own, pair->chain_pem, pair->key_pem, fault))
        return false;
    own_certificate_note_ends(own, &pair->facts, pair->certificates, pair->count);
    return true;
}

static void reject(void *context, const struct issuer *asked, const struct bytes *chain, size_t count,
                   const char *why)
{
    const struct own_certificate *own = context;
    own->parts.rejected(own->parts.context, asked, chain, count, why);
}

static void on_ended(void *context, const struct kept_end *end)
{
    struct own_certificate *own = context;
    if (end->taken) {
        char until[TIME_TEXT_BYTES];
        time_format(until, atomic_load(&own->not_after));
        log_info("server TLS certificate from issuer %s, good until %s", own->parts.config->tls_issuer,
                 until);
        own->unusable = own->revoked = false;
        own->told_problem[0] = '\0';
        look_later(own, true);
        return;
    }
    if (end->rejected && !end->taught) {
        own->retry_first_ms = REJECTED_RETRY_FIRST_MS;
        own->retry_most_ms = REJECTED_RETRY_MOST_MS;
    }
    tell_failure(own, end->problem);
    look_later(own, false);
    if (own->kept.issuer != serving(own))
        ask_at_once(own);
}

void own_certificate_check_issued(struct own_certificate *own)
{
    int64_t at;
    if (is_due(own, clock_now(), &at))
        kept_certificate_ask(&own->kept, serving(own));
    else
        wait_until_due(own);
}

/* A reload may have changed base_url or alternate_names. */
static void take_names(struct own_certificate *own)
{
    struct kept_parts *parts = &own->kept.parts;
    parts->names = config_own_names(own->arena, config_now(own->parts.config), &parts->name_count);
}

void own_certificate_change_issued(struct own_certificate *own)
{
    /* A certificate that is being requested is checked when it comes. */
    if (own->kept.work != NULL)
        return;
    take_names(own);
    if (!use_stored(own))
        own->unusable = true;
    outbound_timer_set(own->parts.outbound, &own->timer, 0);
}

/* An attacker who has one certificate revoked may have the next one revoked as well, and each costs the CA
 * one more. */
static int64_t pause_before_another(struct own_certificate *own)
{
    int64_t now_ms = clock_now_ms();
    bool calm = own->reissue_pause_ms == 0 || now_ms >= own->reissued_at_ms + REISSUE_CALM_MS;
    int64_t pause_ms = calm ? 0 : own->reissue_pause_ms;
    own->reissue_pause_ms = backoff_next(pause_ms, REJECTED_RETRY_FIRST_MS, REJECTED_RETRY_MOST_MS);
    own->reissued_at_ms = now_ms + pause_ms;
    return pause_ms;
}

/* If another is due already, it is requested after the pause of the last failure. */
void own_certificate_replace_issued(struct own_certificate *own)
{
    int64_t at;
    bool is_due_already = own->kept.work != NULL || is_due(own, clock_now(), &at);
    int64_t pause_ms = is_due_already ? 0 : pause_before_another(own);
    own->revoked = true;
    if (pause_ms == 0)
        log_error("server TLS certificate was revoked: requesting another one");
    else
        log_error("server TLS certificate was revoked, like the one before: requesting another one in %lld s",
                  (long long)(pause_ms / 1000));
    if (!is_due_already)
        outbound_timer_set(own->parts.outbound, &own->timer, pause_ms);
}

void own_certificate_prepare_issued(struct own_certificate *own)
{
    const struct config *config = own->parts.config;
    struct kept_parts *parts = &own->kept.parts;
    own->retry_first_ms = RETRY_FIRST_MS;
    own->retry_most_ms = RETRY_MOST_MS;
    *parts = (struct kept_parts){.what = "server TLS certificate",
                                 .chain_path = own_certificate_path(own->arena, config),
                                 .key_path = config_file_beside(own->arena, config, "tls.key"),
                                 .serving = serving_now,
                                 .use = use_new,
                                 .rejected = reject,
                                 .ended = on_ended,
                                 .context = own};
    take_names(own);
    if (!use_stored(own))
        log_info("requesting the server TLS certificate from issuer %s", config->tls_issuer);
}
