/* Requests of step-ca's own API that are passed on, and what the CA grants the provisioners that they come
 * from. */
#include <string.h>

#include "gateway/issuer/issuer_stepca_internal.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"

enum {
    WAITING_MAX = 64,
    GRANTS_MAX = 10000,
};

/* ---- the lane ---- */

static void lane_append(struct api_lane *lane, struct issuer_api_job *job)
{
    job->next = NULL;
    if (lane->last == NULL) {
        lane->first = job;
    } else {
        lane->last->next = job;
    }
    lane->last = job;
    lane->waiting++;
}

static struct issuer_api_job *lane_take(struct api_lane *lane)
{
    struct issuer_api_job *job = lane->first;
    lane->first = job->next;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    lane->waiting--;
    return job;
}

static void lane_advance(struct issuer_stepca *issuer);

static void answered(void *context, const struct outbound_http_reply *reply)
{
    struct issuer_api_job *job = context;
    struct issuer_stepca *issuer = (struct issuer_stepca *)job->issuer;
    METRICS_CALL(issuer->base.id, METRIC_CALL_NATIVE, reply->took_us);
    job->status = reply->status;
    job->reply = arena_copy(job->arena, reply->body);
    if (reply->status != 0 && !reply->body_cut) {
        job->outcome = ISSUER_API_ANSWERED;
    } else {
        const char *error = issuer_stepca_transport_error(job->arena, reply);
        job->error = arena_duplicate(job->arena, error == NULL ? "its answer is too long" : error);
        job->outcome = reply->connected && !reply->untrusted ? ISSUER_API_LOST : ISSUER_API_FAILED;
    }
    issuer->api_lane.running--;
    if (reply->status == 0) {
        issuer_stepca_refresh_soon(issuer);
    }
    job->done(job);
    lane_advance(issuer);
}

static void ask(struct issuer_stepca *issuer, struct issuer_api_job *job)
{
    struct outbound_http_request request = {
        .method = job->method,
        .url = arena_printf(job->arena, "%s%s", issuer->ca_url, job->path),
        .body = job->body,
        .authorization = job->authorization,
        .trusted_pem = issuer->base.roots_pem,
        .timeout_ms = issuer->timeout_ms,
        .max_body_bytes = STEPCA_REPLY_MAX_BYTES,
        .user_agent = STEPCA_USER_AGENT,
        .for_client = true,
    };
    job->asked_at = clock_now();
    issuer->api_lane.running++;
    outbound_http(issuer->outbound, &request, answered, job);
}

static void refuse_busy(struct issuer_api_job *job)
{
    job->outcome = ISSUER_API_BUSY;
    job->done(job);
}

/* Who has waited for longer than a call may take has most likely left: nothing is asked for nobody. */
static void lane_advance(struct issuer_stepca *issuer)
{
    struct api_lane *lane = &issuer->api_lane;
    while (lane->first != NULL && lane->running < lane->max_running) {
        struct issuer_api_job *job = lane_take(lane);
        if ((clock_now() - job->entered_at) * 1000 > issuer->timeout_ms) {
            refuse_busy(job);
        } else {
            ask(issuer, job);
        }
    }
}

static void call(struct issuer *base, struct issuer_api_job *job)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    job->issuer = base;
    job->entered_at = clock_now();
    if (issuer->api_lane.waiting >= WAITING_MAX) {
        refuse_busy(job);
        return;
    }
    lane_append(&issuer->api_lane, job);
    lane_advance(issuer);
}

/* ---- what provisioners are granted ---- */

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

/* NULL when there are too many. */
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
        grant->min_s = provisioner->min_s;
        grant->max_s = provisioner->max_s;
        grant->default_s = provisioner->default_s;
    }
}

void issuer_stepca_adopt_grants(struct issuer_stepca *issuer)
{
    struct provisioner_grants *fresh = &issuer->round.grants;
    for (const struct provisioner_grant *old = issuer->grants.first; old != NULL; old = old->next) {
        struct provisioner_grant *grant = find_grant(fresh, old->name, old->key_id);
        if (grant == NULL && old->observed_s != 0) {
            grant = add_grant(fresh, old->name, old->key_id);
        }
        if (grant != NULL) {
            grant->observed_s = old->observed_s;
        }
    }
    arena_free(issuer->grants.arena);
    issuer->grants = *fresh;
    *fresh = (struct provisioner_grants){0};
}

/* Claims of the whole authority do not show in the list: what was observed is more than what the list says
 * then. */
static int64_t at_least(int64_t known, int64_t observed)
{
    return known != 0 && known < observed ? observed : known;
}

static void limits(struct issuer *base, const char *provisioner, const char *key_id,
                   struct validity_limits *out)
{
    const struct provisioner_grant *grant =
        find_grant(&((struct issuer_stepca *)base)->grants, provisioner, key_id);
    out->issuer_min_s = grant == NULL ? 0 : grant->min_s;
    out->issuer_max_s = grant == NULL ? 0 : at_least(grant->max_s, grant->observed_s);
    out->issuer_default_s = grant == NULL ? 0 : at_least(grant->default_s, grant->observed_s);
    if (grant != NULL && grant->default_s == 0) {
        out->issuer_default_s = grant->observed_s;
    }
}

static void note_lifetime(struct issuer *base, const char *provisioner, const char *key_id,
                          int64_t lifetime_s)
{
    struct provisioner_grants *grants = &((struct issuer_stepca *)base)->grants;
    struct provisioner_grant *grant = find_grant(grants, provisioner, key_id);
    if (grant == NULL) {
        grant = add_grant(grants, provisioner, key_id);
    }
    if (grant != NULL) {
        grant->observed_s = lifetime_s;
    }
}

const struct issuer_api issuer_stepca_api = {.call = call, .limits = limits, .note_lifetime = note_lifetime};
