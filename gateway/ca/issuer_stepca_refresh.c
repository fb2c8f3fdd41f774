/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads from step-ca what concerns our provisioner: the kid that it advertises, the lifetimes of its
 * certificates, the end of the issuing chain, and the roots that it lists. It asks at the start and every
 * five minutes. While the CA does not answer it asks sooner, so that its return is noticed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/ca/issuer_signers.h"
#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "stepca/outcome.h"

enum {
    REFRESH_EVERY_MS = 5 * 60 * 1000,
    REFRESH_FIRST_RETRY_MS = 2 * 1000,
    REFRESH_LAST_RETRY_MS = 30 * 1000,
    CLOCK_TOLERANCE_S = 30,
};

static void get(struct issuer_stepca *issuer, const char *path, const char *query,
                void (*done)(void *context, const struct outbound_http_reply *reply))
{
    struct outbound_http_request http = {
        .method = "GET",
        .url = arena_printf(issuer->round.arena, "%s/1.0/%s%s", issuer->ca_url, path, query),
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
    };
    outbound_http(issuer->outbound, &http, done, issuer);
}

/* ---- the end of a round ---- */

static void end_round(struct issuer_stepca *issuer, int64_t next_ms)
{
    arena_free(issuer->round.arena);
    arena_free(issuer->round.grants.arena);
    issuer->round = (struct refresh_round){0};
    if (!issuer->refreshing_stopped) {
        outbound_timer_set(issuer->outbound, &issuer->refresh_timer, next_ms);
    }
    issuer_unref(&issuer->base);
}

static void fail_round(struct issuer_stepca *issuer, const struct outbound_http_reply *reply,
                       const char *message)
{
    bool reached = reply->status != 0 || (reply->connected && !reply->untrusted);
    issuer_report_failure(&issuer->base,
                          (struct issuer_failure){.contact = ISSUER_CONTACT_READ,
                                                  .trouble = reached ? ISSUER_BAD_ANSWER : ISSUER_NOT_REACHED,
                                                  .message = message},
                          NULL);
    issuer->refresh_failures++;
    end_round(issuer,
              backoff_wait((int64_t)issuer->refresh_failures, REFRESH_FIRST_RETRY_MS, REFRESH_LAST_RETRY_MS));
}

static void tell_advertisement(const struct issuer_stepca *issuer, const struct refresh_round *round)
{
    const char *id = issuer->base.id;
    const char *name = issuer->provisioner_name;
    switch (round->advertisement) {
    case ADVERTISEMENT_OURS:
        log_info("issuer %s: provisioner %s has our key, kid %s", id, name, round->provisioner.key_id);
        return;
    case ADVERTISEMENT_OTHER_KEY:
        log_warning(
            "issuer %s: the CA's provisioner %s has another key (kid %s) than ours (thumbprint %s): it will "
            "refuse our tokens",
            id, name, round->provisioner.key_id, issuer->key.jwk.thumbprint);
        return;
    case ADVERTISEMENT_MISSING:
        log_warning("issuer %s: the CA lists no JWK provisioner named %s", id, name);
        return;
    case ADVERTISEMENT_UNKNOWN:
        return;
    }
}

/* Takes over the kid. When it changes, the CA may accept what it refused before. */
static void adopt_key_id(struct issuer_stepca *issuer, const struct refresh_round *round)
{
    const char *key_id =
        round->advertisement == ADVERTISEMENT_OURS ? round->provisioner.key_id : issuer->key.key_id;
    if (issuer->advertisement != round->advertisement) {
        tell_advertisement(issuer, round);
        issuer->advertisement = round->advertisement;
    }
    if (strcmp(key_id, issuer->key_id) == 0) {
        return;
    }
    struct arena *arena = arena_new();
    issuer->key_id = arena_duplicate(arena, key_id);
    arena_free(issuer->key_id_arena);
    issuer->key_id_arena = arena;
    issuer_set_key_id(&issuer->base, key_id);
    issuer_probe_now(&issuer->base);
}

