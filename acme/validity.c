/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/validity.h"

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"

/* The default that is assumed of a CA that has not stated it: step-ca's own. */
static const int64_t usual_default_s = 24 * 3600;

/* Keeps sums of times and configured durations far from overflow. */
static const int64_t longest_cap_s = INT64_C(1000) * 366 * 24 * 3600;

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t validity_cap(const struct validity_limits *limits, int64_t from)
{
    int64_t cap = lesser(limits->profile_max_s, longest_cap_s);
    if (limits->issuer_max_s != 0) {
        cap = lesser(cap, limits->issuer_max_s);
    }
    if (limits->chain_not_after != 0) {
        cap = lesser(cap, limits->chain_not_after - from);
    }
    return greater(cap, 0);
}

static int64_t lesser_unless_0(int64_t a, int64_t bound)
{
    return bound != 0 && bound < a ? bound : a;
}

/* A CA's default is never longer than its maximum. */
static int64_t ca_default(const struct validity_limits *limits)
{
    return lesser_unless_0(limits->issuer_default_s == 0 ? usual_default_s : limits->issuer_default_s,
                           limits->learned_max_s);
}

/* A default that the CA does not state may have changed. It is left to the CA only while it is well under the
 * cap. */
static bool default_may_exceed(const struct validity_limits *limits, int64_t cap)
{
    return ca_default(limits) > cap ||
           (!limits->default_is_told && ca_default(limits) + CERTIFICATE_SLACK_S > cap);
}

/* The CA counts a duration from when it handles the request, by its own clock. The request is shorter than
 * the cap when the cap is the chain's end, which no certificate may outlive. */
static int64_t cap_to_ask(const struct validity_limits *limits, int64_t from)
{
    int64_t cap = validity_cap(limits, from);
    if (limits->chain_not_after != 0) {
        cap = lesser(cap, limits->chain_not_after - from - CERTIFICATE_SLACK_S);
    }
    return greater(cap, 0);
}

/* Returns the lifetime to request when the order names no end; 0 leaves it to the CA. The cap itself is
 * requested only to keep the CA's default under it. */
static int64_t lifetime_to_ask(const struct validity_limits *limits, int64_t cap)
{
    int64_t ask = limits->preferred_s;
    if (ask == 0) {
        if (!default_may_exceed(limits, cap)) {
            return 0;
        }
        ask = cap;
    }
    ask = lesser_unless_0(ask, limits->learned_max_s);
    return lesser(greater(ask, limits->learned_min_s), cap);
}

static const char *duration_words(struct arena *arena, int64_t seconds)
{
    char text[DURATION_TEXT_BYTES];
    duration_format(text, seconds);
    return arena_duplicate(arena, text);
}

static const char *time_words(struct arena *arena, int64_t time)
{
    char text[TIME_TEXT_BYTES];
    time_format(text, time);
    return arena_duplicate(arena, text);
}

/* Checks an order's own end. */
static const struct problem *check_end(struct arena *arena, const struct validity_limits *limits, int64_t now,
                                       int64_t begin, int64_t cap, int64_t not_after)
{
    if (not_after <= now) {
        return problem_with_cause(arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
                                  "notAfter %s is in the past", time_words(arena, not_after));
    }
    if (not_after <= begin) {
        return problem_with_cause(arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
                                  "notAfter %s is not after notBefore %s", time_words(arena, not_after),
                                  time_words(arena, begin));
    }
    if (not_after - begin > cap) {
        return problem_with_cause(
            arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
            "notAfter %s is too late: certificates live %s at most here, so %s is the latest",
            time_words(arena, not_after), duration_words(arena, cap), time_words(arena, begin + cap));
    }
    if (not_after - begin < limits->issuer_min_s) {
        return problem_with_cause(
            arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
            "notAfter %s is too early: the CA signs for %s at least, so %s is the earliest",
            time_words(arena, not_after), duration_words(arena, limits->issuer_min_s),
            time_words(arena, begin + limits->issuer_min_s));
    }
    return NULL;
}

/* Checks the end that our configuration and the CA give. */
static const struct problem *check_lifetime(struct arena *arena, const struct validity_limits *limits,
                                            int64_t now, int64_t not_before, int64_t cap)
{
    int64_t ask = lifetime_to_ask(limits, cap);
    int64_t lifetime = ask == 0 ? ca_default(limits) : ask;
    if (cap == 0) {
        return problem_with_cause(
            arena, CAUSE_CA_CHAIN_ENDED, PROBLEM_SERVER_INTERNAL,
            "no certificate can be issued: the CA's own chain ends before it would begin");
    }
    if (lifetime < limits->issuer_min_s) {
        return problem_with_cause(
            arena, CAUSE_CA_DURATION_REFUSED, PROBLEM_SERVER_INTERNAL,
            "no certificate can be issued: it may live %s at most, the CA signs for %s at least",
            duration_words(arena, lifetime), duration_words(arena, limits->issuer_min_s));
    }
    if (not_before != 0 && not_before + lifetime <= now) {
        return problem_with_cause(
            arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
            "notBefore %s is too long ago: a certificate of %s from then would have ended by now",
            time_words(arena, not_before), duration_words(arena, lifetime));
    }
    return NULL;
}

const struct problem *validity_check_order(struct arena *arena, const struct validity_limits *limits,
                                           int64_t now, int64_t not_before, int64_t not_after)
{
    if (not_before > now + VALIDITY_MAX_AHEAD_S) {
        return problem_with_cause(arena, CAUSE_VALIDITY_REFUSED, PROBLEM_MALFORMED,
                                  "notBefore %s is too far ahead: %s is the latest accepted",
                                  time_words(arena, not_before),
                                  time_words(arena, now + VALIDITY_MAX_AHEAD_S));
    }
    int64_t begin = not_before == 0 ? now : not_before;
    int64_t cap = validity_cap(limits, begin);
    return not_after == 0 ? check_lifetime(arena, limits, now, not_before, cap_to_ask(limits, begin))
                          : check_end(arena, limits, now, begin, cap, not_after);
}

const struct problem *validity_plan(struct arena *arena, const struct validity_limits *limits, int64_t now,
                                    int64_t not_before, int64_t not_after, struct validity_request *out)
{
    *out = (struct validity_request){0};
    const struct problem *problem = validity_check_order(arena, limits, now, not_before, not_after);
    if (problem != NULL) {
        return problem;
    }
    if (not_before != 0) {
        out->not_before = time_words(arena, not_before);
        out->earliest_not_before = not_before - CERTIFICATE_SLACK_S;
        out->latest_not_before = not_before;
    }
    if (not_after != 0) {
        out->not_after = time_words(arena, not_after);
        out->ordered_end = true;
        out->latest_not_after = not_after + CERTIFICATE_SLACK_S;
        return NULL;
    }
    int64_t ask = lifetime_to_ask(limits, cap_to_ask(limits, not_before == 0 ? now : not_before));
    if (ask != 0) {
        out->not_after = duration_words(arena, ask);
    }
    int64_t begin = greater(now, not_before);
    out->latest_not_after = begin + validity_cap(limits, begin) + CERTIFICATE_SLACK_S;
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool validity_differs(const struct validity_request *refused, const struct validity_request *again)
{
    return !same_text(refused->not_before, again->not_before) ||
           !same_text(refused->not_after, again->not_after);
}
