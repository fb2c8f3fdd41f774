/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ca_knowledge.h"
#include "acme/pki/certificate.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(ca_knowledge);

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
static const int64_t now = 1800000000; /* 2027-01-15T08:00:00Z */

static void expect_fact(const struct ca_fact *fact, int64_t seconds, enum ca_fact_source source,
                        const char *about)
{
    cr_expect_eq(fact->seconds, seconds, "%s: %lld s", about, (long long)fact->seconds);
    cr_expect_eq(fact->source, source, "%s: %s", about, ca_fact_source_name(fact->source));
}

static void tell(struct ca_knowledge *known, int64_t min_s, int64_t max_s, int64_t default_s, int64_t at)
{
    const struct ca_claims claims = {min_s, max_s, default_s};
    ca_knowledge_tell(known, &claims, at);
}

/* A certificate of this lifetime, backdated by so much. */
static bool sign(struct ca_knowledge *known, int64_t lifetime_s, int64_t backdate_s, bool end_left)
{
    const struct ca_signed certificate = {.signed_at = now,
                                          .not_before = now - backdate_s,
                                          .not_after = now + lifetime_s,
                                          .begin_left = true,
                                          .end_left = end_left};
    return ca_knowledge_observe(known, &certificate);
}

static void refuse(struct ca_knowledge *known, enum ca_refusal_kind kind, int64_t requested_s,
                   int64_t limit_s, const char *not_after, int64_t at)
{
    const struct ca_refusal refusal = {kind, requested_s, limit_s};
    const struct validity_request asked = {.not_after = not_after};
    ca_knowledge_refused(known, &refusal, &asked, at);
}

Test(ca_knowledge, C2_what_the_ca_does_not_tell_is_assumed_and_refuses_nobody)
{
    struct ca_knowledge known;
    struct validity_limits limits = {.profile_max_s = DAY};
    ca_knowledge_init(&known);
    tell(&known, 0, 0, 0, now);
    expect_fact(&known.min, 5 * MINUTE, CA_FACT_ASSUMED, "min");
    expect_fact(&known.max, DAY, CA_FACT_ASSUMED, "max");
    expect_fact(&known.usual, DAY, CA_FACT_ASSUMED, "default");
    expect_fact(&known.backdate, MINUTE, CA_FACT_ASSUMED, "backdate");
    ca_knowledge_limits(&known, &limits);
    cr_expect(limits.issuer_min_s == 0 && limits.issuer_max_s == 0 && limits.learned_max_s == 0);
    cr_expect(limits.issuer_default_s == DAY && !limits.default_is_told && !limits.backdate_is_known);
    cr_expect_eq(limits.profile_max_s, DAY);
    tell(&known, MINUTE, 7 * DAY, 2 * DAY, now);
    ca_knowledge_limits(&known, &limits);
    cr_expect(limits.issuer_min_s == MINUTE && limits.issuer_max_s == 7 * DAY);
    cr_expect(limits.issuer_default_s == 2 * DAY && limits.default_is_told);
    tell(&known, 0, 0, 0, now);
    expect_fact(&known.max, DAY, CA_FACT_ASSUMED, "claims that are gone");
}

Test(ca_knowledge, C1_a_default_that_changes_is_observed_each_time)
{
    struct ca_knowledge known;
    ca_knowledge_init(&known);
    cr_expect(sign(&known, DAY - 2, MINUTE, true));
    expect_fact(&known.usual, DAY, CA_FACT_OBSERVED, "as assumed, but seen");
    cr_expect_not(sign(&known, DAY - 1, MINUTE, true), "nothing new");
    cr_expect(sign(&known, 30 * DAY, MINUTE, true));
    expect_fact(&known.usual, 30 * DAY, CA_FACT_OBSERVED, "raised");
    expect_fact(&known.max, 30 * DAY, CA_FACT_OBSERVED, "the maximum is no less");
    cr_expect(sign(&known, 8 * HOUR, MINUTE, true));
    expect_fact(&known.usual, 8 * HOUR, CA_FACT_OBSERVED, "lowered");
    cr_expect_not(sign(&known, 4 * HOUR, MINUTE, false), "an end of our own says nothing of the default");
}

