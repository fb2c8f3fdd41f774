/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/validity.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(validity);

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
static const int64_t now = 1800000000; /* 2027-01-15T08:00:00Z */

Test(validity, cap_is_the_least_of_profile_ca_and_chain)
{
    static const struct {
        struct validity_limits limits;
        int64_t cap;
    } cases[] = {
        {{.profile_max_s = DAY}, DAY},
        {{.profile_max_s = DAY, .issuer_max_s = HOUR}, HOUR},
        {{.profile_max_s = HOUR, .issuer_max_s = DAY}, HOUR},
        {{.profile_max_s = DAY, .issuer_max_s = DAY, .chain_not_after = now + HOUR}, HOUR},
        {{.profile_max_s = HOUR, .chain_not_after = now + DAY}, HOUR},
        {{.profile_max_s = HOUR, .chain_not_after = now}, 0},
        {{.profile_max_s = HOUR, .chain_not_after = now - DAY}, 0},
        {{.profile_max_s = DAY, .issuer_min_s = HOUR, .issuer_default_s = HOUR, .preferred_s = HOUR}, DAY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(validity_cap(&cases[i].limits, now), cases[i].cap, "case %zu", i);
    }
    static const struct validity_limits endless = {.profile_max_s = INT64_MAX};
    cr_expect_gt(validity_cap(&endless, now), 100 * 365 * (int64_t)DAY);
    cr_expect_lt(now + validity_cap(&endless, now), INT64_MAX / 2);
}

/* step-ca as it comes, and a profile above, at and below its default. */
#define STEP_CA \
    .issuer_min_s = 5 * MINUTE, .issuer_max_s = DAY, .issuer_default_s = DAY, .default_is_told = true
#define LONG_CA \
    .issuer_min_s = 5 * MINUTE, .issuer_max_s = 90 * DAY, .issuer_default_s = DAY, .default_is_told = true

struct plan_case {
    const char *about;
    struct validity_limits limits;
    int64_t not_before, not_after; /* relative to now; 0: absent */
    const char *asked_not_before, *asked_not_after;
    int64_t latest; /* relative to now, without the slack */
};

static void expect_plan(const struct plan_case *c)
{
    struct arena *arena = arena_new();
    struct validity_request request;
    const struct problem *problem =
        validity_plan(arena, &c->limits, now, c->not_before == 0 ? 0 : now + c->not_before,
                      c->not_after == 0 ? 0 : now + c->not_after, &request);
    cr_expect_null(problem, "%s: %s", c->about, problem == NULL ? "" : problem->detail);
    if (problem == NULL) {
        const char *not_before = request.not_before == NULL ? "none" : request.not_before;
        const char *not_after = request.not_after == NULL ? "none" : request.not_after;
        cr_expect_str_eq(not_before, c->asked_not_before == NULL ? "none" : c->asked_not_before, "%s: %s",
                         c->about, not_before);
        cr_expect_str_eq(not_after, c->asked_not_after == NULL ? "none" : c->asked_not_after, "%s: %s",
                         c->about, not_after);
        cr_expect_eq(request.latest_not_after, now + c->latest + 60, "%s: %lld", c->about,
                     (long long)(request.latest_not_after - now));
    }
    arena_free(arena);
}

static void expect_plans(const struct plan_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_plan(&cases[i]);
    }
}

