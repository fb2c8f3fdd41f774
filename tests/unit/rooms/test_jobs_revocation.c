/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation jobs: what the CA answers, and what stands in the inventory then. */
#include "jobs_place.h"
#include "leaks.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(jobs_revocation);

enum { KEY_COMPROMISE = 1, SUPERSEDED = 4, HOUR_S = 3600 };

#define EVENT_DETAIL "SELECT detail FROM events ORDER BY id DESC LIMIT 1"
#define CONFIRMED    "acmegate_revocations_confirmed_total{issuer=\"main\"}"

static struct jobs_place place;
static struct account account;

/* For the first case, and for each that follows. */
static void begin(void)
{
    if (place.jobs == NULL)
        jobs_place_begin(&place);
    else
        jobs_place_clear(&place);
    account = make_account(&place.database, "thumb");
}

/* Asked for, and due now. `corrects`: it is revoked already, and another reason is asked for. */
static struct certificate ask(struct certificate certificate, int reason, bool corrects)
{
    certificate.revocation_requested_at = NOW;
    certificate.revocation_requested_by = "account";
    certificate.revocation_next_attempt_at = NOW;
    certificate.revocation_reason = corrects ? SUPERSEDED : reason;
    if (corrects) {
        certificate.status = CERTIFICATE_REVOKED;
        certificate.revoked_at = NOW - HOUR_S;
    }
    cr_assert_eq(store_certificate_update(place.database.writer, &certificate), STORE_OK);
    if (corrects) {
        certificate.correction_asked = true;
        certificate.correction_reason = reason;
        cr_assert_eq(store_certificate_correct(place.database.writer, &certificate), STORE_OK);
    }
    return certificate;
}

/* ---- what the CA answers ---- */

static const struct {
    const char *name;
    bool corrects;
    struct issuer_result answer;
    int64_t tries_before;
    bool confirmed;
    int64_t waits_s; /* up to a half more is right; 0: it is not due again */
    bool exactly;    /* no jitter */
    const char *error;
    const char *event, *detail;
    enum cause cause;
} answers[] = {
    {"confirmed",
     false,
     {.outcome = ISSUER_OK, .message = ""},
     0,
     true,
     0,
     true,
     NULL,
     "certificate.revoked",
     "confirmed by the CA",
     CAUSE_NONE},
    {"it had been",
     false,
     {.outcome = ISSUER_ALREADY_REVOKED, .message = "already"},
     3,
     true,
     0,
     true,
     NULL,
     "certificate.revoked",
     "the CA had already revoked it, and keeps its old reason",
     CAUSE_NONE},
    {"refused",
     false,
     {.outcome = ISSUER_REFUSED, .message = "no", .cause = CAUSE_CA_POLICY},
     0,
     false,
     HOUR_S,
     true,
     "no",
     "revocation.refused",
     "no",
     CAUSE_CA_POLICY},
    {"not accepted",
     false,
     {.outcome = ISSUER_UNAUTHORIZED, .message = "who?", .cause = CAUSE_CA_TOKEN_REFUSED},
     0,
     false,
     5,
     false,
     "who?",
     "revocation.failed",
     "who?",
     CAUSE_CA_TOKEN_REFUSED},
    {"not now",
     false,
     {.outcome = ISSUER_UNAVAILABLE, .message = "busy", .cause = CAUSE_CA_BUSY},
     1,
     false,
     10,
     false,
     "busy",
     "revocation.failed",
     "busy",
     CAUSE_CA_BUSY},
    {"not now, for long",
     false,
     {.outcome = ISSUER_UNAVAILABLE, .message = "busy", .cause = CAUSE_CA_BUSY},
     30,
     false,
     600,
     false,
     "busy",
     "revocation.failed",
     "busy",
     CAUSE_CA_BUSY},
    {"away, for long",
     false,
     {.outcome = ISSUER_UNAVAILABLE, .message = "away", .cause = CAUSE_CA_UNREACHABLE, .not_reached = true},
     30,
     false,
     60,
     false,
     "away",
     "revocation.failed",
     "away",
     CAUSE_CA_UNREACHABLE},
    {"no answer",
     false,
     {.outcome = ISSUER_UNKNOWN, .message = "silence", .cause = CAUSE_CA_ANSWER_LOST},
     0,
     false,
     5,
     false,
     "silence",
     "revocation.failed",
     "silence",
     CAUSE_CA_ANSWER_LOST},
    {"corrected",
     true,
     {.outcome = ISSUER_OK, .message = ""},
     0,
     true,
     0,
     true,
     NULL,
     "revocation.corrected",
     "reason keyCompromise instead of superseded, confirmed by the CA",
     CAUSE_NONE},
    {"the CA keeps its reason",
     true,
     {.outcome = ISSUER_ALREADY_REVOKED, .message = "already"},
     0,
     true,
     0,
     true,
     "the CA keeps its old reason, in its revocation list too (already)",
     "revocation.corrected",
     "reason keyCompromise instead of superseded in the inventory and in OCSP responses; the CA keeps "
     "its old reason, in its revocation list too (already)",
     CAUSE_REVOCATION_REASON_KEPT},
    {"a correction is refused",
     true,
     {.outcome = ISSUER_REFUSED, .message = "no", .cause = CAUSE_CA_POLICY},
     0,
     false,
     HOUR_S,
     true,
     "no",
     "revocation.refused",
     "no",
     CAUSE_CA_POLICY},
};