Test(ca_knowledge, what_is_told_counts_until_a_certificate_contradicts_it_and_then_until_it_changes)
{
    struct ca_knowledge known;
    ca_knowledge_init(&known);
    tell(&known, 5 * MINUTE, 7 * DAY, DAY, now);
    sign(&known, DAY - 2, MINUTE, true);
    expect_fact(&known.usual, DAY, CA_FACT_TOLD, "confirmed");
    sign(&known, 3 * DAY, MINUTE, true);
    expect_fact(&known.usual, 3 * DAY, CA_FACT_OBSERVED, "a template's end");
    tell(&known, 5 * MINUTE, 7 * DAY, DAY, now + MINUTE);
    expect_fact(&known.usual, 3 * DAY, CA_FACT_OBSERVED, "told again, and still not so");
    tell(&known, 5 * MINUTE, 7 * DAY, 2 * DAY, now + MINUTE);
    expect_fact(&known.usual, 2 * DAY, CA_FACT_TOLD, "another is told");
}

Test(ca_knowledge, C2_a_refusal_teaches_for_an_hour_or_until_it_is_contradicted)
{
    struct ca_knowledge known;
    struct validity_limits limits = {0};
    ca_knowledge_init(&known);
    refuse(&known, CA_REFUSAL_TOO_LONG, 18 * HOUR + MINUTE, 12 * HOUR + MINUTE, "18h", now);
    expect_fact(&known.max, 12 * HOUR, CA_FACT_LEARNED, "max");
    expect_fact(&known.backdate, MINUTE, CA_FACT_LEARNED, "backdate");
    ca_knowledge_limits(&known, &limits);
    cr_expect(limits.learned_max_s == 12 * HOUR && limits.issuer_max_s == 0);
    tell(&known, 0, 0, 0, now + CA_FACT_LEARNED_FOR_S - 1);
    expect_fact(&known.max, 12 * HOUR, CA_FACT_LEARNED, "within the hour");
    tell(&known, 0, 0, 0, now + CA_FACT_LEARNED_FOR_S);
    expect_fact(&known.max, DAY, CA_FACT_ASSUMED, "after it");
    refuse(&known, CA_REFUSAL_TOO_LONG, 18 * HOUR + MINUTE, 12 * HOUR + MINUTE, "18h", now);
    sign(&known, 14 * HOUR, MINUTE, false);
    expect_fact(&known.max, 14 * HOUR, CA_FACT_OBSERVED, "contradicted");
    refuse(&known, CA_REFUSAL_TOO_SHORT, HOUR + MINUTE, 2 * HOUR, "1h", now);
    expect_fact(&known.min, 2 * HOUR, CA_FACT_LEARNED, "min");
    sign(&known, HOUR, MINUTE, false);
    cr_expect_eq(known.min.source, CA_FACT_OBSERVED, "contradicted");
}