Test(validity, defect_03_cap_does_not_become_the_requested_lifetime)
{
    static const struct plan_case cases[] = {
        {"cap above the CA's default", {.profile_max_s = 30 * DAY, LONG_CA}, 0, 0, NULL, NULL, 30 * DAY},
        {"cap equal to it", {.profile_max_s = DAY, STEP_CA}, 0, 0, NULL, NULL, DAY},
        {"cap below it is asked for", {.profile_max_s = HOUR, STEP_CA}, 0, 0, NULL, "1h", HOUR},
        {"default over the CA's own maximum",
         {.profile_max_s = DAY, .issuer_max_s = HOUR, .issuer_default_s = DAY},
         0,
         0,
         NULL,
         "1h",
         HOUR},
        {"chain ends before the default does",
         {.profile_max_s = DAY, STEP_CA, .chain_not_after = now + 90 * MINUTE},
         0,
         0,
         NULL,
         "1h29m",
         90 * MINUTE},
        {"chain ends after it",
         {.profile_max_s = 90 * DAY, LONG_CA, .chain_not_after = now + 2 * DAY},
         0,
         0,
         NULL,
         NULL,
         2 * DAY},
        {"unknown default, cap above a day", {.profile_max_s = 30 * DAY}, 0, 0, NULL, NULL, 30 * DAY},
        {"C1 unknown default, cap of a day", {.profile_max_s = DAY}, 0, 0, NULL, "24h", DAY},
        {"C1 default seen under the cap",
         {.profile_max_s = DAY, .issuer_default_s = 8 * HOUR},
         0,
         0,
         NULL,
         NULL,
         DAY},
        {"C1 default seen at the cap",
         {.profile_max_s = DAY, .issuer_default_s = DAY},
         0,
         0,
         NULL,
         "24h",
         DAY},
        {"C1 default seen over the cap",
         {.profile_max_s = DAY, .issuer_default_s = 30 * DAY},
         0,
         0,
         NULL,
         "24h",
         DAY},
        {"C2 maximum learned under the cap: the CA's default is under it as well",
         {.profile_max_s = 18 * HOUR, .learned_max_s = 12 * HOUR},
         0,
         0,
         NULL,
         NULL,
         18 * HOUR},
        {"C2 preferred lifetime over a maximum that was learned",
         {.profile_max_s = 30 * DAY, .learned_max_s = 12 * HOUR, .preferred_s = 7 * DAY},
         0,
         0,
         NULL,
         "12h",
         30 * DAY},
        {"C2 preferred lifetime under a minimum that was learned",
         {.profile_max_s = 30 * DAY, .learned_min_s = 2 * DAY, .preferred_s = DAY},
         0,
         0,
         NULL,
         "48h",
         30 * DAY},
        {"C2 cap under a minimum that was learned: the CA is asked nevertheless",
         {.profile_max_s = HOUR, .learned_min_s = 2 * HOUR},
         0,
         0,
         NULL,
         "1h",
         HOUR},
        {"C3 an end over a maximum that was learned is the CA's to refuse",
         {.profile_max_s = 30 * DAY, .learned_max_s = 12 * HOUR},
         0,
         DAY,
         NULL,
         "2027-01-16T08:00:00Z",
         DAY},
        {"unknown default, cap below a day", {.profile_max_s = DAY - 1}, 0, 0, NULL, "23h59m59s", DAY - 1},
    };
    expect_plans(cases, sizeof cases / sizeof cases[0]);
}

Test(validity, preferred_lifetime_is_asked_for_up_to_the_cap)
{
    static const struct plan_case cases[] = {
        {"preferred lifetime below the cap",
         {.profile_max_s = 30 * DAY, LONG_CA, .preferred_s = 7 * DAY},
         0,
         0,
         NULL,
         "168h",
         30 * DAY},
        {"preferred lifetime equal to the default",
         {.profile_max_s = 30 * DAY, LONG_CA, .preferred_s = DAY},
         0,
         0,
         NULL,
         "24h",
         30 * DAY},
        {"preferred lifetime over the profile's cap",
         {.profile_max_s = 2 * DAY, LONG_CA, .preferred_s = 7 * DAY},
         0,
         0,
         NULL,
         "48h",
         2 * DAY},
        {"preferred lifetime over the CA's maximum",
         {.profile_max_s = 30 * DAY, STEP_CA, .preferred_s = 7 * DAY},
         0,
         0,
         NULL,
         "24h",
         DAY},
        {"preferred lifetime over the chain's end",
         {.profile_max_s = 30 * DAY, LONG_CA, .chain_not_after = now + DAY, .preferred_s = 7 * DAY},
         0,
         0,
         NULL,
         "23h59m",
         DAY},
    };
    expect_plans(cases, sizeof cases / sizeof cases[0]);
}

