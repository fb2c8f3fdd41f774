/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuer_health.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_health);

enum { NOW = 1800000000, MOST = 16 };

static struct issuer_health new_health(void)
{
    struct issuer_health health;
    issuer_health_init(&health, MOST);
    return health;
}

static size_t room(const struct issuer_health *health, int64_t now)
{
    return issuer_health_room(health, ISSUER_WORK_SIGN, now);
}

static struct issuer_permit take(struct issuer_health *health, int64_t now)
{
    struct issuer_permit permit;
    cr_assert(issuer_health_admit(health, ISSUER_WORK_SIGN, now, &permit));
    return permit;
}

static void fail_call(struct issuer_health *health, const struct issuer_permit *permit,
                      enum issuer_trouble trouble, int64_t retry_after_s, int64_t now)
{
    struct issuer_failure failure = {ISSUER_CONTACT_WORK, trouble, retry_after_s, 0, "why"};
    issuer_health_failure(health, &failure, permit, now);
    issuer_health_end(health, permit, now);
}

static void succeed_call(struct issuer_health *health, const struct issuer_permit *permit, int64_t now)
{
    issuer_health_success(health, ISSUER_CONTACT_WORK, permit, now);
    issuer_health_end(health, permit, now);
}

/* A call made and failed at once. */
static void fail_one(struct issuer_health *health, enum issuer_trouble trouble, int64_t now)
{
    struct issuer_permit permit = take(health, now);
    fail_call(health, &permit, trouble, 0, now);
}

static void fail_question(struct issuer_health *health, enum issuer_trouble trouble, int64_t now,
                          const char *message)
{
    struct issuer_failure failure = {ISSUER_CONTACT_READ, trouble, 0, 0, message};
    issuer_health_failure(health, &failure, NULL, now);
}

/* ---- whether new orders are taken ---- */

Test(issuer_health, a_new_issuer_is_usable_and_well)
{
    struct issuer_health health = new_health();
    cr_expect(issuer_health_is_usable(&health, NOW));
    cr_expect_eq(health.state, ISSUER_HEALTHY);
    cr_expect_eq(issuer_health_calls_at_once(&health), MOST);
}

Test(issuer_health, failing_counts_from_the_first_failure_and_success_ends_it)
{
    struct issuer_health health = new_health();
    fail_question(&health, ISSUER_NOT_REACHED, NOW, "no connection");
    fail_question(&health, ISSUER_NOT_REACHED, NOW + 10, "still none");
    cr_expect_eq(health.failing_since, NOW);
    cr_expect_str_eq(health.last_error, "still none");
    issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW + 11);
    cr_expect_eq(health.failing_since, 0);
    cr_expect_str_eq(health.last_error, "");
}

Test(issuer_health, failing_for_more_than_a_minute_is_not_usable)
{
    struct issuer_health health = new_health();
    for (int64_t s = 0; s <= 90; s += 10) {
        fail_question(&health, ISSUER_NOT_REACHED, NOW + s, "no connection");
        cr_expect_eq(issuer_health_is_usable(&health, NOW + s), s <= 60, "after %d s", (int)s);
    }
}

Test(issuer_health, an_answer_does_not_mend_a_ca_that_answers_but_does_not_work)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_BAD_ANSWER, NOW);
    issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW);
    cr_expect_eq(health.failing_since, NOW);
    struct issuer_permit permit = take(&health, NOW + 1);
    succeed_call(&health, &permit, NOW + 1);
    cr_expect_eq(health.failing_since, 0);
}

/* Else a CA whose last order gave up would never be asked again. */
Test(issuer_health, after_a_minute_without_failures_an_order_may_try_again)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_BAD_ANSWER, NOW);
    fail_one(&health, ISSUER_BAD_ANSWER, NOW + 70);
    cr_expect_not(issuer_health_is_usable(&health, NOW + 130));
    cr_expect(issuer_health_is_usable(&health, NOW + 131));
}

