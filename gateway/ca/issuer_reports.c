/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of the implementations about their calls, under the lock that protects the issuer's health
 * (issuer_health.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acme/base/time_text.h"
#include "gateway/ca/issuer.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

void issuer_report_success(struct issuer *issuer, enum issuer_contact contact,
                           const struct issuer_permit *permit)
{
    int64_t now = clock_now();
    pthread_mutex_lock(&issuer->health_mutex);
    int64_t failing_since = issuer->health.failing_since;
    issuer->last_success_at = now;
    issuer_health_success(&issuer->health, contact, permit, now);
    bool recovered = failing_since != 0 && issuer->health.failing_since == 0;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (recovered) {
        log_info("issuer %s works again after %lld s", issuer->id, (long long)(now - failing_since));
    }
}

static void log_trouble(const struct issuer *issuer, bool was_well, bool was_authorized,
                        const struct issuer_failure *failure)
{
    if (failure->trouble == ISSUER_UNTRUSTED_US && was_authorized) {
        log_error(
            "issuer %s: the CA rejects our token. Check the provisioner's name and key and both clocks; the "
            "CA's own log has the reason. It says: %s",
            issuer->id, failure->message);
    } else if (was_well) {
        log_warning("issuer %s fails: %s", issuer->id, failure->message);
    }
}

void issuer_report_failure(struct issuer *issuer, struct issuer_failure failure,
                           const struct issuer_permit *permit)
{
    int64_t now = clock_now();
    failure.spread = backoff_random();
    pthread_mutex_lock(&issuer->health_mutex);
    bool was_well = issuer->health.failing_since == 0;
    bool was_authorized = !issuer->health.unauthorized;
    issuer_health_failure(&issuer->health, &failure, permit, now);
    bool counted = issuer->health.failing_since != 0;
    pthread_mutex_unlock(&issuer->health_mutex);
    if (counted)
        log_trouble(issuer, was_well, was_authorized, &failure);
}

static enum issuer_trouble trouble_of(const struct issuer_result *result)
{
    if (result->outcome == ISSUER_UNAUTHORIZED)
        return ISSUER_UNTRUSTED_US;
    if (result->not_reached)
        return ISSUER_NOT_REACHED;
    return result->http_status == 0 ? ISSUER_NO_ANSWER : ISSUER_BAD_ANSWER;
}

void issuer_report_result(struct issuer *issuer, const struct issuer_result *result,
                          const struct issuer_permit *permit)
{
    switch (result->outcome) {
    case ISSUER_OK:
    case ISSUER_REFUSED:
    case ISSUER_ALREADY_REVOKED:
        issuer_report_success(issuer, ISSUER_CONTACT_WORK, permit);
        return;
    case ISSUER_UNAUTHORIZED:
    case ISSUER_UNAVAILABLE:
    case ISSUER_UNKNOWN:
        issuer_report_failure(issuer,
                              (struct issuer_failure){.contact = ISSUER_CONTACT_WORK,
                                                      .trouble = trouble_of(result),
                                                      .retry_after_s = result->retry_after_s,
                                                      .message = result->message},
                              permit);
        return;
    case ISSUER_NOT_ASKED:
        return;
    }
}

/* ---- places among the calls ---- */

size_t issuer_room(struct issuer *issuer, enum issuer_work work)
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t room = issuer_health_room(&issuer->health, work, clock_now());
    pthread_mutex_unlock(&issuer->health_mutex);
    return room;
}

bool issuer_admit(struct issuer *issuer, enum issuer_work work, struct issuer_permit *out)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool admitted = issuer_health_admit(&issuer->health, work, clock_now(), out);
    pthread_mutex_unlock(&issuer->health_mutex);
    return admitted;
}

bool issuer_allows(struct issuer *issuer, const struct issuer_permit *permit)
{
    pthread_mutex_lock(&issuer->health_mutex);
    bool allowed = issuer_health_allows(&issuer->health, permit);
    pthread_mutex_unlock(&issuer->health_mutex);
    return allowed;
}

size_t issuer_calls_at_once(struct issuer *issuer)
{
    pthread_mutex_lock(&issuer->health_mutex);
    size_t calls = issuer_health_calls_at_once(&issuer->health);
    pthread_mutex_unlock(&issuer->health_mutex);
    return calls;
}

void issuer_permit_end(struct issuer *issuer, const struct issuer_permit *permit)
{
    pthread_mutex_lock(&issuer->health_mutex);
    issuer_health_end(&issuer->health, permit, clock_now());
    pthread_mutex_unlock(&issuer->health_mutex);
}

void issuer_set_not_asked(struct issuer *issuer, struct arena *arena, struct issuer_result *result)
{
    struct issuer_status status;
    issuer_read_status(issuer, &status);
    const char *why = status.last_error[0] == '\0' ? "it recovered a moment ago" : status.last_error;
    *result =
        (struct issuer_result){.outcome = ISSUER_NOT_ASKED,
                               .message = arena_printf(arena, "the CA is not asked at present: %s", why)};
}

void issuer_probe_now(struct issuer *issuer)
{
    int64_t now = clock_now();
    pthread_mutex_lock(&issuer->health_mutex);
    issuer_health_probe_now(&issuer->health, now);
    pthread_mutex_unlock(&issuer->health_mutex);
}

char *issuer_copy_key_id(struct issuer *issuer, struct arena *arena)
{
    pthread_mutex_lock(&issuer->health_mutex);
    char *copy = arena_duplicate(arena, issuer->key_id);
    pthread_mutex_unlock(&issuer->health_mutex);
    return copy;
}

void issuer_set_key_id(struct issuer *issuer, const char *key_id)
{
    char *copy = strdup(key_id);
    if (copy == NULL)
        end_without("memory");
    pthread_mutex_lock(&issuer->health_mutex);
    char *before = issuer->key_id;
    issuer->key_id = copy;
    pthread_mutex_unlock(&issuer->health_mutex);
    free(before);
}

void issuer_set_limits(struct issuer *issuer, const struct validity_limits *limits,
                       const struct ca_knowledge *knowledge)
{
    pthread_mutex_lock(&issuer->health_mutex);
    issuer->health.limits = *limits;
    issuer->health.knowledge = *knowledge;
    ca_knowledge_limits(knowledge, &issuer->health.limits);
    int64_t *end = &issuer->health.limits.chain_not_after;
    if (*end == 0 || *end > issuer->roots_last_end) {
        *end = issuer->roots_last_end;
    }
    pthread_mutex_unlock(&issuer->health_mutex);
}
