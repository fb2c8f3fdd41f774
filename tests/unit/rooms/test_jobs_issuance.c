/* SPDX-License-Identifier: Apache-2.0 */
/* Issuance jobs: what the CA answers, and what stands of the order then. */
#include "acme/order.h"
#include "acme/pki.h"
#include "acme/pki/x509_read.h"
#include "jobs_place.h"
#include "leaks.h"
#include "store/orders.h"

LEAK_CHECKED_SUITE(jobs_issuance);

enum { GIVE_UP_S = 600 };

static struct jobs_place place;
static struct account account;
static struct bytes csr;

/* For the first case, and for each that follows. */
static void begin(void)
{
    if (place.jobs == NULL)
        jobs_place_begin(&place);
    else
        jobs_place_clear(&place);
    account = make_account(&place.database, "thumb");
    const struct pki_csr wanted = {.key = pki_key(place.place.arena, "P-256"), .names = "DNS:www.test"};
    csr = pki_csr(place.place.arena, &wanted);
}

/* An order for www.test that was finalized just now, and is due. */
static struct order make_finalized(const char *profile, int64_t tries, int64_t since)
{
    struct authorization authorization =
        jobs_place_prove(&place, make_authorization(&place.database, &account, "www.test"));
    struct order order = make_order(&place.database, &account, &authorization, 1);
    database_run(&place.database,
                 arena_printf(place.place.arena, "UPDATE orders SET profile = '%s' WHERE id = %lld", profile,
                              (long long)order.id));
    advance_order(&place.database, &order, ORDER_READY);
    order.csr = csr;
    order.processing_since = since;
    order.next_attempt_at = NOW;
    order.attempt_count = tries;
    advance_order(&place.database, &order, ORDER_PROCESSING);
    return order;
}

static struct order load(int64_t id)
{
    struct order order;
    cr_assert_eq(store_order_load(store_reader_of(place.database.writer), place.place.arena, id, &order),
                 STORE_OK);
    return order;
}

static void expect_row(const char *name, const char *what, const char *sql, const char *expected)
{
    const char *got = jobs_place_text(&place, sql);
    cr_expect_str_eq(got, expected, "%s: %s: %s", name, what, got);
}

/* ---- what the CA answers ---- */

#define UNREACHED \
    {.outcome = ISSUER_UNAVAILABLE, .message = "away", .cause = CAUSE_CA_UNREACHABLE, .not_reached = true}
#define BUSY {.outcome = ISSUER_UNAVAILABLE, .http_status = 503, .message = "busy", .cause = CAUSE_CA_BUSY}
#define LOST {.outcome = ISSUER_UNKNOWN, .message = "silence", .cause = CAUSE_CA_ANSWER_LOST}
#define NO(of) \
    {.outcome = ISSUER_REFUSED, .http_status = 403, .message = "no", .cause = CAUSE_CA_REFUSED, .refusal = of}

static const struct {
    const char *name;
    struct issuer_result answer;
    enum fake_ca_certificate gives;
    int64_t tries_before;
    enum order_status order;
    const char *attempt; /* its status */
    int64_t waits_s;     /* up to a half more is right; -1: it is not due again */
    const char *events;
    const char *problem;     /* its type, and a part of its detail behind a space */
    const char *certificate; /* its status */
} answers[] = {
    {"signed",
     {.message = "", .http_status = 201},
     FAKE_CA_FITTING,
     0,
     ORDER_VALID,
     "signed",
     -1,
     "order.valid",
     NULL,
     "good"},
    {"of other names",
     {.message = ""},
     FAKE_CA_OF_OTHER_NAMES,
     0,
     ORDER_INVALID,
     "rejected",
     -1,
     "certificate.rejected order.invalid certificate.revoked",
     "serverInternal it is being revoked",
     "rejected"},
    {"unreadable",
     {.message = ""},
     FAKE_CA_UNREADABLE,
     0,
     ORDER_PROCESSING,
     "unknown",
     2,
     "attempt.unknown",
     NULL,
     ""},
    {"the request", NO(ISSUER_REFUSAL_CSR), 0, 0, ORDER_INVALID, "refused", -1, "order.invalid",
     "badCSR refused: no", ""},
    {"the names", NO(ISSUER_REFUSAL_NAMES), 0, 0, ORDER_INVALID, "refused", -1, "order.invalid",
     "rejectedIdentifier refused: no", ""},
    {"its policy", NO(ISSUER_REFUSAL_CA), 0, 0, ORDER_INVALID, "refused", -1, "order.invalid",
     "rejectedIdentifier The refusal is the CA's", ""},
    {"the lifetime", NO(ISSUER_REFUSAL_DURATION), 0, 0, ORDER_INVALID, "refused", -1, "order.invalid",
     "serverInternal max_ttl", ""},
    {"away", UNREACHED, 0, 0, ORDER_PROCESSING, "failed", 0, "attempt.failed", NULL, ""},
    {"not accepted",
     {.outcome = ISSUER_UNAUTHORIZED, .message = "who?", .cause = CAUSE_CA_TOKEN_REFUSED},
     0,
     9,
     ORDER_PROCESSING,
     "failed",
     0,
     "attempt.failed",
     NULL,
     ""},
    {"busy", BUSY, 0, 0, ORDER_PROCESSING, "failed", 2, "attempt.failed", NULL, ""},
    {"busy, for the third time", BUSY, 0, 2, ORDER_PROCESSING, "failed", 8, "attempt.failed", NULL, ""},
    {"busy, for long", BUSY, 0, 30, ORDER_PROCESSING, "failed", 30, "attempt.failed", NULL, ""},
    {"no answer", LOST, 0, 0, ORDER_PROCESSING, "unknown", 2, "attempt.unknown", NULL, ""},
    {"no answer, for long", LOST, 0, 30, ORDER_PROCESSING, "unknown", 60, "attempt.unknown", NULL, ""},
    {"it names a time",
     {.outcome = ISSUER_UNAVAILABLE, .message = "later", .cause = CAUSE_CA_BUSY, .retry_after_s = 7},
     0,
     9,
     ORDER_PROCESSING,
     "failed",
     0,
     "attempt.failed",
     NULL,
     ""},
};