static void check_answer(size_t i)
{
    const char *name = answers[i].name;
    bool corrects = answers[i].corrects, confirmed = answers[i].confirmed;
    begin();
    struct certificate certificate = jobs_place_certificate(&place, &place.main, "main", account.id);
    certificate.revocation_attempt_count = answers[i].tries_before;
    certificate = ask(certificate, KEY_COMPROMISE, corrects);
    place.main.answer = answers[i].answer;
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, certificate.id);
    cr_expect_eq(place.main.revokes, 1, "%s: asked %zu times", name, place.main.revokes);
    cr_expect_eq(place.main.last_reason, KEY_COMPROMISE, "%s: %d", name, place.main.last_reason);
    cr_expect_eq(now.status, corrects || confirmed ? CERTIFICATE_REVOKED : CERTIFICATE_GOOD, "%s", name);
    int64_t revoked_at = corrects ? NOW - HOUR_S : confirmed ? NOW : 0;
    cr_expect_eq(now.revoked_at, revoked_at, "%s: %lld", name, (long long)now.revoked_at);
    cr_expect_eq(now.revocation_attempt_count, answers[i].tries_before + 1, "%s", name);
    int64_t least = answers[i].waits_s == 0 ? 0 : NOW + answers[i].waits_s;
    int64_t more = answers[i].exactly ? 0 : answers[i].waits_s / 2;
    cr_expect(now.revocation_next_attempt_at >= least && now.revocation_next_attempt_at <= least + more,
              "%s: %lld", name, (long long)now.revocation_next_attempt_at - NOW);
    cr_expect_eq(now.revocation_reason, corrects && !confirmed ? SUPERSEDED : KEY_COMPROMISE, "%s", name);
    cr_expect_eq(now.correction_asked, corrects && !confirmed, "%s", name);
    cr_expect_str_eq(now.revocation_error == NULL ? "" : now.revocation_error,
                     answers[i].error == NULL ? "" : answers[i].error, "%s: %s", name, now.revocation_error);
    cr_expect_str_eq(jobs_place_events(&place), answers[i].event, "%s: %s", name, jobs_place_events(&place));
    cr_expect_str_eq(jobs_place_text(&place, EVENT_DETAIL), answers[i].detail, "%s: %s", name,
                     jobs_place_text(&place, EVENT_DETAIL));
    cr_expect_str_eq(jobs_place_text(&place, "SELECT cause FROM events"),
                     answers[i].cause == CAUSE_NONE ? "" : cause_name(answers[i].cause), "%s: %s", name,
                     jobs_place_text(&place, "SELECT cause FROM events"));
    cr_expect_eq(jobs_place_metric(&place, CONFIRMED), confirmed && !corrects, "%s", name);
    cr_expect_eq(place.revoked_count, confirmed, "%s", name);
    cr_expect(jobs_place_is_settled(&place, certificate.id), "%s", name);
    if (confirmed) {
        cr_expect_str_eq(place.revoked_by, "main", "%s", name);
        cr_expect(bytes_equal(place.revoked_leaf, certificate.leaf), "%s", name);
    }
}

Test(jobs_revocation, the_ca_decides_on_what_stands_in_the_inventory)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        check_answer(i);
    jobs_place_end(&place);
}

/* ---- another reason that is asked for meanwhile ---- */

static int64_t asked_id;
static int reason_since;