/* ---- healthy, degraded, down ---- */

Test(issuer_health, while_well_each_kind_has_room_of_its_own)
{
    struct issuer_health health = new_health();
    size_t most = MOST * (size_t)ISSUER_REQUESTS_AHEAD;
    struct issuer_permit permit = {0};
    for (size_t i = 0; i < most; i++) {
        cr_assert_eq(room(&health, NOW), most - i);
        permit = take(&health, NOW);
    }
    struct issuer_permit none;
    cr_expect_not(issuer_health_admit(&health, ISSUER_WORK_SIGN, NOW, &none));
    cr_expect_eq(issuer_health_room(&health, ISSUER_WORK_REVOKE, NOW), most);
    issuer_health_end(&health, &permit, NOW);
    cr_expect_eq(room(&health, NOW), 1);
}

Test(issuer_health, a_ca_that_cannot_be_reached_gets_probes_only)
{
    struct issuer_health health = new_health();
    struct issuer_permit before = take(&health, NOW);
    fail_one(&health, ISSUER_NOT_REACHED, NOW);
    cr_expect_eq(health.state, ISSUER_DOWN);
    cr_expect_not(issuer_health_allows(&health, &before), "what waited for its turn is not sent");
    cr_expect_eq(room(&health, NOW), 0);
    cr_expect_eq(room(&health, NOW + ISSUER_FIRST_PROBE_S), 1);
    struct issuer_permit probe = take(&health, NOW + ISSUER_FIRST_PROBE_S);
    cr_expect(probe.probe && issuer_health_allows(&health, &probe));
    cr_expect_eq(room(&health, NOW + 100), 0, "one probe at a time, of whatever kind");
    cr_expect_eq(issuer_health_room(&health, ISSUER_WORK_REVOKE, NOW + 100), 0);
}

struct pause_case {
    enum issuer_trouble trouble;
    int64_t first_s, last_s;
};

Test(issuer_health, the_pauses_between_probes_double_up_to_the_last)
{
    static const struct pause_case cases[] = {
        {ISSUER_NOT_REACHED, ISSUER_FIRST_PROBE_S, ISSUER_LAST_PROBE_S},
        {ISSUER_UNTRUSTED_US, ISSUER_FIRST_UNAUTHORIZED_S, ISSUER_LAST_UNAUTHORIZED_S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct issuer_health health = new_health();
        int64_t now = NOW;
        fail_one(&health, cases[i].trouble, now);
        for (int64_t pause = cases[i].first_s; pause < 4 * cases[i].last_s; pause *= 2) {
            int64_t expected = pause < cases[i].last_s ? pause : cases[i].last_s;
            cr_assert_eq(room(&health, now + expected - 1), 0, "%zu, %d s", i, (int)pause);
            now += expected;
            fail_one(&health, cases[i].trouble, now);
        }
    }
}

Test(issuer_health, randomness_lengthens_a_pause_by_up_to_a_half)
{
    struct issuer_health health = new_health();
    struct issuer_permit permit = take(&health, NOW);
    struct issuer_failure failure = {ISSUER_CONTACT_WORK, ISSUER_UNTRUSTED_US, 0, 255, "401"};
    issuer_health_failure(&health, &failure, &permit, NOW);
    cr_expect_eq(room(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S + 1), 0);
    cr_expect_eq(room(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S + 2), 1);
}

Test(issuer_health, the_return_is_a_slow_start)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_NOT_REACHED, NOW);
    struct issuer_permit permit = take(&health, NOW + 1);
    succeed_call(&health, &permit, NOW + 1);
    for (size_t at_once = 1; at_once < MOST; at_once *= 2) {
        cr_expect_eq(health.state, ISSUER_DEGRADED);
        cr_expect_eq(issuer_health_calls_at_once(&health), at_once);
        cr_expect_eq(room(&health, NOW + 1), at_once);
        permit = take(&health, NOW + 1);
        cr_expect_eq(issuer_health_room(&health, ISSUER_WORK_REVOKE, NOW + 1), at_once - 1,
                     "both kinds together");
        succeed_call(&health, &permit, NOW + 1);
    }
    cr_expect_eq(health.state, ISSUER_HEALTHY);
    permit = take(&health, NOW + 1);
    succeed_call(&health, &permit, NOW + 1);
    cr_expect_eq(issuer_health_calls_at_once(&health), MOST);
}

