/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ca_knowledge.h"

#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"

enum {
    USUAL_MIN_S = 5 * 60, /* step-ca's globalProvisionerClaims */
    USUAL_MAX_S = 24 * 3600,
    USUAL_DEFAULT_S = 24 * 3600,
    USUAL_BACKDATE_S = 60,
    ROUNDED_FROM_S = 10 * 60,
    MINUTE_S = 60,
};

static struct ca_fact assumed(int64_t seconds)
{
    return (struct ca_fact){.seconds = seconds};
}

void ca_knowledge_init(struct ca_knowledge *knowledge)
{
    *knowledge = (struct ca_knowledge){
        .min = assumed(USUAL_MIN_S),
        .max = assumed(USUAL_MAX_S),
        .usual = assumed(USUAL_DEFAULT_S),
        .backdate = assumed(USUAL_BACKDATE_S),
    };
}

/* ---- stated by the CA ---- */

static void tell(struct ca_fact *fact, int64_t *told_s, int64_t claimed_s, int64_t usual_s, int64_t now)
{
    bool stale = fact->source == CA_FACT_LEARNED && now - fact->at >= CA_FACT_LEARNED_FOR_S;
    bool overridden = fact->source == CA_FACT_OBSERVED || (fact->source == CA_FACT_LEARNED && !stale);
    if (claimed_s == *told_s && overridden) {
        return;
    }
    *told_s = claimed_s;
    *fact = claimed_s == 0 ? assumed(usual_s) : (struct ca_fact){claimed_s, CA_FACT_TOLD, now};
}

void ca_knowledge_tell(struct ca_knowledge *knowledge, const struct ca_claims *claims, int64_t now)
{
    struct ca_claims *told = &knowledge->told;
    tell(&knowledge->min, &told->min_s, claims->min_s, USUAL_MIN_S, now);
    tell(&knowledge->max, &told->max_s, claims->max_s, USUAL_MAX_S, now);
    tell(&knowledge->usual, &told->default_s, claims->default_s, USUAL_DEFAULT_S, now);
}

/* ---- observed ---- */

/* Claims are whole minutes, except very short ones, and the answer takes some time. */
static int64_t rounded(int64_t seconds)
{
    return seconds < ROUNDED_FROM_S ? seconds : (seconds + MINUTE_S / 2) / MINUTE_S * MINUTE_S;
}

/* A value that agrees with a stated one leaves it stated. */
static bool observe(struct ca_fact *fact, int64_t seconds, int64_t now)
{
    bool agrees = llabs(seconds - fact->seconds) < CERTIFICATE_SLACK_S / 2;
    if (agrees && fact->source != CA_FACT_ASSUMED) {
        return false;
    }
    *fact = (struct ca_fact){agrees ? fact->seconds : rounded(seconds), CA_FACT_OBSERVED, now};
    return true;
}

bool ca_knowledge_observe(struct ca_knowledge *knowledge, const struct ca_signed *certificate)
{
    int64_t now = certificate->signed_at;
    int64_t begin = certificate->begin_left ? now : certificate->not_before;
    int64_t lifetime = certificate->not_after - begin;
    bool changed = false;
    if (certificate->begin_left) {
        int64_t back = now - certificate->not_before;
        changed |= observe(&knowledge->backdate, back < 0 ? 0 : back, now);
    }
    if (certificate->begin_left && certificate->end_left) {
        changed |= observe(&knowledge->usual, lifetime, now);
    }
    if (lifetime > knowledge->max.seconds + CERTIFICATE_SLACK_S) {
        changed |= observe(&knowledge->max, lifetime, now);
    }
    if (certificate->not_after - certificate->not_before + CERTIFICATE_SLACK_S < knowledge->min.seconds) {
        changed |= observe(&knowledge->min, lifetime, now);
    }
    return changed;
}

/* ---- learned ---- */

