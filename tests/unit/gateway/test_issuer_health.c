#include "gateway/issuer_health.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_health);

enum { NOW = 1800000000 };

Test(issuer_health, a_new_issuer_is_usable)
{
    struct issuer_health health = {0};
    cr_expect(issuer_health_is_usable(&health, NOW));
    cr_expect(issuer_health_admit(&health, NOW));
}

Test(issuer_health, failing_counts_from_the_first_failure_and_success_ends_it)
{
    struct issuer_health health = {0};
    issuer_health_failure(&health, false, NOW, "no connection");
    issuer_health_failure(&health, false, NOW + 10, "still none");
    cr_expect_eq(health.failing_since, NOW);
    cr_expect_str_eq(health.last_error, "still none");
    issuer_health_success(&health, ISSUER_CONTACT_READ);
    cr_expect_eq(health.failing_since, 0);
    cr_expect_str_eq(health.last_error, "");
}

Test(issuer_health, failing_for_more_than_a_minute_is_not_usable_but_holds_nothing_back)
{
    struct issuer_health health = {0};
    for (int64_t s = 0; s <= 90; s += 10) {
        issuer_health_failure(&health, false, NOW + s, "no connection");
        cr_expect_eq(issuer_health_is_usable(&health, NOW + s), s <= 60, "after %d s", (int)s);
        cr_expect(issuer_health_admit(&health, NOW + s));
    }
}

Test(issuer_health, an_answer_does_not_mend_a_ca_that_answers_but_does_not_work)
{
    struct issuer_health health = {0};
    issuer_health_failure(&health, true, NOW, "500");
    issuer_health_success(&health, ISSUER_CONTACT_READ);
    cr_expect_eq(health.failing_since, NOW);
    issuer_health_success(&health, ISSUER_CONTACT_WORK);
    cr_expect_eq(health.failing_since, 0);
    issuer_health_failure(&health, false, NOW, "no connection");
    issuer_health_success(&health, ISSUER_CONTACT_READ);
    cr_expect_eq(health.failing_since, 0);
}

/* Else a CA whose last order gave up would never be asked again. */
Test(issuer_health, after_a_minute_without_failures_an_order_may_try_again)
{
    struct issuer_health health = {0};
    issuer_health_failure(&health, true, NOW, "500");
    issuer_health_failure(&health, true, NOW + 70, "500");
    cr_expect_not(issuer_health_is_usable(&health, NOW + 130));
    cr_expect(issuer_health_is_usable(&health, NOW + 131));
}

Test(issuer_health, unauthorized_opens_the_breaker_until_a_probe_is_due)
{
    struct issuer_health health = {0};
    issuer_health_unauthorized(&health, NOW, "401");
    cr_expect_not(issuer_health_is_usable(&health, NOW));
    cr_expect_not(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S - 1));
    cr_expect(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_PROBE_S));
    cr_expect(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S));
    cr_expect_not(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S), "one probe at a time");
    cr_expect_not(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_PROBE_S));
}

Test(issuer_health, each_failed_probe_doubles_the_delay_up_to_the_last)
{
    struct issuer_health health = {0};
    int64_t now = NOW;
    issuer_health_unauthorized(&health, now, "401");
    for (int64_t delay = ISSUER_FIRST_PROBE_S; delay < 4L * ISSUER_LAST_PROBE_S; delay *= 2) {
        int64_t expected = delay < ISSUER_LAST_PROBE_S ? delay : ISSUER_LAST_PROBE_S;
        cr_assert_not(issuer_health_admit(&health, now + expected - 1));
        now += expected;
        cr_assert(issuer_health_admit(&health, now));
        issuer_health_unauthorized(&health, now, "401");
    }
}

Test(issuer_health, calls_that_were_under_way_when_the_breaker_opened_do_not_double_the_delay)
{
    struct issuer_health health = {0};
    for (int i = 0; i < 8; i++) {
        issuer_health_unauthorized(&health, NOW, "401");
    }
    cr_expect(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S));
}

Test(issuer_health, a_probe_that_is_accepted_closes_the_breaker)
{
    struct issuer_health health = {0};
    issuer_health_unauthorized(&health, NOW, "401");
    cr_assert(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S));
    issuer_health_success(&health, ISSUER_CONTACT_WORK);
    cr_expect(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_PROBE_S));
    cr_expect(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S));
    cr_expect(issuer_health_admit(&health, NOW + ISSUER_FIRST_PROBE_S));
}

Test(issuer_health, a_probe_without_an_answer_is_followed_by_another)
{
    struct issuer_health health = {0};
    issuer_health_unauthorized(&health, NOW, "401");
    int64_t now = NOW + ISSUER_FIRST_PROBE_S;
    cr_assert(issuer_health_admit(&health, now));
    issuer_health_failure(&health, false, now, "no connection");
    cr_expect_not(issuer_health_admit(&health, now + ISSUER_FIRST_PROBE_S - 1));
    cr_expect(issuer_health_admit(&health, now + ISSUER_FIRST_PROBE_S));
}

Test(issuer_health, an_answered_question_does_not_close_the_breaker_but_another_kid_lets_a_probe_through)
{
    struct issuer_health health = {0};
    issuer_health_unauthorized(&health, NOW, "401");
    issuer_health_success(&health, ISSUER_CONTACT_READ);
    cr_expect_not(issuer_health_admit(&health, NOW));
    issuer_health_probe_now(&health, NOW);
    cr_expect(issuer_health_admit(&health, NOW));
}