Test(issuer_health, a_failed_return_goes_on_with_longer_pauses)
{
    struct issuer_health health = new_health();
    int64_t now = NOW;
    fail_one(&health, ISSUER_NOT_REACHED, now);
    for (int64_t pause = ISSUER_FIRST_PROBE_S; pause < ISSUER_LAST_PROBE_S; pause *= 2) {
        cr_assert_eq(room(&health, now + pause - 1), 0);
        now += pause;
        struct issuer_permit permit = take(&health, now);
        succeed_call(&health, &permit, now);
        fail_one(&health, ISSUER_BAD_ANSWER, now);
        cr_assert_eq(health.state, ISSUER_DOWN);
    }
}

Test(issuer_health, bad_answers_halve_the_calls_at_once_and_the_last_closes)
{
    struct issuer_health health = new_health();
    struct issuer_permit permits[8];
    for (size_t i = 0; i < 8; i++)
        permits[i] = take(&health, NOW);
    static const size_t at_once[] = {8, 4, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        fail_call(&health, &permits[i], ISSUER_BAD_ANSWER, 0, NOW);
        cr_expect_eq(health.state, ISSUER_DEGRADED);
        cr_expect_eq(issuer_health_calls_at_once(&health), at_once[i]);
    }
    fail_call(&health, &permits[4], ISSUER_NO_ANSWER, 0, NOW);
    cr_expect_eq(health.state, ISSUER_DOWN);
    for (size_t i = 5; i < 8; i++)
        fail_call(&health, &permits[i], ISSUER_BAD_ANSWER, 0, NOW);
    cr_expect_eq(room(&health, NOW + ISSUER_FIRST_PROBE_S), 1,
                 "those under way then do not lengthen the pause");
}

/* One order that the CA cannot sign does not stop the others. */
Test(issuer_health, a_success_between_failures_keeps_it_open)
{
    struct issuer_health health = new_health();
    for (int i = 0; i < 20; i++) {
        fail_one(&health, ISSUER_BAD_ANSWER, NOW + i);
        struct issuer_permit permit = take(&health, NOW + i);
        succeed_call(&health, &permit, NOW + i);
        cr_expect_eq(health.state, ISSUER_HEALTHY);
    }
}

Test(issuer_health, retry_after_is_honoured_within_bounds)
{
    static const struct {
        int64_t asked_s, expected_s;
    } cases[] = {
        {30, 30}, {ISSUER_RETRY_AFTER_MOST_S, ISSUER_RETRY_AFTER_MOST_S}, {86400, ISSUER_RETRY_AFTER_MOST_S}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct issuer_health health = new_health();
        struct issuer_permit permit = take(&health, NOW);
        fail_call(&health, &permit, ISSUER_BAD_ANSWER, cases[i].asked_s, NOW);
        issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW + 1);
        cr_expect_eq(health.state, ISSUER_DOWN, "at once, and whatever else it answers");
        cr_expect_eq(room(&health, NOW + cases[i].expected_s), 0, "whole seconds: not a moment early");
        cr_expect_eq(room(&health, NOW + cases[i].expected_s + 1), 1);
    }
}