static void check_problem(const char *name, const struct order *order, const char *expected)
{
    cr_expect_eq(order->error_json == NULL, expected == NULL, "%s: %s", name, order->error_json);
    if (order->error_json == NULL || expected == NULL)
        return;
    const struct problem *problem = problem_read(place.place.arena, order->error_json);
    size_t n = strcspn(expected, " ");
    const char *type = problem_type_name(problem->type);
    cr_expect(strlen(type) == n && strncmp(type, expected, n) == 0, "%s: %s", name, type);
    cr_expect(strstr(problem->detail, expected + n + 1) != NULL, "%s: %s", name, problem->detail);
}

static void check_answer(size_t i)
{
    const char *name = answers[i].name;
    begin();
    struct order order = make_finalized("default", answers[i].tries_before, NOW);
    place.main.answer = answers[i].answer;
    place.main.gives = answers[i].gives;
    fake_clock_set(NOW * 1000);
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    struct order now = load(order.id);
    cr_expect_eq(place.main.signs, 1, "%s: asked %zu times", name, place.main.signs);
    cr_expect_eq(place.main.last_deadline, NOW + GIVE_UP_S, "%s", name);
    cr_expect_eq(now.status, answers[i].order, "%s: %s", name, order_status_name(now.status));
    cr_expect_eq(now.attempt_count, answers[i].tries_before + 1, "%s", name);
    if (answers[i].waits_s >= 0) {
        int64_t waits = now.next_attempt_at - NOW;
        cr_expect(waits >= answers[i].waits_s && waits <= answers[i].waits_s * 3 / 2, "%s: %lld", name,
                  (long long)waits);
    } else
        cr_expect_eq(now.next_attempt_at, 0, "%s", name);
    expect_row(name, "attempt", "SELECT status FROM attempts", answers[i].attempt);
    expect_row(name, "ended", "SELECT ended_at - started_at FROM attempts", "0");
    expect_row(name, "certificate", "SELECT status FROM certificates", answers[i].certificate);
    cr_expect_str_eq(jobs_place_events(&place), answers[i].events, "%s: %s", name, jobs_place_events(&place));
    check_problem(name, &now, answers[i].problem);
    cr_expect_eq(now.certificate_id != 0, now.status == ORDER_VALID, "%s", name);
    cr_expect(jobs_place_is_settled(&place, order.id), "%s", name);
    cr_expect_eq(
        jobs_place_metric(&place, arena_printf(place.place.arena,
                                               "acmegate_ca_attempts_total{issuer=\"main\",outcome=\"%s\"}",
                                               answers[i].attempt)),
        1, "%s", name);
}

Test(jobs_issuance, the_ca_decides_on_what_becomes_of_the_order)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        check_answer(i);
    jobs_place_end(&place);
}

/* ---- what goes before the call ---- */

static void deactivate_account(void)
{
    account.status = ACCOUNT_DEACTIVATED;
    database_run(&place.database, "UPDATE accounts SET status = 'deactivated'");
}