static void ask_again(void *context)
{
    (void)context;
    struct certificate certificate = jobs_place_load(&place, asked_id);
    if (certificate.revoked_at != 0) {
        certificate.correction_asked = true;
        certificate.correction_reason = reason_since;
        cr_assert_eq(store_certificate_correct(place.database.writer, &certificate), STORE_OK);
    } else {
        certificate.revocation_reason = reason_since;
        cr_assert_eq(store_certificate_update(place.database.writer, &certificate), STORE_OK);
    }
    place.main.meanwhile = NULL;
}

static const struct {
    const char *name;
    enum issuer_outcome outcome;
    int first, since;
    int last_reason; /* that the CA was asked with, in the end */
    size_t asked;
    const char *events;
    int reason;
} meanwhile[] = {
    {"keyCompromise corrects a revocation", ISSUER_OK, SUPERSEDED, KEY_COMPROMISE, KEY_COMPROMISE, 2,
     "certificate.revoked revocation.corrected", KEY_COMPROMISE},
    {"another reason corrects nothing", ISSUER_OK, KEY_COMPROMISE, SUPERSEDED, KEY_COMPROMISE, 1,
     "certificate.revoked", KEY_COMPROMISE},
};

Test(jobs_revocation, F1_a_reason_that_is_asked_for_meanwhile_comes_next)
{
    for (size_t i = 0; i < sizeof meanwhile / sizeof *meanwhile; i++) {
        const char *name = meanwhile[i].name;
        begin();
        asked_id =
            ask(jobs_place_certificate(&place, &place.main, "main", account.id), meanwhile[i].first, false)
                .id;
        reason_since = meanwhile[i].since;
        place.main.meanwhile = ask_again;
        place.main.answer.outcome = meanwhile[i].outcome;
        jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
        jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
        struct certificate now = jobs_place_load(&place, asked_id);
        cr_expect_eq(place.main.revokes, meanwhile[i].asked, "%s: %zu", name, place.main.revokes);
        cr_expect_eq(place.main.last_reason, meanwhile[i].last_reason, "%s: %d", name,
                     place.main.last_reason);
        cr_expect_str_eq(jobs_place_events(&place), meanwhile[i].events, "%s: %s", name,
                         jobs_place_events(&place));
        cr_expect_eq(now.revocation_reason, meanwhile[i].reason, "%s: %d", name, now.revocation_reason);
        cr_expect_not(now.correction_asked, "%s", name);
    }
    jobs_place_end(&place);
}

/* A CA that fails is asked again at once with the better reason, and the pause of the failure is not kept. */
Test(jobs_revocation, F1_a_failed_try_keeps_the_reason_that_is_asked_for_meanwhile)
{
    begin();
    asked_id = ask(jobs_place_certificate(&place, &place.main, "main", account.id), SUPERSEDED, false).id;
    reason_since = KEY_COMPROMISE;
    place.main.meanwhile = ask_again;
    place.main.answer = (struct issuer_result){.outcome = ISSUER_REFUSED, .message = "no"};
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, asked_id);
    cr_expect_eq(now.revocation_reason, KEY_COMPROMISE);
    cr_expect_eq(now.revocation_next_attempt_at, NOW);
    cr_expect_not(now.correction_asked);
    jobs_place_end(&place);
}

/* ---- who is asked ---- */

