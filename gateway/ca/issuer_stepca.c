/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "acme/base/file.h"
#include "gateway/ca/issuer_stepca_internal.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"
#include "stepca/subject.h"

/* ---- lanes ---- */

static void lane_append(struct call_lane *lane, struct remote_call *call)
{
    if (lane->last == NULL) {
        lane->first = call;
    } else {
        lane->last->next = call;
    }
    lane->last = call;
    atomic_fetch_add(&call->issuer->base.calls_waiting, 1);
}

static struct remote_call *lane_take(struct call_lane *lane)
{
    struct remote_call *call = lane->first;
    lane->first = call->next;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    atomic_fetch_sub(&call->issuer->base.calls_waiting, 1);
    atomic_fetch_add(&call->issuer->base.calls_running, 1);
    return call;
}

/* A request that may not be sent any more ends at its turn, whatever else runs. */
static bool may_begin(struct issuer_stepca *issuer, const struct call_lane *lane)
{
    if (lane->first == NULL) {
        return false;
    }
    return lane->running < issuer_calls_at_once(&issuer->base) ||
           !issuer_allows(&issuer->base, issuer_stepca_permit_of(lane->first));
}

static void lane_advance(struct issuer_stepca *issuer, struct call_lane *lane)
{
    while (may_begin(issuer, lane)) {
        struct remote_call *call = lane_take(lane);
        int64_t before = crash_record_set_owner(call->owner);
        lane->running++;
        issuer_stepca_begin_call(call);
        crash_record_set_owner(before);
    }
}

/* `done` may release the arena that holds the call. */
void issuer_stepca_end_call(struct remote_call *call)
{
    struct issuer_stepca *issuer = call->issuer;
    struct call_lane *lane = call->lane;
    lane->running--;
    issuer_permit_end(&issuer->base, issuer_stepca_permit_of(call));
    atomic_fetch_sub(&call->issuer->base.calls_running, 1);
    if (call->sign != NULL) {
        call->sign->done(call->sign);
    } else {
        call->revoke->done(call->revoke);
    }
    lane_advance(issuer, lane);
}

static void enter_lane(struct issuer_stepca *issuer, struct call_lane *lane, struct arena *arena,
                       struct issuer_sign_request *sign, struct issuer_revoke_request *revoke)
{
    struct remote_call *call = arena_alloc(arena, sizeof *call);
    *call = (struct remote_call){
        .issuer = issuer,
        .lane = lane,
        .arena = arena,
        .sign = sign,
        .revoke = revoke,
        .entered_at = clock_now(),
        .owner = crash_record_owner(),
    };
    lane_append(lane, call);
    lane_advance(issuer, lane);
}

static void stepca_sign(struct issuer *base, struct issuer_sign_request *request)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    enter_lane(issuer, &issuer->sign_lane, request->arena, request, NULL);
}

static void stepca_revoke(struct issuer *base, struct issuer_revoke_request *request)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    enter_lane(issuer, &issuer->revoke_lane, request->arena, NULL, request);
}

/* ---- start and stop ---- */

static void stepca_free(struct issuer_stepca *issuer)
{
    issuer_clear(&issuer->base);
    arena_free(issuer->round.arena);
    arena_free(issuer->round.grants.arena);
    arena_free(issuer->key_id_arena);
    arena_free(issuer->grants.arena);
    arena_free(issuer->arena);
}

static void free_stepca(struct issuer *base)
{
    stepca_free((struct issuer_stepca *)base);
}

static void stepca_stop_refreshing(struct issuer *base)
{
    struct issuer_stepca *issuer = (struct issuer_stepca *)base;
    issuer->refreshing_stopped = true;
    outbound_timer_cancel(issuer->outbound, &issuer->refresh_timer);
}

static const struct issuer_operations stepca_operations = {
    .stop_refreshing = stepca_stop_refreshing,
    .csr_fault = stepca_csr_fault,
    .sign = stepca_sign,
    .revoke = stepca_revoke,
    .list = issuer_stepca_list,
    .free = free_stepca,
    .api = &issuer_stepca_api,
};

static bool load_roots(struct issuer_stepca *issuer, const struct issuer_config *config, struct fault *fault)
{
    const char *path = config->root_cert_path;
    struct bytes pem = {0};
    if (!file_read(issuer->arena, path, CONFIG_FILE_MAX_BYTES, &pem)) {
        fault_set(fault, "%s", strerror(errno));
    } else if (issuer_init(&issuer->base, &stepca_operations, issuer->arena,
                           arena_duplicate(issuer->arena, config->id), pem, fault)) {
        return true;
    }
    return fault_prefix(fault, "root_cert_path %s: ", path);
}

static bool load_key(struct issuer_stepca *issuer, const struct issuer_config *config, struct fault *fault)
{
    const char *path = config->provisioner_key_path;
    struct bytes text;
    if (!file_read_secret(issuer->arena, path, CONFIG_FILE_MAX_BYTES, &text))
        return fault_set(fault, "provisioner_key_path %s: %s", path, strerror(errno));
    struct jose_error error = {0};
    if (!provisioner_key_parse(issuer->arena, text, config->provisioner_password, &issuer->key, &error))
        return fault_set(fault, "provisioner_key_path %s: %s", path, error.detail);
    issuer->key_id = issuer->key.key_id;
    return true;
}

static void start(struct outbound_message *message)
{
    size_t offset = offsetof(struct issuer_stepca, start);
    struct issuer_stepca *issuer = (struct issuer_stepca *)(void *)((char *)message - offset);
    issuer_stepca_refresh(issuer);
    issuer_unref(&issuer->base);
}

static void refresh_due(void *argument)
{
    issuer_stepca_refresh(argument);
}

struct issuer *issuer_stepca_new(const struct issuer_config *config, struct outbound *outbound,
                                 struct fault *fault)
{
    struct arena *arena = arena_new();
    struct issuer_stepca *issuer = arena_alloc(arena, sizeof *issuer);
    issuer->arena = arena;
    if (!load_roots(issuer, config, fault) || !load_key(issuer, config, fault)) {
        stepca_free(issuer);
        return NULL;
    }
    issuer_health_init(&issuer->base.health, (size_t)config->max_concurrent);
    issuer->outbound = issuer->base.outbound = outbound;
    issuer->ca_url = arena_duplicate(arena, config->ca_url);
    issuer->provisioner_name = arena_duplicate(arena, config->provisioner_name);
    issuer->timeout_ms = config->request_timeout_s * 1000;
    issuer->preferred_s = config->validity_s;
    issuer->api_lane.max_running = config->max_concurrent > 0 ? (size_t)config->max_concurrent : 1;
    issuer_set_key_id(&issuer->base, issuer->key_id);
    issuer->base.key_thumbprint = issuer->key.jwk.thumbprint;
    issuer->refresh_timer = (struct outbound_timer){.run = refresh_due, .argument = issuer};
    ca_knowledge_init(&issuer->knowledge);
    issuer_stepca_publish_limits(issuer);
    issuer->start.run = start;
    issuer_ref(&issuer->base);
    outbound_post(outbound, &issuer->start);
    return &issuer->base;
}
