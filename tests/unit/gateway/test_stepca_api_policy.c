/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "gateway/stepca_api/stepca_api_policy.h"
#include "growth.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(stepca_api_policy);

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };
static const int64_t now = 1800000000; /* 2027-01-15T08:00:00Z */

static const char *const allow[] = {"*.internal", "10.0.0.0/8"}, *const deny[] = {"secret.internal"};
static const char *const key_types[] = {"P-384", "Ed25519"};
static const struct profile_config profile = {
    .name = "web",
    .key_types = key_types,
    .key_type_count = 2,
    .names = {.allow = allow, .allow_count = 2, .deny = deny, .deny_count = 1},
};

static void expect_words(const struct problem *problem, const char *why, const char *about)
{
    if (why == NULL) {
        cr_expect_null(problem, "%s: %s", about, problem == NULL ? "" : problem->detail);
        return;
    }
    cr_assert_not_null(problem, "%s is accepted", about);
    cr_expect_not_null(strstr(problem->detail, why), "%s: %s", about, problem->detail);
    cr_expect_eq(problem->status, 403, "%s: %d", about, problem->status);
}

Test(stepca_api_policy, every_name_of_token_and_csr_must_be_allowed)
{
    static const struct {
        const char *subject, *san, *csr, *why;
    } cases[] = {
        {"a.internal", "a.internal", "a.internal", NULL},
        {"a.internal", "10.1.2.3", NULL, NULL},
        {"A.Internal", "B.INTERNAL", "b.internal", NULL},
        {"*.internal", "*.b.internal", NULL, "*.internal is refused: it would cover \"secret.internal\""},
        {"*.b.internal", "*.b.internal", NULL, NULL},
        {"10.1.2.3", "a.internal", NULL, NULL},
        {"a.internal", "a.other", "a.internal", "a.other is not allowed: profile web allows only"},
        {"a.internal", "a.internal", "a.other", "a.other is not allowed"},
        {"a.other", "a.internal", "a.internal", "a.other is not allowed"},
        {"a.internal", "secret.internal", NULL, "secret.internal is refused: profile web denies"},
        {"a.internal", "192.0.2.1", NULL, "192.0.2.1 is not allowed"},
        {"a.internal", "::ffff:10.0.0.1", NULL, "the token names"},
        {"a.internal", "x@a.internal", NULL, "the token names \"x@a.internal\""},
        {"a.internal", "https://a.internal/", NULL, "only DNS names and IP addresses"},
        {"Some Service", "a.internal", NULL, "the token names \"Some Service\""},
        {"a.internal", "a..internal", NULL, "the token names"},
        {"a.internal", "a.internal.", NULL, "the token names"},
        {"a.internal", "\xc3\xa4.internal", NULL, "the token names"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identifier csr_name;
        struct subject_names csr = {.identifiers = &csr_name, .count = cases[i].csr != NULL};
        if (cases[i].csr != NULL)
            cr_assert(identifier_from_name(IDENTIFIER_DNS, bytes_from_string(cases[i].csr), &csr_name));
        const struct stepca_token_claims claims = {
            .issuer = "admin", .subject = cases[i].subject, .sans = &cases[i].san, .san_count = 1};
        expect_words(stepca_api_policy_check_names(arena, &profile, &claims, &csr), cases[i].why,
                     cases[i].san);
    }
    arena_free(arena);
}

/* A token of `n` names beside a request of `n` other names: forged ones are looked at as well. */
static void check_many_names(void *context, size_t n)
{
    struct arena *arena = arena_new();
    const char **sans = arena_alloc_array(arena, n, sizeof *sans);
    struct subject_names csr = {.identifiers = arena_alloc_array(arena, n, sizeof *csr.identifiers),
                                .count = n};
    for (size_t i = 0; i < n; i++) {
        sans[i] = arena_printf(arena, "a%zu.internal", i);
        cr_assert(identifier_from_name(
            IDENTIFIER_DNS, bytes_from_string(arena_printf(arena, "b%zu.internal", i)), &csr.identifiers[i]));
    }
    const struct stepca_token_claims claims = {
        .issuer = "admin", .subject = "a.internal", .sans = sans, .san_count = n};
    cr_assert_null(stepca_api_policy_check_names(arena, context, &claims, &csr));
    arena_free(arena);
}

Test(stepca_api_policy, S9_names_cost_the_same_however_many_there_are)
{
    struct profile_config open = profile;
    cr_expect_lt(growth_of(check_many_names, &open, 250), GROWTH_MOST);
}

Test(stepca_api_policy, keys_are_of_the_profiles_types)
{
    struct arena *arena = arena_new();
    static const char *const curves[] = {"P-256", "P-384"};
    for (size_t i = 0; i < 2; i++) {
        autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen(curves[i]);
        expect_words(stepca_api_policy_check_key(arena, &profile, key),
                     i == 0 ? "of type P-256; profile web accepts P-384, Ed25519" : NULL, curves[i]);
    }
    expect_words(stepca_api_policy_check_key(arena, &profile, NULL), "of type unknown", "no key");
    struct profile_config any = {.name = "any"};
    expect_words(stepca_api_policy_check_key(arena, &any, NULL), NULL, "any key");
    arena_free(arena);
}

Test(stepca_api_policy, times_are_the_clients_within_the_cap)
{
    static const struct {
        int64_t max_s, default_s;
        const char *not_before, *not_after;
        const char *asked; /* notAfter; "" when it is left to the CA */
        int64_t latest_s;  /* from now on, without slack */
        const char *why;
    } cases[] = {
        /* left to the CA, whose default is under the cap or over it, or not known: a day */
        {DAY_S, DAY_S, NULL, NULL, "24h", DAY_S, NULL}, /* C1: it may be more by now */
        {DAY_S, HOUR_S, NULL, NULL, "", DAY_S, NULL},
        {HOUR_S, DAY_S, NULL, NULL, "1h", HOUR_S, NULL},
        {HOUR_S, 0, NULL, NULL, "1h", HOUR_S, NULL},
        {7 * DAY_S, 0, NULL, NULL, "", 7 * DAY_S, NULL},
        {HOUR_S, DAY_S, "30m", NULL, "1h", HOUR_S + HOUR_S / 2, NULL},
        /* in the client's own words */
        {DAY_S, HOUR_S, NULL, "90m", "90m", HOUR_S + HOUR_S / 2, NULL},
        {DAY_S, HOUR_S, NULL, "24h0m", "24h0m", DAY_S, NULL},
        {DAY_S, HOUR_S, NULL, "2027-01-16T08:00:00Z", "2027-01-16T08:00:00Z", DAY_S, NULL},
        {DAY_S, HOUR_S, NULL, "2027-01-16T09:00:00+01:00", "2027-01-16T09:00:00+01:00", DAY_S, NULL},
        {DAY_S, HOUR_S, "1h", "24h", "24h", DAY_S + HOUR_S, NULL},
        {DAY_S, HOUR_S, "2027-01-15T07:00:00Z", "24h", "24h", DAY_S - HOUR_S, NULL},
        /* over it */
        {DAY_S, HOUR_S, NULL, "24h1s", NULL, 0, "certificates live 24h at most here"},
        {DAY_S, HOUR_S, NULL, "2027-01-16T08:00:01Z", NULL, 0, "certificates live 24h at most here"},
        {DAY_S, HOUR_S, "1h", "2027-01-16T09:00:01Z", NULL, 0, "certificates live 24h at most here"},
        {DAY_S, HOUR_S, "2027-01-15T07:00:00Z", "2027-01-16T08:00:00Z", NULL, 0, "24h at most"},
        {DAY_S, HOUR_S, "48h", NULL, NULL, 0, "too far ahead"},
        {DAY_S, HOUR_S, NULL, "2027-01-15T07:00:00Z", NULL, 0, "in the past"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct validity_limits limits = {.profile_max_s = cases[i].max_s,
                                               .issuer_default_s = cases[i].default_s};
        const struct stepca_client_sign request = {.not_before = cases[i].not_before,
                                                   .not_after = cases[i].not_after};
        struct validity_request plan;
        const struct problem *problem = stepca_api_policy_plan(arena, &limits, now, &request, &plan);
        expect_words(problem, cases[i].why, arena_printf(arena, "case %zu", i));
        if (problem != NULL)
            continue;
        cr_expect_str_eq(plan.not_after == NULL ? "" : plan.not_after, cases[i].asked, "case %zu", i);
        cr_expect_eq(plan.not_before, request.not_before, "case %zu: in the client's words", i);
        cr_expect_eq(plan.latest_not_before == 0, request.not_before == NULL, "case %zu", i);
        cr_expect_eq(plan.latest_not_after, now + cases[i].latest_s + CERTIFICATE_SLACK_S, "case %zu: %lld",
                     i, (long long)(plan.latest_not_after - now));
    }
    static const char *const broken[] = {"tomorrow", "-5m", "1 h", "2027-01-16", "9223372036s9223372036s"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const struct validity_limits limits = {.profile_max_s = DAY_S};
        const struct stepca_client_sign request = {.not_after = broken[i]};
        struct validity_request plan;
        const struct problem *problem = stepca_api_policy_plan(arena, &limits, now, &request, &plan);
        cr_assert_not_null(problem, "%s", broken[i]);
        cr_expect(problem->status == 400 || i == 4, "%s: %d", broken[i], problem->status);
    }
    arena_free(arena);
}

Test(stepca_api_policy, C4_a_lifetime_counts_from_the_signing)
{
    static const struct {
        const char *about;
        bool known;
        int64_t backdate_s, not_before_s, not_after_s; /* the times from now on */
        const char *why;
    } cases[] = {
        {"a day", true, 60, -60, DAY_S, NULL},
        {"a day that is over", true, 60, -60 - DAY_S, 0, NULL},
        {"backdated by 10 minutes", true, 600, -600, DAY_S, NULL},
        {"by an hour", true, HOUR_S, -HOUR_S, DAY_S, NULL},
        {"not at all", true, 0, 0, DAY_S, NULL},
        {"within the slack", true, 60, -60, DAY_S + CERTIFICATE_SLACK_S, NULL},
        {"over it", true, 60, -60, DAY_S + CERTIFICATE_SLACK_S + 1,
         "lives 24h1m1s, and so would its successor; certificates live 24h at most"},
        {"backdated by less than that", true, 60, -HOUR_S, DAY_S, "lives 24h59m"},
        {"the CA's backdate is not known yet", false, 0, -HOUR_S, DAY_S, NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct validity_limits limits = {.profile_max_s = DAY_S,
                                               .issuer_backdate_s = cases[i].backdate_s,
                                               .backdate_is_known = cases[i].known};
        expect_words(stepca_api_policy_check_life(arena, &limits, now, now + cases[i].not_before_s,
                                                  now + cases[i].not_after_s),
                     cases[i].why, cases[i].about);
    }
    const struct validity_limits ending = {.profile_max_s = DAY_S,
                                           .chain_not_after = now + HOUR_S,
                                           .issuer_backdate_s = 60,
                                           .backdate_is_known = true};
    expect_words(stepca_api_policy_check_life(arena, &ending, now, now - 60, now + DAY_S), "1h at most",
                 "the chain");
    arena_free(arena);
}