Test(validity, defect_04_not_before_is_only_sent_when_the_order_named_one)
{
    static const struct plan_case cases[] = {
        {"no times", {.profile_max_s = DAY, STEP_CA}, 0, 0, NULL, NULL, DAY},
        {"with a preferred lifetime",
         {.profile_max_s = DAY, STEP_CA, .preferred_s = HOUR},
         0,
         0,
         NULL,
         "1h",
         DAY},
        {"notAfter alone",
         {.profile_max_s = DAY, STEP_CA},
         0,
         2 * HOUR,
         NULL,
         "2027-01-15T10:00:00Z",
         2 * HOUR},
        {"notBefore alone",
         {.profile_max_s = DAY, STEP_CA},
         HOUR,
         0,
         "2027-01-15T09:00:00Z",
         NULL,
         DAY + HOUR},
        {"both",
         {.profile_max_s = DAY, STEP_CA},
         HOUR,
         2 * HOUR,
         "2027-01-15T09:00:00Z",
         "2027-01-15T10:00:00Z",
         2 * HOUR},
    };
    expect_plans(cases, sizeof cases / sizeof cases[0]);
}

Test(validity, times_of_the_order_are_absolute_and_come_before_the_wish)
{
    static const struct plan_case cases[] = {
        {"notAfter over the preferred lifetime",
         {.profile_max_s = DAY, STEP_CA, .preferred_s = HOUR},
         0,
         DAY,
         NULL,
         "2027-01-16T08:00:00Z",
         DAY},
        {"notAfter at the minimum",
         {.profile_max_s = DAY, STEP_CA},
         0,
         5 * MINUTE,
         NULL,
         "2027-01-15T08:05:00Z",
         5 * MINUTE},
        {"cap counts from a future notBefore",
         {.profile_max_s = HOUR, STEP_CA},
         DAY,
         DAY + HOUR,
         "2027-01-16T08:00:00Z",
         "2027-01-16T09:00:00Z",
         DAY + HOUR},
        {"cap counts from a past notBefore",
         {.profile_max_s = DAY, STEP_CA},
         -HOUR,
         DAY - HOUR,
         "2027-01-15T07:00:00Z",
         "2027-01-16T07:00:00Z",
         DAY - HOUR},
        {"past notBefore with the CA's default",
         {.profile_max_s = DAY, STEP_CA},
         -HOUR,
         0,
         "2027-01-15T07:00:00Z",
         NULL,
         DAY},
        {"future notBefore with a preferred lifetime",
         {.profile_max_s = DAY, STEP_CA, .preferred_s = 2 * HOUR},
         HOUR,
         0,
         "2027-01-15T09:00:00Z",
         "2h",
         DAY + HOUR},
        {"future notBefore and a chain that ends",
         {.profile_max_s = DAY, STEP_CA, .chain_not_after = now + 3 * HOUR},
         HOUR,
         0,
         "2027-01-15T09:00:00Z",
         "1h59m",
         3 * HOUR},
    };
    expect_plans(cases, sizeof cases / sizeof cases[0]);
}

