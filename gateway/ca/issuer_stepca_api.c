/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of step-ca's own API that are passed on, and the limits that the CA grants their provisioners. */
#include <string.h>

#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"

enum {
    WAITING_MAX = 64,
    GRANTS_MAX = 10000,
};

/* ---- the lane ---- */

static void lane_append(struct api_lane *lane, struct issuer_api_request *request)
{
    request->next = NULL;
    if (lane->last == NULL) {
        lane->first = request;
    } else {
        lane->last->next = request;
    }
    lane->last = request;
    lane->waiting++;
}

static struct issuer_api_request *lane_take(struct api_lane *lane)
{
    struct issuer_api_request *request = lane->first;
    lane->first = request->next;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    lane->waiting--;
    return request;
}

static void lane_advance(struct issuer_stepca *issuer);

static void answered(void *context, const struct outbound_http_reply *reply)
{
    struct issuer_api_request *request = context;
    struct issuer_stepca *issuer = (struct issuer_stepca *)request->issuer;
    METRICS_CALL(issuer->base.id, METRIC_CALL_STEPCA_API, reply->took_us);
    request->status = reply->status;
    request->reply = arena_copy(request->arena, reply->body);
    if (reply->status != 0 && !reply->body_cut) {
        request->outcome = ISSUER_API_ANSWERED;
    } else {
        const char *error = issuer_stepca_transport_error(request->arena, reply);
        request->error = arena_duplicate(request->arena, error == NULL ? "its answer is too long" : error);
        request->outcome = reply->connected && !reply->untrusted ? ISSUER_API_LOST : ISSUER_API_FAILED;
    }
    issuer->api_lane.running--;
    if (reply->status == 0) {
        issuer_stepca_refresh_soon(issuer);
    }
    request->done(request);
    lane_advance(issuer);
}

static void ask(struct issuer_stepca *issuer, struct issuer_api_request *request)
{
    struct outbound_http_request http = {
        .method = request->method,
        .url = arena_printf(request->arena, "%s%s", issuer->ca_url, request->path),
        .body = request->body,
        .authorization = request->authorization,
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
        .for_client = true,
    };
    request->asked_at = clock_now();
    issuer->api_lane.running++;
    outbound_http(issuer->outbound, &http, answered, request);
}

static void refuse_busy(struct issuer_api_request *request)
{
    request->outcome = ISSUER_API_BUSY;
    request->done(request);
}

/* A client that has waited longer than a call may take has most likely left. Its request is not sent. */
static void lane_advance(struct issuer_stepca *issuer)
{
    struct api_lane *lane = &issuer->api_lane;
    while (lane->first != NULL && lane->running < lane->max_running) {
        struct issuer_api_request *request = lane_take(lane);
        if ((clock_now() - request->entered_at) * 1000 > issuer->timeout_ms) {
            refuse_busy(request);
        } else {
            ask(issuer, request);
        }
    }
}

static void call(struct issuer *base, struct issuer_api_request *request)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    request->issuer = base;
    request->entered_at = clock_now();
    if (issuer->api_lane.waiting >= WAITING_MAX) {
        refuse_busy(request);
        return;
    }
    lane_append(&issuer->api_lane, request);
    lane_advance(issuer);
}

/* ---- grants of provisioners ---- */