/* The preferred lifetime is never more than the CA allows: the CA would refuse an order over it. */
static int64_t allowed_preference(struct issuer_stepca *issuer, int64_t max_s)
{
    if (max_s == 0 || issuer->preferred_s <= max_s) {
        issuer->warned_max_s = 0;
        return issuer->preferred_s;
    }
    if (issuer->warned_max_s != max_s) {
        log_warning(
            "issuer %s: validity_days is %lld s, but provisioner %s allows %lld s: acmegate requests that",
            issuer->base.id, (long long)issuer->preferred_s, issuer->provisioner_name, (long long)max_s);
        issuer->warned_max_s = max_s;
    }
    return max_s;
}

void issuer_stepca_publish_limits(struct issuer_stepca *issuer)
{
    const struct ca_fact *max = &issuer->knowledge.max;
    bool max_is_known = max->source == CA_FACT_TOLD || max->source == CA_FACT_LEARNED;
    struct validity_limits limits = issuer->limits;
    limits.preferred_s = allowed_preference(issuer, max_is_known ? max->seconds : 0);
    issuer_set_limits(&issuer->base, &limits, &issuer->knowledge);
}

static void succeed_round(struct issuer_stepca *issuer)
{
    const struct refresh_round *round = &issuer->round;
    adopt_key_id(issuer, round);
    issuer_stepca_adopt_grants(issuer);
    const struct ca_claims claims = issuer_stepca_claims(&round->provisioner);
    ca_knowledge_tell(&issuer->knowledge, &claims, clock_now());
    issuer_stepca_publish_limits(issuer);
    issuer_report_success(&issuer->base, ISSUER_CONTACT_READ, NULL);
    issuer->refresh_failures = 0;
    end_round(issuer, REFRESH_EVERY_MS);
}

/* ---- the requests ---- */

static void watch_clock(struct issuer_stepca *issuer, const struct outbound_http_reply *reply)
{
    if (reply->date == 0) {
        return;
    }
    int64_t ahead_s = reply->date - clock_now();
    bool off = llabs(ahead_s) > CLOCK_TOLERANCE_S;
    if (off && !issuer->clock_is_off) {
        log_warning("issuer %s: the CA's clock is %lld s %s ours: set both by NTP; %s", issuer->base.id,
                    (long long)llabs(ahead_s), ahead_s > 0 ? "ahead of" : "behind",
                    ahead_s > 0 ? "over 60 s its certificates begin in our future"
                                : "over 60 s it refuses our tokens");
    }
    issuer->clock_is_off = off;
}

/* The list came over a connection that a pinned root vouches for. Even so it changes nothing that is
 * trusted. */
static void roots_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct issuer_stepca *issuer = context;
    struct arena *arena = issuer->round.arena;
    METRICS_CALL(issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 0) {
        fail_round(issuer, reply, issuer_stepca_transport_error(arena, reply));
        return;
    }
    struct issuer_root_differences differences = {0};
    struct stepca_chain listed;
    struct bytes *pinned = NULL;
    size_t pinned_count = 0;
    if ((reply->status == 200 || reply->status == 201) &&
        stepca_parse_certificates(arena, reply->body, &listed) &&
        certificates_from_pem(arena, issuer->base.roots_pem, &pinned, &pinned_count)) {
        issuer_root_list_compare(arena, pinned, pinned_count, listed.certificates, listed.count,
                                 &differences);
    }
    issuer_report_root_list(&issuer->base, &differences);
    succeed_round(issuer);
}

/* A CA before 0.27.3 has no such route: signed chains then show the signer (issuer_stepca_calls.c). */
static void intermediates_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct issuer_stepca *issuer = context;
    struct stepca_chain chain;
    METRICS_CALL(issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    if (reply->status == 0) {
        fail_round(issuer, reply, issuer_stepca_transport_error(issuer->round.arena, reply));
        return;
    }
    if ((reply->status == 200 || reply->status == 201) &&
        stepca_parse_certificates(issuer->round.arena, reply->body, &chain)) {
        issuer->limits.chain_not_after = issuer_chain_end(chain.certificates, chain.count);
        issuer->tells_intermediates = true;
        issuer_watch_ends(&issuer->base, chain.certificates, chain.count);
        for (size_t i = 0; i < chain.count; i++)
            issuer_learn_signer(&issuer->base, chain.certificates[i], chain.certificates, chain.count);
    }
    get(issuer, "roots", "", roots_arrived);
}