Test(issuer_health, what_was_begun_before_it_closed_changes_nothing)
{
    struct issuer_health health = new_health();
    struct issuer_permit old = take(&health, NOW);
    struct issuer_permit older = take(&health, NOW);
    fail_one(&health, ISSUER_NOT_REACHED, NOW);
    struct issuer_permit probe = take(&health, NOW + 1);
    succeed_call(&health, &probe, NOW + 1);
    fail_call(&health, &old, ISSUER_NO_ANSWER, 0, NOW + 30);
    cr_expect_eq(health.state, ISSUER_DEGRADED);
    cr_expect_eq(health.failing_since, 0);
    succeed_call(&health, &older, NOW + 30);
    cr_expect_eq(issuer_health_calls_at_once(&health), 1);
    cr_expect_eq(room(&health, NOW + 30), 1);
}

Test(issuer_health, a_probe_of_which_nothing_came_is_followed_by_another)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_NOT_REACHED, NOW);
    struct issuer_permit probe = take(&health, NOW + 1);
    issuer_health_end(&health, &probe, NOW + 1);
    cr_expect_eq(room(&health, NOW + 1), 0);
    cr_expect_eq(room(&health, NOW + 2), 1);
}

Test(issuer_health, what_was_prepared_unasked_goes_unless_it_is_closed)
{
    struct issuer_health health = new_health();
    struct issuer_permit permit;
    for (int i = 0; i < 2 * MOST * ISSUER_REQUESTS_AHEAD; i++)
        cr_assert(issuer_health_admit_unasked(&health, ISSUER_WORK_SIGN, NOW, &permit));
    cr_expect_eq(room(&health, NOW), 0);
    fail_call(&health, &permit, ISSUER_NOT_REACHED, 0, NOW);
    cr_expect_not(issuer_health_admit_unasked(&health, ISSUER_WORK_SIGN, NOW, &permit));
    cr_expect(issuer_health_admit_unasked(&health, ISSUER_WORK_SIGN, NOW + 1, &permit), "as the probe");
}

/* ---- questions ---- */

Test(issuer_health, an_unanswered_question_closes_only_when_the_ca_was_not_reached)
{
    struct issuer_health health = new_health();
    fail_question(&health, ISSUER_BAD_ANSWER, NOW, "403 to /provisioners");
    cr_expect_eq(health.state, ISSUER_HEALTHY);
    fail_question(&health, ISSUER_NOT_REACHED, NOW, "refused");
    cr_expect_eq(health.state, ISSUER_DOWN);
    issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW);
    cr_expect_eq(health.state, ISSUER_DEGRADED, "an answer brings it back before the next probe");
    issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW);
    cr_expect_eq(issuer_health_calls_at_once(&health), 1, "but widens nothing");
}

Test(issuer_health, a_question_is_no_probe)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_NOT_REACHED, NOW);
    struct issuer_permit probe = take(&health, NOW + 1);
    fail_question(&health, ISSUER_NOT_REACHED, NOW + 1, "refused");
    cr_expect_eq(room(&health, NOW + 100), 0, "the probe is still under way");
    fail_call(&health, &probe, ISSUER_NOT_REACHED, 0, NOW + 1);
    cr_expect_eq(room(&health, NOW + 1 + 2 * ISSUER_FIRST_PROBE_S), 1);
}

/* ---- 401 ---- */

Test(issuer_health, unauthorized_is_not_usable_until_a_probe_is_due)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_UNTRUSTED_US, NOW);
    cr_expect_not(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S - 1));
    cr_expect(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S));
    struct issuer_permit probe = take(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S);
    cr_expect_not(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S));
    succeed_call(&health, &probe, NOW + ISSUER_FIRST_UNAUTHORIZED_S);
    cr_expect(issuer_health_is_usable(&health, NOW + ISSUER_FIRST_UNAUTHORIZED_S));
}

Test(issuer_health, an_answered_question_does_not_mend_it_but_another_kid_lets_a_probe_through)
{
    struct issuer_health health = new_health();
    fail_one(&health, ISSUER_UNTRUSTED_US, NOW);
    issuer_health_success(&health, ISSUER_CONTACT_READ, NULL, NOW);
    cr_expect_eq(room(&health, NOW), 0);
    issuer_health_probe_now(&health, NOW);
    cr_expect_eq(room(&health, NOW), 1);
}
