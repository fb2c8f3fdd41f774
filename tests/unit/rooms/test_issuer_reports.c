/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer's health hears of its calls, and the log of each change. */
#include "stepca_issuer.h"

LEAK_CHECKED_SUITE(issuer_reports);

#define OURS PROVISIONERS(PROVISIONER("acmegate", JWK, ""))

static struct stepca_issuer at;
static const char *lines;

static void take_line(struct bytes line)
{
    lines = arena_printf(at.place.arena, "%s%s\n", lines, arena_string(at.place.arena, line));
}

static void begin(void)
{
    stepca_issuer_begin(&at, OURS, 4);
}

static const char *report(const struct issuer_result *result, const struct issuer_permit *permit)
{
    lines = "";
    fake_log_listen(take_line);
    issuer_report_result(at.issuer, result, permit);
    fake_log_listen(NULL);
    return lines;
}

/* Who must act is told at once, and again when it is somebody else; all is well again in one line. */
Test(issuer_reports, each_change_is_told_once)
{
    static const struct {
        enum issuer_outcome outcome;
        bool not_reached;
        const char *words; /* NULL: nothing is told */
    } steps[] = {
        {ISSUER_OK, false, NULL},
        {ISSUER_UNAVAILABLE, false, "issuer one fails: words"},
        {ISSUER_UNKNOWN, false, NULL},
        {ISSUER_UNAVAILABLE, true, NULL},
        {ISSUER_UNAUTHORIZED, false, "issuer one: the CA rejects our token."},
        {ISSUER_UNAUTHORIZED, false, NULL},
        {ISSUER_NOT_ASKED, false, NULL},
        {ISSUER_REFUSED, false, "issuer one works again after 0 s"},
        {ISSUER_ALREADY_REVOKED, false, NULL},
        {ISSUER_UNAUTHORIZED, false, "issuer one: the CA rejects our token."},
    };
    begin();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct issuer_result result = {
            .outcome = steps[i].outcome, .not_reached = steps[i].not_reached, .message = "words"};
        const char *told = report(&result, NULL);
        if (steps[i].words == NULL)
            cr_expect_str_eq(told, "", "%zu: %s", i, told);
        else
            cr_expect_not_null(strstr(told, steps[i].words), "%zu: %s", i, told);
    }
    stepca_issuer_end(&at);
}

/* The result of a call that began before the CA went down tells nothing of it now. */
Test(issuer_reports, a_stale_result_is_not_told)
{
    static const struct issuer_result lost = {.outcome = ISSUER_UNAVAILABLE,
                                              .not_reached = true,
                                              .message = "x"},
                                      good = {.outcome = ISSUER_OK, .message = ""};
    struct issuer_permit early, late;
    begin();
    cr_assert(issuer_admit(at.issuer, ISSUER_WORK_SIGN, &early));
    report(&lost, NULL);
    cr_expect_not(issuer_allows(at.issuer, &early));
    cr_expect_str_eq(report(&good, &early), "");
    cr_expect_eq(stepca_issuer_status(&at).state, ISSUER_DOWN);
    issuer_probe_now(at.issuer);
    cr_assert(issuer_admit(at.issuer, ISSUER_WORK_SIGN, &late));
    cr_expect(issuer_allows(at.issuer, &late));
    cr_expect_eq(issuer_room(at.issuer, ISSUER_WORK_SIGN), 0, "one probe at a time");
    cr_expect_str_neq(report(&good, &late), "");
    cr_expect_str_eq(report(&lost, &early), "");
    cr_expect_eq(stepca_issuer_status(&at).state, ISSUER_DEGRADED);
    stepca_issuer_end(&at);
}

/* A call that did not arrive did nothing; a bad answer, or none, may hide a deed. */
Test(issuer_reports, trouble_closes_at_once_or_by_degrees)
{
    static const struct {
        struct issuer_result result;
        enum issuer_state state;
        size_t at_once;
    } cases[] = {
        {{.outcome = ISSUER_UNAVAILABLE, .http_status = 500, .message = ""}, ISSUER_DEGRADED, 2},
        {{.outcome = ISSUER_UNKNOWN, .message = ""}, ISSUER_DEGRADED, 2},
        {{.outcome = ISSUER_UNAVAILABLE, .not_reached = true, .message = ""}, ISSUER_DOWN, 1},
        {{.outcome = ISSUER_UNAUTHORIZED, .http_status = 401, .message = ""}, ISSUER_DOWN, 1},
        {{.outcome = ISSUER_UNAVAILABLE, .http_status = 503, .retry_after_s = 9, .message = ""},
         ISSUER_DOWN,
         1},
        {{.outcome = ISSUER_REFUSED, .http_status = 400, .message = ""}, ISSUER_HEALTHY, 4},
        {{.outcome = ISSUER_NOT_ASKED, .message = ""}, ISSUER_HEALTHY, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        report(&cases[i].result, NULL);
        struct issuer_status status = stepca_issuer_status(&at);
        cr_expect_eq(status.state, cases[i].state, "%zu: %d", i, (int)status.state);
        cr_expect_eq(status.well, cases[i].state == ISSUER_HEALTHY, "%zu", i);
        cr_expect_eq(issuer_calls_at_once(at.issuer), cases[i].at_once, "%zu", i);
        stepca_issuer_end(&at);
    }
}

/* Without a reason of now it says so. */
Test(issuer_reports, what_is_not_asked_has_the_reason)
{
    static const struct issuer_result lost = {.outcome = ISSUER_UNAVAILABLE, .message = "it is away"};
    struct issuer_result result;
    begin();
    issuer_set_not_asked(at.issuer, at.place.arena, &result);
    cr_expect_eq(result.outcome, ISSUER_NOT_ASKED);
    cr_expect_str_eq(result.message, "the CA is not asked at present: it recovered a moment ago");
    report(&lost, NULL);
    issuer_set_not_asked(at.issuer, at.place.arena, &result);
    cr_expect_str_eq(result.message, "the CA is not asked at present: it is away");
    stepca_issuer_end(&at);
}