static void look_for_ours(struct issuer_stepca *issuer, const struct stepca_provisioner_page *page)
{
    struct refresh_round *round = &issuer->round;
    for (size_t i = 0; i < page->count; i++) {
        const struct stepca_provisioner *provisioner = &page->provisioners[i];
        if (strcmp(provisioner->name, issuer->provisioner_name) != 0) {
            continue;
        }
        const char *thumbprint = provisioner->public_thumbprint;
        round->provisioner = *provisioner;
        if (thumbprint != NULL && strcmp(thumbprint, issuer->key.jwk.thumbprint) == 0) {
            round->advertisement = ADVERTISEMENT_OURS;
            return;
        }
        round->advertisement = ADVERTISEMENT_OTHER_KEY;
    }
}

static void provisioners_arrived(void *context, const struct outbound_http_reply *reply);

static void ask_for_provisioners(struct issuer_stepca *issuer)
{
    get(issuer, stepca_paging_path(issuer->round.arena, &issuer->round.paging), "", provisioners_arrived);
}

static void provisioners_arrived(void *context, const struct outbound_http_reply *reply)
{
    struct issuer_stepca *issuer = context;
    struct arena *arena = issuer->round.arena;
    struct stepca_error error;
    METRICS_CALL(issuer->base.id, METRIC_CALL_OTHER, reply->took_us);
    stepca_read_outcome(arena, STEPCA_READ, reply->status, reply->body,
                        issuer_stepca_transport_error(arena, reply), &error);
    if (reply->body_cut) {
        if (stepca_paging_shorten(&issuer->round.paging)) {
            ask_for_provisioners(issuer);
        } else {
            fail_round(issuer, reply, STEPCA_PROVISIONER_TOO_LONG);
        }
        return;
    }
    if (error.outcome != STEPCA_OK) {
        fail_round(issuer, reply, error.message);
        return;
    }
    watch_clock(issuer, reply);
    struct stepca_provisioner_page page;
    if (!stepca_parse_provisioners(arena, reply->body, &page)) {
        fail_round(issuer, reply, "GET /provisioners: the reply is not in step-ca's format");
        return;
    }
    issuer_stepca_collect_grants(&issuer->round, &page);
    if (issuer->round.advertisement != ADVERTISEMENT_OURS) {
        look_for_ours(issuer, &page);
    }
    if (!stepca_paging_next(&issuer->round.paging, page.next_cursor) ||
        issuer->round.paging.provisioners >= STEPCA_PROVISIONERS_MAX) {
        get(issuer, "intermediates", "", intermediates_arrived);
        return;
    }
    ask_for_provisioners(issuer);
}

void issuer_stepca_refresh_soon(struct issuer_stepca *issuer)
{
    bool round_under_way = issuer->round.arena != NULL;
    if (issuer->refreshing_stopped || issuer->refresh_is_soon || issuer->refresh_failures != 0 ||
        round_under_way) {
        return;
    }
    issuer->refresh_is_soon = true;
    outbound_timer_set(issuer->outbound, &issuer->refresh_timer, REFRESH_FIRST_RETRY_MS);
}

void issuer_stepca_refresh(struct issuer_stepca *issuer)
{
    issuer->refresh_is_soon = false;
    issuer_ref(&issuer->base);
    issuer->round = (struct refresh_round){
        .arena = arena_new(),
        .paging = stepca_paging_first,
        .advertisement = ADVERTISEMENT_MISSING,
        .grants = {.arena = arena_new()},
    };
    ask_for_provisioners(issuer);
}