static bool same_key(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct provisioner_grant *find_grant(const struct provisioner_grants *grants, const char *name,
                                            const char *key_id)
{
    for (struct provisioner_grant *grant = grants->first; grant != NULL; grant = grant->next) {
        if (strcmp(grant->name, name) == 0 && same_key(grant->key_id, key_id)) {
            return grant;
        }
    }
    return NULL;
}

/* Returns NULL when there are too many. */
static struct provisioner_grant *add_grant(struct provisioner_grants *grants, const char *name,
                                           const char *key_id)
{
    if (grants->count >= GRANTS_MAX) {
        return NULL;
    }
    if (grants->arena == NULL) {
        grants->arena = arena_new();
    }
    struct provisioner_grant *grant = arena_alloc(grants->arena, sizeof *grant);
    *grant = (struct provisioner_grant){
        .next = grants->first,
        .name = arena_duplicate(grants->arena, name),
        .key_id = arena_duplicate(grants->arena, key_id),
    };
    ca_knowledge_init(&grant->knowledge);
    grants->first = grant;
    grants->count++;
    return grant;
}

void issuer_stepca_collect_grants(struct refresh_round *round, const struct stepca_provisioner_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct stepca_provisioner *provisioner = &page->provisioners[i];
        struct provisioner_grant *grant = add_grant(&round->grants, provisioner->name, provisioner->key_id);
        if (grant == NULL) {
            return;
        }
        const struct ca_claims claims = issuer_stepca_claims(provisioner);
        ca_knowledge_tell(&grant->knowledge, &claims, clock_now());
    }
}

/* Keeps what was observed, also of a provisioner that is no longer listed: it may be of another type or
 * page. */
void issuer_stepca_adopt_grants(struct issuer_stepca *issuer)
{
    struct provisioner_grants *fresh = &issuer->round.grants;
    int64_t now = clock_now();
    for (const struct provisioner_grant *old = issuer->grants.first; old != NULL; old = old->next) {
        struct provisioner_grant *grant = find_grant(fresh, old->name, old->key_id);
        bool listed = grant != NULL;
        if (!listed && old->seen) {
            grant = add_grant(fresh, old->name, old->key_id);
        }
        if (grant == NULL) {
            continue;
        }
        const struct ca_claims claims = listed ? grant->knowledge.told : (struct ca_claims){0};
        grant->knowledge = old->knowledge;
        grant->seen = old->seen;
        ca_knowledge_tell(&grant->knowledge, &claims, now);
    }
    arena_free(issuer->grants.arena);
    issuer->grants = *fresh;
    *fresh = (struct provisioner_grants){0};
}

static void limits(struct issuer *base, const char *provisioner, const char *key_id,
                   struct validity_limits *out)
{
    const struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    const struct provisioner_grant *grant = find_grant(&issuer->grants, provisioner, key_id);
    struct ca_knowledge knowledge;
    ca_knowledge_init(&knowledge);
    if (grant != NULL) {
        knowledge = grant->knowledge;
    }
    knowledge.backdate = issuer->knowledge.backdate; /* of the whole authority */
    ca_knowledge_limits(&knowledge, out);
}

/* Returns the knowledge of a provisioner; NULL when there are too many. */
static struct ca_knowledge *knowledge_of(struct issuer_stepca *issuer, const char *provisioner,
                                         const char *key_id)
{
    struct provisioner_grant *grant = find_grant(&issuer->grants, provisioner, key_id);
    if (grant == NULL) {
        grant = add_grant(&issuer->grants, provisioner, key_id);
    }
    if (grant == NULL) {
        return NULL;
    }
    grant->seen = true;
    return &grant->knowledge;
}

static void observe(struct issuer *base, const char *provisioner, const char *key_id,
                    const struct ca_signed *certificate)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    struct ca_knowledge whole = issuer->knowledge;
    struct ca_knowledge *own = provisioner == NULL ? NULL : knowledge_of(issuer, provisioner, key_id);
    if (own != NULL) {
        (void)ca_knowledge_observe(own, certificate);
    }
    if (ca_knowledge_observe(&whole, certificate) && whole.backdate.at != issuer->knowledge.backdate.at) {
        issuer->knowledge.backdate = whole.backdate;
        issuer_stepca_publish_limits(issuer);
    }
}

static void refused(struct issuer *base, const char *provisioner, const char *key_id,
                    const struct ca_refusal *refusal, const struct validity_request *asked)
{
    struct ca_knowledge *own = knowledge_of((struct issuer_stepca *)base, provisioner, key_id);
    if (own != NULL) {
        ca_knowledge_refused(own, refusal, asked, clock_now());
    }
}

const struct issuer_api issuer_stepca_api = {
    .call = call, .limits = limits, .observe = observe, .refused = refused};
