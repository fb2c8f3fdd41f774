/*
 * How an issuer fares, as a small state of its own: pure, `now` in unix seconds is passed in. Two things can
 * be wrong at once. The CA cannot be reached or does not do its work: then nothing is held back here (callers
 * retry with their own delays), but after a minute new orders had better not be taken. Or the CA does not
 * accept us (401): then a breaker keeps everything back but one probe from time to time.
 */
#pragma once

#include "acme/validity.h"

enum {
    ISSUER_ERROR_BYTES = 256,
    ISSUER_FAILING_IS_DOWN_S = 60, /* failing for longer means: not usable */
    ISSUER_FAILURE_FADES_S = 60,   /* without a further failure for so long, the next order may try */
    ISSUER_FIRST_PROBE_S = 5,
    ISSUER_LAST_PROBE_S = 300, /* the probes' delay doubles up to this */
};

/* What the CA did for us. */
enum issuer_contact {
    ISSUER_CONTACT_READ, /* answered a question, such as GET /provisioners */
    ISSUER_CONTACT_WORK, /* signed, revoked, or refused to with a reason: it accepts us */
};

struct issuer_health {
    struct validity_limits limits;
    int64_t failing_since; /* 0 while well */
    int64_t last_failure_at;
    bool failing_at_work; /* a mere answer does not make it well again */
    bool unauthorized;
    bool probing; /* one call is under way although unauthorized */
    int64_t probe_at;
    int64_t probe_delay_s;
    char last_error[ISSUER_ERROR_BYTES];
};

void issuer_health_success(struct issuer_health *health, enum issuer_contact contact);
/* `answered`: the CA replied, but could not do its work; else nothing came back from it. */
void issuer_health_failure(struct issuer_health *health, bool answered, int64_t now, const char *message);
/* 401. The first opens the breaker; each probe that fails as well doubles the delay until the next. */
void issuer_health_unauthorized(struct issuer_health *health, int64_t now, const char *message);

/* May a call be made? While unauthorized, true once for each probe that is due. */
[[gnu::warn_unused_result]] bool issuer_health_admit(struct issuer_health *health, int64_t now);

/* Something about our standing has changed (another kid is advertised): the next probe is due at once. */
void issuer_health_probe_now(struct issuer_health *health, int64_t now);

/* Whether new orders should be taken. */
bool issuer_health_is_usable(const struct issuer_health *health, int64_t now);
