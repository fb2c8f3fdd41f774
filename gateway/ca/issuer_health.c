/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_health.h"

#include <stdio.h>

#include "gateway/runtime/backoff.h"

void issuer_health_init(struct issuer_health *health, size_t most)
{
    *health = (struct issuer_health){.most = most > 0 ? most : 1};
}

/* ---- places ---- */

static size_t left_of(size_t limit, size_t used)
{
    return limit > used ? limit - used : 0;
}

static bool probe_is_due(const struct issuer_health *health, int64_t now)
{
    return !health->probing && now >= health->probe_at;
}

static size_t total_under_way(const struct issuer_health *health)
{
    size_t total = 0;
    for (size_t i = 0; i < ISSUER_WORK_KINDS; i++) {
        total += health->under_way[i];
    }
    return total;
}

size_t issuer_health_room(const struct issuer_health *health, enum issuer_work work, int64_t now)
{
    switch (health->state) {
    case ISSUER_HEALTHY:
        return left_of(health->most * ISSUER_REQUESTS_AHEAD, health->under_way[work]);
    case ISSUER_DEGRADED:
        return left_of(health->window, total_under_way(health));
    case ISSUER_DOWN:
        break;
    }
    return probe_is_due(health, now) ? 1 : 0;
}

static void grant(struct issuer_health *health, enum issuer_work work, struct issuer_permit *out)
{
    bool probe = health->state == ISSUER_DOWN;
    *out = (struct issuer_permit){.granted = true, .probe = probe, .work = work, .era = health->era};
    health->under_way[work]++;
    health->probing = health->probing || probe;
}

bool issuer_health_admit(struct issuer_health *health, enum issuer_work work, int64_t now,
                         struct issuer_permit *out)
{
    if (issuer_health_room(health, work, now) == 0) {
        return false;
    }
    grant(health, work, out);
    return true;
}

bool issuer_health_admit_unasked(struct issuer_health *health, enum issuer_work work, int64_t now,
                                 struct issuer_permit *out)
{
    if (health->state == ISSUER_DOWN) {
        return issuer_health_admit(health, work, now, out);
    }
    grant(health, work, out);
    return true;
}

bool issuer_health_allows(const struct issuer_health *health, const struct issuer_permit *permit)
{
    return permit->granted && permit->era == health->era;
}

size_t issuer_health_calls_at_once(const struct issuer_health *health)
{
    switch (health->state) {
    case ISSUER_HEALTHY:
        return health->most;
    case ISSUER_DEGRADED:
        return health->window;
    case ISSUER_DOWN:
        break;
    }
    return 1;
}

/* ---- healthy, degraded, down ---- */

static void set_pause(struct issuer_health *health, int64_t retry_after_s, uint8_t spread, int64_t now)
{
    int64_t first = health->unauthorized ? ISSUER_FIRST_UNAUTHORIZED_S : ISSUER_FIRST_PROBE_S;
    int64_t last = health->unauthorized ? ISSUER_LAST_UNAUTHORIZED_S : ISSUER_LAST_PROBE_S;
    health->probe_delay_s = backoff_next(health->probe_delay_s, first, last);
    health->probe_at = now + backoff_spread(health->probe_delay_s, spread);
    health->held = retry_after_s > 0;
    int64_t hold_s = retry_after_s < ISSUER_RETRY_AFTER_MOST_S ? retry_after_s : ISSUER_RETRY_AFTER_MOST_S;
    if (health->held && health->probe_at <= now + hold_s) {
        health->probe_at = now + hold_s + 1; /* `now` may be at the end of its second */
    }
}

/* Begins a new era: only the probes that begin from now on count. */
static void take_down(struct issuer_health *health, const struct issuer_failure *failure, int64_t now)
{
    health->state = ISSUER_DOWN;
    health->era++;
    health->probing = false;
    for (size_t i = 0; i < ISSUER_WORK_KINDS; i++) {
        health->under_way[i] = 0;
    }
    set_pause(health, failure->retry_after_s, failure->spread, now);
}