Test(ca_knowledge, a_maximum_is_learned_without_the_cas_backdate)
{
    static const struct {
        int64_t requested_s, limit_s, max_s;
        const char *not_before, *not_after;
    } cases[] = {
        {18 * HOUR + 10 * MINUTE, 12 * HOUR + 10 * MINUTE, 12 * HOUR, NULL, "18h"},
        {18 * HOUR, 12 * HOUR, 12 * HOUR, NULL, "18h"},
        {18 * HOUR + MINUTE, 12 * HOUR + MINUTE, 12 * HOUR, NULL, "2027-01-16T02:00:00Z"},
        {24 * HOUR + MINUTE, 12 * HOUR + MINUTE, 12 * HOUR, NULL, NULL},
        {18 * HOUR, 12 * HOUR + MINUTE, 12 * HOUR, "2027-01-15T09:00:00Z", "18h"},
        {18 * HOUR + MINUTE, 12 * HOUR + MINUTE, 12 * HOUR, NULL, "20h"}, /* by another clock */
        /* nonsense teaches nothing */
        {10 * HOUR, 12 * HOUR, DAY, NULL, "10h"},
        {18 * HOUR, MINUTE, DAY, NULL, "1h"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ca_knowledge known;
        const struct ca_refusal refusal = {CA_REFUSAL_TOO_LONG, cases[i].requested_s, cases[i].limit_s};
        const struct validity_request asked = {.not_before = cases[i].not_before,
                                               .not_after = cases[i].not_after};
        ca_knowledge_init(&known);
        ca_knowledge_refused(&known, &refusal, &asked, now);
        cr_expect_eq(known.max.seconds, cases[i].max_s, "%zu: %lld", i, (long long)known.max.seconds);
    }
    struct ca_knowledge known;
    ca_knowledge_init(&known);
    refuse(&known, CA_REFUSAL_OTHER, 18 * HOUR, 12 * HOUR, "18h", now);
    refuse(&known, CA_REFUSAL_TOO_SHORT, 3 * HOUR, 2 * HOUR, "3h", now);
    cr_expect(known.max.source == CA_FACT_ASSUMED && known.min.source == CA_FACT_ASSUMED);
}

Test(ca_knowledge, C4_the_backdate_shows_on_certificates)
{
    static const int64_t backdates[] = {0, MINUTE, 10 * MINUTE, HOUR};
    for (size_t i = 0; i < sizeof backdates / sizeof backdates[0]; i++) {
        struct ca_knowledge known;
        struct validity_limits limits = {0};
        ca_knowledge_init(&known);
        sign(&known, DAY, backdates[i], true);
        ca_knowledge_limits(&known, &limits);
        cr_expect(limits.backdate_is_known && limits.issuer_backdate_s == backdates[i], "%zu: %lld", i,
                  (long long)limits.issuer_backdate_s);
        cr_expect_eq(known.usual.seconds, DAY, "a lifetime counts from the signing");
    }
}

/* Claims are whole minutes, and a CA's clock and answer take some seconds. */
Test(ca_knowledge, what_is_observed_is_rounded_as_claims_are)
{
    static const struct {
        int64_t lifetime_s, default_s;
    } cases[] = {
        {DAY - 30, DAY},
        {DAY + 29, DAY},
        {2 * DAY - 31, 2 * DAY - MINUTE},
        {2 * DAY - 30, 2 * DAY},
        {2 * DAY + 29, 2 * DAY},
        {2 * DAY + 30, 2 * DAY + MINUTE},
        {45, 45},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ca_knowledge known;
        ca_knowledge_init(&known);
        sign(&known, cases[i].lifetime_s, MINUTE, true);
        expect_fact(&known.usual, cases[i].default_s, CA_FACT_OBSERVED, "default");
    }
}

/* Half of the slack that a certificate is given is no contradiction. */
Test(ca_knowledge, a_small_difference_leaves_a_value_told)
{
    static const struct {
        int64_t by_s;
        enum ca_fact_source source;
    } cases[] = {
        {0, CA_FACT_TOLD},
        {CERTIFICATE_SLACK_S / 2 - 1, CA_FACT_TOLD},
        {CERTIFICATE_SLACK_S / 2, CA_FACT_OBSERVED},
        {-CERTIFICATE_SLACK_S / 2 + 1, CA_FACT_TOLD},
        {-CERTIFICATE_SLACK_S / 2, CA_FACT_OBSERVED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ca_knowledge known;
        ca_knowledge_init(&known);
        tell(&known, 5 * MINUTE, 7 * DAY, DAY, now);
        sign(&known, DAY + cases[i].by_s, MINUTE, true);
        cr_expect_eq(known.usual.source, cases[i].source, "by %lld s", (long long)cases[i].by_s);
    }
}

Test(ca_knowledge, a_certificate_beyond_a_limit_by_more_than_the_slack_moves_it)
{
    static const struct {
        int64_t lifetime_s, backdate_s, max_s, min_s;
    } cases[] = {
        {2 * DAY + CERTIFICATE_SLACK_S, MINUTE, 2 * DAY, HOUR},
        {2 * DAY + CERTIFICATE_SLACK_S + 1, MINUTE, 2 * DAY + MINUTE, HOUR},
        {HOUR - MINUTE - CERTIFICATE_SLACK_S, MINUTE, 2 * DAY, HOUR},
        {HOUR - MINUTE - CERTIFICATE_SLACK_S - 1, MINUTE, 2 * DAY, HOUR - 2 * MINUTE},
        {HOUR - CERTIFICATE_SLACK_S, 0, 2 * DAY, HOUR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ca_knowledge known;
        ca_knowledge_init(&known);
        tell(&known, HOUR, 2 * DAY, DAY, now);
        sign(&known, cases[i].lifetime_s, cases[i].backdate_s, false);
        cr_expect_eq(known.max.seconds, cases[i].max_s, "%zu: %lld", i, (long long)known.max.seconds);
        cr_expect_eq(known.min.seconds, cases[i].min_s, "%zu: %lld", i, (long long)known.min.seconds);
    }
}

/* A minimum above the maximum, or a default outside of both, would refuse everybody. */
Test(ca_knowledge, what_a_refusal_teaches_fits_together)
{
    static const struct {
        enum ca_refusal_kind kind;
        int64_t requested_s, limit_s;
        int64_t min_s, usual_s, max_s;
    } cases[] = {
        {CA_REFUSAL_TOO_LONG, 3 * DAY, 12 * HOUR, HOUR, 12 * HOUR, 12 * HOUR},
        {CA_REFUSAL_TOO_LONG, 3 * DAY, 30 * MINUTE, 5 * MINUTE, 30 * MINUTE, 30 * MINUTE},
        {CA_REFUSAL_TOO_LONG, 3 * DAY, HOUR, HOUR, HOUR, HOUR},
        {CA_REFUSAL_TOO_SHORT, HOUR, 12 * HOUR, 12 * HOUR, DAY, 2 * DAY},
        {CA_REFUSAL_TOO_SHORT, HOUR, 30 * HOUR, 30 * HOUR, 30 * HOUR, 2 * DAY},
        {CA_REFUSAL_TOO_SHORT, HOUR, 3 * DAY, 3 * DAY, 3 * DAY, 3 * DAY},
        {CA_REFUSAL_TOO_SHORT, HOUR, HOUR, HOUR, DAY, 2 * DAY}, /* nonsense teaches nothing */
        {CA_REFUSAL_TOO_LONG, DAY, DAY, HOUR, DAY, 2 * DAY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ca_knowledge known;
        const struct ca_refusal refusal = {cases[i].kind, cases[i].requested_s, cases[i].limit_s};
        const struct validity_request asked = {.not_before = "2027-01-15T08:00:00Z", .not_after = "1h"};
        ca_knowledge_init(&known);
        tell(&known, HOUR, 2 * DAY, DAY, now);
        known.backdate.seconds = 0;
        ca_knowledge_refused(&known, &refusal, &asked, now);
        cr_expect_eq(known.min.seconds, cases[i].min_s, "%zu: min %lld", i, (long long)known.min.seconds);
        cr_expect_eq(known.usual.seconds, cases[i].usual_s, "%zu: %lld", i, (long long)known.usual.seconds);
        cr_expect_eq(known.max.seconds, cases[i].max_s, "%zu: max %lld", i, (long long)known.max.seconds);
    }
}

Test(ca_knowledge, every_source_has_a_name_and_words)
{
    cr_expect_str_eq(ca_fact_source_name(CA_FACT_ASSUMED), "assumed");
    cr_expect_str_eq(ca_fact_source_name(CA_FACT_LEARNED), "learned");
    cr_expect_str_eq(ca_fact_source_words(CA_FACT_ASSUMED),
                     " (assumed: step-ca does not publish authority-wide claims)");
}