/* Returns how much of the refused duration is the CA's own backdate. */
static int64_t backdate_in(const struct ca_knowledge *knowledge, const struct ca_refusal *refusal,
                           const struct validity_request *asked, int64_t now)
{
    int64_t asked_s = 0;
    int64_t end = 0;
    if (asked->not_before != NULL || asked->not_after == NULL) {
        return knowledge->backdate.seconds;
    }
    if (time_parse(&end, bytes_from_string(asked->not_after))) {
        asked_s = end - now;
    } else if (!duration_parse(&asked_s, bytes_from_string(asked->not_after))) {
        return knowledge->backdate.seconds;
    }
    return asked_s > refusal->requested_s ? knowledge->backdate.seconds : refusal->requested_s - asked_s;
}

static void learn_maximum(struct ca_knowledge *knowledge, const struct ca_refusal *refusal,
                          const struct validity_request *asked, int64_t now)
{
    int64_t back = backdate_in(knowledge, refusal, asked, now);
    if (refusal->requested_s <= refusal->limit_s || refusal->limit_s <= back) {
        return;
    }
    knowledge->max = (struct ca_fact){refusal->limit_s - back, CA_FACT_LEARNED, now};
    if (asked->not_before == NULL && asked->not_after != NULL) {
        knowledge->backdate = (struct ca_fact){back, CA_FACT_LEARNED, now};
    }
    if (knowledge->usual.seconds > knowledge->max.seconds) {
        knowledge->usual = assumed(knowledge->max.seconds);
    }
    if (knowledge->min.seconds > knowledge->max.seconds) {
        knowledge->min = assumed(USUAL_MIN_S);
    }
}

static void learn_minimum(struct ca_knowledge *knowledge, const struct ca_refusal *refusal, int64_t now)
{
    if (refusal->requested_s >= refusal->limit_s) {
        return;
    }
    knowledge->min = (struct ca_fact){refusal->limit_s, CA_FACT_LEARNED, now};
    if (knowledge->max.seconds < refusal->limit_s) {
        knowledge->max = assumed(refusal->limit_s);
    }
    if (knowledge->usual.seconds < refusal->limit_s) {
        knowledge->usual = assumed(refusal->limit_s);
    }
}

void ca_knowledge_refused(struct ca_knowledge *knowledge, const struct ca_refusal *refusal,
                          const struct validity_request *asked, int64_t now)
{
    if (refusal->kind == CA_REFUSAL_TOO_LONG) {
        learn_maximum(knowledge, refusal, asked, now);
    } else if (refusal->kind == CA_REFUSAL_TOO_SHORT) {
        learn_minimum(knowledge, refusal, now);
    }
}

/* ---- results ---- */

static int64_t of_source(const struct ca_fact *fact, enum ca_fact_source source)
{
    return fact->source == source ? fact->seconds : 0;
}

void ca_knowledge_limits(const struct ca_knowledge *knowledge, struct validity_limits *out)
{
    out->issuer_min_s = of_source(&knowledge->min, CA_FACT_TOLD);
    out->issuer_max_s = of_source(&knowledge->max, CA_FACT_TOLD);
    out->learned_min_s = of_source(&knowledge->min, CA_FACT_LEARNED);
    out->learned_max_s = of_source(&knowledge->max, CA_FACT_LEARNED);
    out->issuer_default_s = knowledge->usual.seconds;
    out->default_is_told = knowledge->usual.source == CA_FACT_TOLD;
    out->issuer_backdate_s = knowledge->backdate.source == CA_FACT_ASSUMED ? 0 : knowledge->backdate.seconds;
    out->backdate_is_known = knowledge->backdate.source != CA_FACT_ASSUMED;
}

const char *ca_fact_source_name(enum ca_fact_source source)
{
    static const char *const names[] = {"assumed", "told", "observed", "learned"};
    return names[source];
}

const char *ca_fact_source_words(enum ca_fact_source source)
{
    static const char *const words[] = {
        " (assumed: step-ca does not publish authority-wide claims)",
        " (stated by the CA)",
        " (observed on a certificate)",
        " (learned from the CA's refusal)",
    };
    return words[source];
}
