#include "gateway/issuer_health.h"

#include <stdio.h>

void issuer_health_success(struct issuer_health *health, enum issuer_contact contact)
{
    if (contact == ISSUER_CONTACT_READ && (health->failing_at_work || health->unauthorized)) {
        return;
    }
    health->failing_since = 0;
    health->failing_at_work = false;
    health->unauthorized = false;
    health->probing = false;
    health->probe_delay_s = 0;
    health->last_error[0] = '\0';
}

static void note_failure(struct issuer_health *health, int64_t now, const char *message)
{
    if (health->failing_since == 0) {
        health->failing_since = now;
    }
    health->last_failure_at = now;
    snprintf(health->last_error, sizeof health->last_error, "%s", message);
}

void issuer_health_failure(struct issuer_health *health, bool answered, int64_t now, const char *message)
{
    note_failure(health, now, message);
    health->failing_at_work = health->failing_at_work || answered;
    if (health->probing) {
        health->probing = false;
        health->probe_at = now + health->probe_delay_s;
    }
}

void issuer_health_unauthorized(struct issuer_health *health, int64_t now, const char *message)
{
    note_failure(health, now, message);
    if (health->unauthorized && !health->probing) {
        return; /* a call that was under way when the breaker opened */
    }
    int64_t delay_s = health->unauthorized ? 2 * health->probe_delay_s : ISSUER_FIRST_PROBE_S;
    health->probe_delay_s = delay_s < ISSUER_LAST_PROBE_S ? delay_s : ISSUER_LAST_PROBE_S;
    health->probe_at = now + health->probe_delay_s;
    health->unauthorized = true;
    health->probing = false;
}

bool issuer_health_admit(struct issuer_health *health, int64_t now)
{
    if (!health->unauthorized) {
        return true;
    }
    if (health->probing || now < health->probe_at) {
        return false;
    }
    health->probing = true;
    return true;
}

void issuer_health_probe_now(struct issuer_health *health, int64_t now)
{
    health->probe_at = now;
}

bool issuer_health_is_usable(const struct issuer_health *health, int64_t now)
{
    if (health->unauthorized) {
        return !health->probing && now >= health->probe_at;
    }
    return health->failing_since == 0 || now - health->failing_since <= ISSUER_FAILING_IS_DOWN_S ||
           now - health->last_failure_at > ISSUER_FAILURE_FADES_S;
}