static void narrow(struct issuer_health *health, const struct issuer_failure *failure, int64_t now)
{
    size_t window = issuer_health_calls_at_once(health) / 2;
    if (failure->trouble != ISSUER_NO_ANSWER && failure->trouble != ISSUER_BAD_ANSWER) {
        window = 0;
    }
    if (window == 0 || failure->retry_after_s > 0) {
        take_down(health, failure, now);
        return;
    }
    health->state = ISSUER_DEGRADED;
    health->window = window;
}

static void widen(struct issuer_health *health)
{
    if (health->state == ISSUER_DOWN) {
        health->state = ISSUER_DEGRADED;
        health->window = 1;
        return;
    }
    if (health->state == ISSUER_HEALTHY) {
        return;
    }
    health->window *= 2;
    if (health->window >= health->most) {
        health->state = ISSUER_HEALTHY;
        health->probe_delay_s = 0;
    }
}

/* ---- the result of a call ---- */

static bool is_stale(const struct issuer_health *health, const struct issuer_permit *permit)
{
    return permit != NULL && permit->era != health->era;
}

static void note_well(struct issuer_health *health)
{
    health->failing_since = 0;
    health->failing_at_work = false;
    health->unauthorized = false;
    health->last_error[0] = '\0';
}

void issuer_health_success(struct issuer_health *health, enum issuer_contact contact,
                           const struct issuer_permit *permit, int64_t now)
{
    bool question = contact == ISSUER_CONTACT_READ;
    bool waits = health->held && now < health->probe_at;
    if (is_stale(health, permit) ||
        (question && (health->failing_at_work || health->unauthorized || waits))) {
        return;
    }
    note_well(health);
    health->probing = false;
    health->held = false;
    if (!question || health->state == ISSUER_DOWN) {
        widen(health);
    }
}

static void note_failure(struct issuer_health *health, const struct issuer_failure *failure, int64_t now)
{
    if (health->failing_since == 0) {
        health->failing_since = now;
    }
    health->last_failure_at = now;
    snprintf(health->last_error, sizeof health->last_error, "%s", failure->message);
    bool at_work = failure->contact == ISSUER_CONTACT_WORK;
    health->failing_at_work = health->failing_at_work || (at_work && failure->trouble == ISSUER_BAD_ANSWER);
    if (failure->trouble == ISSUER_UNTRUSTED_US && !health->unauthorized) {
        health->unauthorized = true;
        health->probe_delay_s = 0;
    }
}

void issuer_health_failure(struct issuer_health *health, const struct issuer_failure *failure,
                           const struct issuer_permit *permit, int64_t now)
{
    if (is_stale(health, permit)) {
        return;
    }
    note_failure(health, failure, now);
    if (health->state == ISSUER_DOWN) {
        if (permit != NULL && permit->probe) {
            health->probing = false;
            set_pause(health, failure->retry_after_s, failure->spread, now);
        }
    } else if (failure->contact == ISSUER_CONTACT_WORK || failure->trouble == ISSUER_NOT_REACHED) {
        narrow(health, failure, now);
    }
}

void issuer_health_end(struct issuer_health *health, const struct issuer_permit *permit, int64_t now)
{
    if (!permit->granted || is_stale(health, permit)) {
        return;
    }
    health->under_way[permit->work]--;
    if (permit->probe && health->probing) { /* it ended without a result */
        health->probing = false;
        health->probe_at = now + health->probe_delay_s;
    }
}

void issuer_health_probe_now(struct issuer_health *health, int64_t now)
{
    health->probe_at = now;
    health->held = false;
}

bool issuer_health_is_usable(const struct issuer_health *health, int64_t now)
{
    if (health->unauthorized) {
        return probe_is_due(health, now);
    }
    bool fresh = health->failing_since == 0 || now - health->failing_since <= ISSUER_FAILING_IS_DOWN_S;
    bool faded = now - health->last_failure_at > ISSUER_FAILURE_FADES_S && now >= health->probe_at;
    return fresh || faded;
}