Test(validity, times_that_cannot_be_met_are_refused)
{
    static const struct {
        struct validity_limits limits;
        int64_t not_before, not_after;
        enum problem_type type;
        const char *why;
    } cases[] = {
        {{.profile_max_s = DAY, STEP_CA},
         0,
         DAY + 1,
         PROBLEM_MALFORMED,
         "2027-01-16T08:00:00Z is the latest"},
        {{.profile_max_s = HOUR, STEP_CA}, 0, HOUR + 1, PROBLEM_MALFORMED, "certificates live 1h at most"},
        {{.profile_max_s = 30 * DAY, STEP_CA},
         0,
         DAY + 1,
         PROBLEM_MALFORMED,
         "certificates live 24h at most"},
        {{.profile_max_s = DAY, STEP_CA}, HOUR, DAY + HOUR + 1, PROBLEM_MALFORMED, "too late"},
        {{.profile_max_s = DAY, STEP_CA}, -HOUR, DAY - HOUR + 1, PROBLEM_MALFORMED, "too late"},
        {{.profile_max_s = DAY, STEP_CA, .chain_not_after = now + HOUR},
         0,
         HOUR + 1,
         PROBLEM_MALFORMED,
         "too late"},
        {{.profile_max_s = DAY, STEP_CA}, 0, -1, PROBLEM_MALFORMED, "in the past"},
        {{.profile_max_s = DAY, STEP_CA}, -DAY, -HOUR, PROBLEM_MALFORMED, "in the past"},
        {{.profile_max_s = DAY, STEP_CA}, 2 * HOUR, HOUR, PROBLEM_MALFORMED, "not after notBefore"},
        {{.profile_max_s = DAY, STEP_CA}, HOUR, HOUR, PROBLEM_MALFORMED, "not after notBefore"},
        {{.profile_max_s = DAY, STEP_CA},
         0,
         5 * MINUTE - 1,
         PROBLEM_MALFORMED,
         "the CA signs for 5m at least"},
        {{.profile_max_s = DAY, STEP_CA},
         HOUR,
         HOUR + MINUTE,
         PROBLEM_MALFORMED,
         "2027-01-15T09:05:00Z is the earliest"},
        {{.profile_max_s = DAY, STEP_CA}, VALIDITY_MAX_AHEAD_S + 1, 0, PROBLEM_MALFORMED, "too far ahead"},
        {{.profile_max_s = DAY, STEP_CA}, -DAY, 0, PROBLEM_MALFORMED, "too long ago"},
        {{.profile_max_s = DAY, STEP_CA, .preferred_s = HOUR}, -HOUR, 0, PROBLEM_MALFORMED, "too long ago"},
        {{.profile_max_s = DAY, STEP_CA, .chain_not_after = now},
         0,
         0,
         PROBLEM_SERVER_INTERNAL,
         "chain ends"},
        {{.profile_max_s = MINUTE, STEP_CA}, 0, 0, PROBLEM_SERVER_INTERNAL, "it may live 1m at most"},
        {{.profile_max_s = DAY, STEP_CA, .preferred_s = MINUTE},
         0,
         0,
         PROBLEM_SERVER_INTERNAL,
         "5m at least"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        int64_t not_before = cases[i].not_before == 0 ? 0 : now + cases[i].not_before;
        int64_t not_after = cases[i].not_after == 0 ? 0 : now + cases[i].not_after;
        const struct problem *problem =
            validity_check_order(arena, &cases[i].limits, now, not_before, not_after);
        cr_expect_not_null(problem, "case %zu is accepted: %s", i, cases[i].why);
        if (problem != NULL) {
            cr_expect_eq(problem->type, cases[i].type, "case %zu: %s", i, problem->detail);
            cr_expect_not_null(strstr(problem->detail, cases[i].why), "case %zu: %s", i, problem->detail);
        }
        struct validity_request request;
        cr_expect_not_null(validity_plan(arena, &cases[i].limits, now, not_before, not_after, &request));
        arena_free(arena);
    }
}

Test(validity, order_that_was_possible_is_refused_once_time_has_run_out)
{
    static const struct validity_limits limits = {.profile_max_s = DAY, STEP_CA};
    struct arena *arena = arena_new();
    struct validity_request request;
    int64_t not_after = now + 10 * MINUTE;
    cr_expect_null(validity_check_order(arena, &limits, now, 0, not_after));
    cr_expect_null(validity_plan(arena, &limits, now + 5 * MINUTE, 0, not_after, &request));
    const struct problem *late = validity_plan(arena, &limits, now + 6 * MINUTE, 0, not_after, &request);
    cr_assert_not_null(late);
    cr_expect_not_null(strstr(late->detail, "too early"), "%s", late->detail);
    arena_free(arena);
}

Test(validity, begin_may_lie_a_day_ahead)
{
    static const struct validity_limits limits = {.profile_max_s = DAY, STEP_CA};
    struct arena *arena = arena_new();
    cr_expect_null(validity_check_order(arena, &limits, now, now + VALIDITY_MAX_AHEAD_S, 0));
    cr_expect_null(validity_check_order(arena, &limits, now, now + VALIDITY_MAX_AHEAD_S,
                                        now + VALIDITY_MAX_AHEAD_S + DAY));
    arena_free(arena);
}

Test(validity, another_plan_differs_in_what_is_asked_for)
{
    static const struct {
        struct validity_request a, b;
        bool differs;
    } cases[] = {
        {{.not_after = NULL}, {.not_after = NULL}, false},
        {{.not_after = "18h"}, {.not_after = "18h"}, false},
        {{.not_after = "18h"}, {.not_after = NULL}, true},
        {{.not_after = NULL}, {.not_after = "18h"}, true},
        {{.not_after = "18h"}, {.not_after = "12h"}, true},
        {{.not_before = "1h", .not_after = "18h"}, {.not_after = "18h"}, true},
        {{.not_after = "18h", .latest_not_after = 1}, {.not_after = "18h", .latest_not_after = 2}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(validity_differs(&cases[i].a, &cases[i].b), cases[i].differs, "%zu", i);
    }
}