static void expire_authorization(void)
{
    database_run(
        &place.database,
        arena_printf(place.place.arena, "UPDATE authorizations SET expires_at = %lld", (long long)NOW - 1));
}

static const struct {
    const char *name, *profile;
    int64_t since_s; /* finalized so long ago */
    void (*before)(void);
    const char *problem;
} refusals[] = {
    {"the profile is gone", "gone", 0, NULL, "invalidProfile no longer configured"},
    {"too late", "default", GIVE_UP_S, NULL, "serverInternal did not sign within 10m"},
    {"too late, of an issuer that is gone", "gone", GIVE_UP_S, NULL, "invalidProfile no longer configured"},
    {"the account has ended", "default", 0, deactivate_account, "unauthorized account"},
    {"its authorization has expired", "default", 0, expire_authorization, "unauthorized "},
};

Test(jobs_issuance, an_order_that_nothing_permits_ends_without_a_call)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const char *name = refusals[i].name;
        begin();
        struct order order = make_finalized(refusals[i].profile, 0, NOW - refusals[i].since_s);
        if (refusals[i].before != NULL)
            refusals[i].before();
        jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
        struct order now = load(order.id);
        cr_expect_eq(place.main.signs, 0, "%s", name);
        cr_expect_eq(now.status, ORDER_INVALID, "%s: %s", name, order_status_name(now.status));
        cr_expect_eq(now.attempt_count, 0, "%s: %lld", name, (long long)now.attempt_count);
        check_problem(name, &now, refusals[i].problem);
        cr_expect_str_eq(jobs_place_events(&place), "order.invalid", "%s", name);
        expect_row(name, "attempts", "SELECT count(*) FROM attempts", "0");
    }
    jobs_place_end(&place);
}

/* One second before the end it is tried. */
Test(jobs_issuance, an_order_is_tried_until_its_end)
{
    begin();
    struct order order = make_finalized("default", 3, NOW - GIVE_UP_S + 1);
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    cr_expect_eq(load(order.id).status, ORDER_VALID);
    cr_expect_eq(place.main.last_deadline, NOW + 1);
    jobs_place_end(&place);
}

Test(jobs_issuance, the_profile_bounds_the_lifetime_and_names_the_usages)
{
    begin();
    make_finalized("brief", 0, NOW);
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    cr_expect_str_eq(place.main.last_usages, "serverAuth,clientAuth");
    cr_expect(jobs_place_number(&place, "SELECT not_after FROM certificates") <= NOW + 3600 + 60);
    expect_row("brief", "status", "SELECT status FROM orders", "valid");
    jobs_place_end(&place);
}

/* ---- meanwhile ---- */

static int64_t ended_id;

static void end_order(void *context)
{
    (void)context;
    struct order order = load(ended_id);
    order_fail(place.place.arena, &order, problem_new(place.place.arena, PROBLEM_MALFORMED, "It was ended."),
               NOW);
    cr_assert_eq(store_order_update(place.database.writer, &order, ORDER_PROCESSING), STORE_OK);
    place.main.meanwhile = NULL;
}

Test(jobs_issuance, a_certificate_for_an_order_that_has_ended_is_rejected_and_revoked)
{
    begin();
    ended_id = make_finalized("default", 0, NOW).id;
    place.main.meanwhile = end_order;
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    expect_row("ended", "certificate", "SELECT status || ': ' || rejected_because FROM certificates",
               "rejected: the order had ended before its certificate came");
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    expect_row("ended", "revoked", "SELECT revoked_at IS NOT NULL FROM certificates", "1");
    cr_expect_eq(load(ended_id).status, ORDER_INVALID);
    cr_expect_eq(load(ended_id).certificate_id, 0);
    jobs_place_end(&place);
}

Test(jobs_issuance, a_call_that_is_not_made_leaves_no_attempt)
{
    begin();
    struct order order = make_finalized("default", 4, NOW);
    place.main.answer = (struct issuer_result){.outcome = ISSUER_NOT_ASKED, .message = "it is failing"};
    jobs_wake(place.jobs, JOBS_DUE_ORDERS);
    fakes_settle();
    fakes_pass(5);
    struct order now = load(order.id);
    cr_expect_eq(now.status, ORDER_PROCESSING);
    cr_expect_eq(now.attempt_count, 4);
    cr_expect_eq(now.next_attempt_at, NOW);
    expect_row("withdrawn", "attempts", "SELECT count(*) FROM attempts", "0");
    cr_expect_str_eq(jobs_place_events(&place), "");
    jobs_place_end(&place);
}

