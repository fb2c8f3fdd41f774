/* SPDX-License-Identifier: Apache-2.0 */
/* The lifetimes of the configuration against those that a CA grants. */
#include <stdio.h>

#include "gateway/preflight/check.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(preflight_lifetimes);

enum { LINES_BYTES = 4 * 1024, HOUR_S = 3600, NOW = 1000 };

static char told[LINES_BYTES];

static void print(const char *verdict, const char *line)
{
    size_t n = strlen(told);
    snprintf(told + n, sizeof told - n, "%s: %s\n", verdict, line);
}

static void expect_told(const char *name, const char *words)
{
    cr_expect(strstr(told, words) != NULL, "%s: \"%s\" is not told:\n%s", name, words, told);
}

static const struct {
    int64_t validity_h, max_ttl_h;
    int64_t min_h, max_h; /* of the CA; 0: not known */
    enum ca_fact_source source;
    const char *wish, *profile;
    bool failed;
} lifetimes[] = {
    {0, 24, 0, 0, CA_FACT_TOLD, "ok: issuer one: no validity_days",
     "ok: profile p: max_ttl, 24h, is within the CA's limits\n", false},
    {24, 24, 24, 24, CA_FACT_TOLD, "ok: issuer one: validity_days, 24h, is within the CA's limits\n",
     "ok: profile p: max_ttl, 24h, is within", false},
    {23, 24, 24, 48, CA_FACT_TOLD, "FAIL: issuer one: validity_days is 23h, the CA's minimum 24h: nothing",
     "ok: profile p:", true},
    {25, 30, 1, 24, CA_FACT_TOLD,
     "warn: issuer one: validity_days is 25h, the CA's maximum 24h: certificates will live no longer",
     "warn: profile p: max_ttl is 30h, the CA's maximum 24h: that is the limit", false},
    {25, 30, 1, 24, CA_FACT_ASSUMED,
     "warn: issuer one: validity_days is 25h, the CA's maximum is assumed to be 24h",
     "warn: profile p: max_ttl is 30h, the CA's maximum is assumed to be 24h", false},
    {12, 12, 24, 48, CA_FACT_ASSUMED, "ok: issuer one: validity_days, 12h, is within",
     "ok: profile p: max_ttl, 12h, is within", false},
    {24, 12, 1, 48, CA_FACT_TOLD, "ok: issuer one: validity_days, 24h",
     "warn: profile p: max_ttl, 12h, is less than the issuer's validity_days, 24h", false},
    {12, 12, 12, 48, CA_FACT_TOLD, "ok: issuer one: validity_days, 12h, is within the CA's limits\n",
     "ok: profile p: max_ttl, 12h, is within the CA's limits\n", false},
    {24, 24, 1, 24, CA_FACT_ASSUMED,
     "ok: issuer one: validity_days, 24h, is within the CA's limits (assumed: step-ca does not publish",
     "ok: profile p: max_ttl, 24h, is within the CA's limits (assumed: step-ca does not publish", false},
    {24, 24, 0, 0, CA_FACT_TOLD, "ok: issuer one: validity_days, 24h, is within the CA's limits\n",
     "ok: profile p: max_ttl, 24h, is within the CA's limits\n", false},
    {24, 24, 0, 0, CA_FACT_ASSUMED, "ok: issuer one: validity_days, 24h, is within the CA's limits\n",
     "ok: profile p: max_ttl, 24h, is within the CA's limits\n", false},
    {25, 30, 1, 24, CA_FACT_LEARNED,
     "the CA's maximum 24h (learned from the CA's refusal): certificates will",
     "the CA's maximum 24h (learned from the CA's refusal): that is the limit", false},
    {24, 24, 25, 48, CA_FACT_TOLD, "FAIL: issuer one: validity_days is 24h",
     "FAIL: profile p: max_ttl is 24h, the CA's minimum 25h", true},
};

Test(preflight_lifetimes, lifetimes_are_held_against_what_the_ca_grants)
{
    for (size_t i = 0; i < sizeof lifetimes / sizeof *lifetimes; i++) {
        struct arena *arena = arena_new();
        const struct profile_config profiles[] = {
            {.name = "p", .issuer = "one", .max_ttl_s = lifetimes[i].max_ttl_h * HOUR_S},
            {.name = "q", .issuer = "two", .max_ttl_s = HOUR_S}};
        const struct config config = {.profiles = profiles, .profile_count = 2};
        const struct issuer_config issuer = {.id = "one", .validity_s = lifetimes[i].validity_h * HOUR_S};
        const struct ca_knowledge known = {
            .min = {lifetimes[i].min_h * HOUR_S, lifetimes[i].source, NOW},
            .max = {lifetimes[i].max_h * HOUR_S, lifetimes[i].source, NOW},
        };
        struct check check = {.arena = arena, .config = &config, .print = print};
        told[0] = '\0';
        check_validity(&check, &issuer, &known);
        expect_told(arena_printf(arena, "case %zu", i), lifetimes[i].wish);
        expect_told(arena_printf(arena, "case %zu", i), lifetimes[i].profile);
        cr_expect_null(strstr(told, "profile q"), "%s", told);
        cr_expect_eq(check.failed, lifetimes[i].failed, "case %zu: %s", i, told);
        arena_free(arena);
    }
}