Test(jobs_revocation, the_issuer_that_signed_it_is_asked)
{
    static const struct {
        const char *name;
        bool by_spare; /* signed by the spare CA */
        const char *issuer;
        size_t main, spare;
        const char *events;
    } cases[] = {
        {"its own", false, "main", 1, 0, "certificate.revoked"},
        {"the other's, under this one's name", true, "main", 0, 1, "certificate.revoked"},
        {"an issuer that is gone", true, "gone", 0, 1, "certificate.revoked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        struct fake_ca *ca = cases[i].by_spare ? &place.spare : &place.main;
        struct certificate certificate =
            ask(jobs_place_certificate(&place, ca, cases[i].issuer, account.id), SUPERSEDED, false);
        jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
        cr_expect_eq(place.main.revokes, cases[i].main, "%s", cases[i].name);
        cr_expect_eq(place.spare.revokes, cases[i].spare, "%s", cases[i].name);
        cr_expect_str_eq(jobs_place_events(&place), cases[i].events, "%s: %s", cases[i].name,
                         jobs_place_events(&place));
        cr_expect_eq(place.revoked_count, 1, "%s", cases[i].name);
        cr_expect(bytes_equal(place.revoked_leaf, certificate.leaf), "%s", cases[i].name);
    }
    jobs_place_end(&place);
}

/* A CA confirms serial numbers that it never issued. */
Test(jobs_revocation, nobody_is_asked_about_a_certificate_of_another_root)
{
    begin();
    struct authorization authorization = make_authorization(&place.database, &account, "www.test");
    struct order order = make_order(&place.database, &account, &authorization, 1);
    struct certificate foreign = ask(make_certificate(&place.database, &order, "1a2b"), SUPERSEDED, false);
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, foreign.id);
    cr_expect_eq(place.main.revokes + place.spare.revokes, 0);
    cr_expect_eq(now.status, CERTIFICATE_GOOD);
    cr_expect_eq(now.revocation_next_attempt_at, NOW + HOUR_S);
    cr_expect_str_eq(jobs_place_events(&place), "revocation.failed");
    cr_expect(strstr(now.revocation_error, "was not signed under a pinned root of an issuer \"main\"") !=
                  NULL,
              "%s", now.revocation_error);
    cr_expect_str_eq(jobs_place_text(&place, "SELECT cause FROM events"), cause_name(CAUSE_ISSUER_GONE));
    jobs_place_end(&place);
}

/* ---- what is not asked ---- */

Test(jobs_revocation, a_withdrawn_call_leaves_the_row_as_it_is)
{
    begin();
    struct certificate asked =
        ask(jobs_place_certificate(&place, &place.main, "main", account.id), SUPERSEDED, false);
    place.main.answer = (struct issuer_result){.outcome = ISSUER_NOT_ASKED, .message = "it is failing"};
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, asked.id);
    cr_expect_eq(place.main.revokes, 1);
    cr_expect_eq(now.revocation_attempt_count, 0);
    cr_expect_eq(now.revocation_next_attempt_at, NOW);
    cr_expect_str_eq(jobs_place_events(&place), "");
    cr_expect(jobs_place_is_settled(&place, asked.id));
    jobs_place_end(&place);
}

/* One probe goes out, and the others wait untouched for what it brings. */
Test(jobs_revocation, an_issuer_that_is_down_is_asked_by_one)
{
    begin();
    for (int i = 0; i < 3; i++)
        ask(jobs_place_certificate(&place, &place.main, "main", account.id), SUPERSEDED, false);
    place.main.answer = (struct issuer_result){
        .outcome = ISSUER_UNAVAILABLE, .message = "away", .cause = CAUSE_CA_UNREACHABLE, .not_reached = true};
    struct issuer_failure failure = {ISSUER_CONTACT_WORK, ISSUER_NOT_REACHED, 0, 0, "away"};
    issuer_report_failure(place.main.issuer, failure, NULL);
    fakes_pass(ISSUER_FIRST_PROBE_S * 1000);
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    cr_expect_eq(place.main.revokes, 1);
    cr_expect_eq(
        jobs_place_number(&place, "SELECT count(*) FROM certificates WHERE revocation_attempt_count = 0"), 2);
    jobs_place_end(&place);
}

/* Older versions took reasons that do not revoke (RFC 5280 §5.3.1: 6 and 8). */
Test(jobs_revocation, a_reason_that_does_not_revoke_is_left_out)
{
    static const struct {
        int asked, sent;
    } cases[] = {{0, 0}, {5, 5}, {6, 0}, {8, 0}, {10, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        ask(jobs_place_certificate(&place, &place.main, "main", account.id), cases[i].asked, false);
        jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
        cr_expect_eq(place.main.revokes, 1);
        cr_expect_eq(place.main.last_reason, cases[i].sent, "%d: %d", cases[i].asked, place.main.last_reason);
    }
    jobs_place_end(&place);
}

Test(jobs_revocation, a_rejected_certificate_stays_rejected)
{
    begin();
    struct certificate certificate = jobs_place_certificate(&place, &place.main, "main", account.id);
    certificate.status = CERTIFICATE_REJECTED;
    certificate = ask(certificate, SUPERSEDED, false);
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, certificate.id);
    cr_expect_eq(now.status, CERTIFICATE_REJECTED);
    cr_expect_eq(now.revoked_at, NOW);
    cr_expect_eq(now.revocation_next_attempt_at, 0);
    jobs_place_end(&place);
}