/* The order's turn at its issuer comes so much later than its attempt. */
static int64_t waits_ms;

static void wait_for_turn(void *context)
{
    (void)context;
    fake_clock_jump(waits_ms);
    deactivate_account();
    place.main.meanwhile = NULL;
}

static void wait_in_peace(void *context)
{
    (void)context;
    fake_clock_jump(waits_ms);
    place.main.meanwhile = NULL;
}

Test(jobs_issuance, an_order_that_waited_is_permitted_again_before_its_call)
{
    static const struct {
        const char *name;
        int64_t waits_ms;
        void (*meanwhile)(void *context);
        bool signs;
    } cases[] = {{"at once", 1000, wait_for_turn, true},
                 {"it waited, and its account has ended", 2000, wait_for_turn, false},
                 {"it waited", 2000, wait_in_peace, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        begin();
        struct order order = make_finalized("default", 0, NOW);
        waits_ms = cases[i].waits_ms;
        place.main.meanwhile = cases[i].meanwhile;
        jobs_place_work(&place, JOBS_DUE_ORDERS, 100);
        cr_expect_eq(place.main.signs, cases[i].signs, "%s: %zu", name, place.main.signs);
        expect_row(name, "attempts", "SELECT count(*) FROM attempts", cases[i].signs ? "1" : "0");
        cr_expect_eq(load(order.id).status, cases[i].signs ? ORDER_VALID : ORDER_PROCESSING, "%s", name);
        jobs_place_work(&place, JOBS_DUE_ORDERS, 100);
        cr_expect_eq(load(order.id).status, cases[i].signs ? ORDER_VALID : ORDER_INVALID, "%s", name);
        cr_expect_eq(place.main.signs, cases[i].signs, "%s: %zu", name, place.main.signs);
    }
    jobs_place_end(&place);
}

Test(jobs_issuance, a_certificate_of_before_is_nobody_elses)
{
    begin();
    struct order first = make_finalized("default", 0, NOW);
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    cr_assert_eq(load(first.id).status, ORDER_VALID);
    struct order second = make_finalized("default", 0, NOW);
    place.main.gives = FAKE_CA_OF_BEFORE;
    jobs_place_work(&place, JOBS_DUE_ORDERS, 500);
    struct order now = load(second.id);
    cr_expect_eq(now.status, ORDER_INVALID);
    check_problem("before", &now, "serverInternal issued before");
    expect_row("before", "certificates", "SELECT count(*) FROM certificates", "1");
    expect_row("before", "attempt", "SELECT status FROM attempts ORDER BY id DESC LIMIT 1", "rejected");
    jobs_place_end(&place);
}

/* ---- an issuance that goes straight on ---- */

static struct job *draft_of(struct order *order, enum store_result expected)
{
    struct job *draft = issuance_job_draft(place.jobs, x509_request_read(csr));
    cr_assert_not_null(draft);
    cr_expect_eq(issuance_job_write_attempt(draft, place.database.writer, NOW, order), expected);
    return draft;
}

Test(jobs_issuance, a_draft_calls_the_ca_at_once)
{
    begin();
    struct order order = make_finalized("default", 0, NOW);
    struct job *draft = draft_of(&order, STORE_OK);
    cr_expect_eq(order.attempt_count, 1);
    cr_expect_eq(order.next_attempt_at, NOW + 60);
    cr_assert_eq(store_order_update(place.database.writer, &order, ORDER_PROCESSING), STORE_OK);
    job_hand_over(draft);
    fakes_pass(500);
    cr_expect_eq(place.main.signs, 1);
    cr_expect_eq(load(order.id).status, ORDER_VALID);
    expect_row("draft", "attempt", "SELECT group_concat(status) FROM attempts", "signed");
    jobs_place_end(&place);
}

Test(jobs_issuance, no_draft_is_made_for_what_stands_in_the_way)
{
    static const struct {
        const char *profile;
        bool failing;
    } cases[] = {{"gone", false}, {"default", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        struct order order = make_finalized(cases[i].profile, 0, NOW);
        order.profile = cases[i].profile;
        struct issuer_failure failure = {ISSUER_CONTACT_WORK, ISSUER_NOT_REACHED, 0, 0, "away"};
        if (cases[i].failing)
            issuer_report_failure(place.main.issuer, failure, NULL);
        job_draft_drop(draft_of(&order, STORE_NOT_FOUND));
        cr_expect_eq(order.attempt_count, 0, "%zu", i);
        expect_row(cases[i].profile, "attempts", "SELECT count(*) FROM attempts", "0");
    }
    jobs_place_end(&place);
}
