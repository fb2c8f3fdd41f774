/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for jobs of every type: when they are taken up, how many, and how they end. */
#include "gateway/runtime/crash_record.h"
#include "jobs_place.h"
#include "leaks.h"
#include "store/authorizations.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(jobs);

enum { DRAFTS_MOST = 1024 };

static struct jobs_place place;
static struct account account;

static void begin(void)
{
    jobs_place_begin(&place);
    account = make_account(&place.database, "thumb");
}

/* A challenge of this name that is due at `due`. */
static struct authorization make_due(const char *name, int64_t due)
{
    struct authorization authorization = make_authorization(&place.database, &account, name);
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    authorization.first_attempt_at = NOW;
    authorization.next_attempt_at = due;
    cr_assert_eq(store_authorization_update(place.database.writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    return authorization;
}

static struct certificate make_revocation(void)
{
    struct certificate certificate = jobs_place_certificate(&place, &place.main, "main", account.id);
    certificate.revocation_requested_at = certificate.revocation_next_attempt_at = NOW;
    certificate.revocation_requested_by = "account";
    cr_assert_eq(store_certificate_update(place.database.writer, &certificate), STORE_OK);
    return certificate;
}

static size_t asked_count(const char *what)
{
    size_t count = 0;
    for (const char *at = world.asked; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

/* ---- taking up ---- */

Test(jobs, what_is_due_is_found_at_the_beginning_and_each_second)
{
    begin();
    make_due("now.test", NOW);
    make_due("later.test", NOW + 3);
    fakes_pass(5);
    cr_expect_str_eq(world.asked, "");
    jobs_begin(place.jobs);
    fakes_pass(5);
    cr_expect_str_eq(world.asked, "A now.test\n");
    int64_t began = fake_clock_steady_ms();
    while (asked_count("later.test") == 0 && fake_clock_steady_ms() - began < 10000)
        fakes_pass(50);
    int64_t took = fake_clock_steady_ms() - began;
    cr_expect(took >= 2900 && took <= 4100, "%lld", (long long)took);
    jobs_place_end(&place);
}

Test(jobs, a_wake_looks_at_what_it_names)
{
    static const struct {
        unsigned due;
        size_t asked, revoked;
    } cases[] = {{JOBS_DUE_CHALLENGES, 1, 0},
                 {JOBS_DUE_REVOCATIONS, 0, 1},
                 {JOBS_DUE_ORDERS, 0, 0},
                 {JOBS_DUE_CHALLENGES | JOBS_DUE_REVOCATIONS, 1, 1}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jobs_place_clear(&place);
        account = make_account(&place.database, "thumb");
        make_due("www.test", NOW);
        make_revocation();
        jobs_place_work(&place, cases[i].due, 500);
        cr_expect_eq(asked_count("A www.test"), cases[i].asked, "%zu: %s", i, world.asked);
        cr_expect_eq(place.main.revokes, cases[i].revoked, "%zu: %zu", i, place.main.revokes);
    }
    jobs_place_end(&place);
}

static const char *lines;

static void take_line(struct bytes line)
{
    lines = arena_printf(place.place.arena, "%s%s\n", lines, arena_string(place.place.arena, line));
}

/* A look that fails is made again with the next second. */
Test(jobs, what_cannot_be_read_is_told_and_taken_up_later)
{
    static const struct {
        unsigned due;
        bool fails;
    } cases[] = {{JOBS_DUE_CHALLENGES, true}, {JOBS_DUE_CHALLENGES, false},  {JOBS_DUE_REVOCATIONS, true},
                 {JOBS_DUE_ORDERS, true},     {JOBS_DUE_REVOCATIONS, false}, {JOBS_DUE_ORDERS, false}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jobs_place_clear(&place);
        account = make_account(&place.database, "thumb");
        make_due("www.test", NOW);
        make_revocation();
        lines = "";
        fake_log_listen(take_line);
        fake_store_fail_step(cases[i].fails ? 1 : 0);
        jobs_place_work(&place, cases[i].due, 1);
        fake_store_fail_step(0);
        fake_log_listen(NULL);
        cr_expect_eq(strstr(lines, "cannot read the ") != NULL, cases[i].fails, "%zu: %s", i, lines);
        jobs_place_work(&place, JOBS_DUE_CHALLENGES | JOBS_DUE_REVOCATIONS, 500);
        cr_expect_eq(asked_count("A www.test"), 1, "%zu: %s", i, world.asked);
        cr_expect_eq(place.main.revokes, 1, "%zu: %zu", i, place.main.revokes);
    }
    jobs_place_end(&place);
}

/* Of eight slots an account that has no certificate may hold four; the next is taken as one ends. */
Test(jobs, an_account_holds_half_of_the_slots_and_goes_on_as_they_end)
{
    struct world_host hosts[13] = {{0}};
    begin();
    for (size_t i = 0; i < 12; i++) {
        hosts[i] = (struct world_host){arena_printf(place.place.arena, "n%zu.test", i),
                                       .addresses = "127.0.0.1", .delay_ms = 1000};
        make_due(hosts[i].host, NOW);
    }
    world.hosts = hosts;
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    cr_expect_eq(asked_count("A "), 4, "%s", world.asked);
    fakes_pass(1000);
    cr_expect_eq(asked_count("A "), 8, "%s", world.asked);
    fakes_pass(2000);
    cr_expect_eq(asked_count("A "), 12, "%s", world.asked);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM authorizations WHERE status = 'invalid'"),
                 12);
    cr_expect_eq(place.settled_count, 12);
    jobs_place_end(&place);
}

/* ---- drafts ---- */

Test(jobs, a_draft_goes_straight_on)
{
    begin();
    struct authorization asked = make_due("www.test", NOW + 3600);
    struct job *draft = validation_job_draft(place.jobs, NOW, &asked, &account);
    cr_assert_not_null(draft);
    job_hand_over(draft);
    fakes_pass(500);
    cr_expect_str_eq(world.asked, "A www.test\n");
    cr_expect(jobs_place_is_settled(&place, asked.id));
    cr_expect_str_eq(jobs_place_events(&place), "challenge.retried");
    jobs_place_end(&place);
}

Test(jobs, a_draft_of_what_is_under_way_is_dropped)
{
    static const struct world_host hosts[] = {{"www.test", .addresses = "127.0.0.1", .delay_ms = 2000}, {0}};
    begin();
    world.hosts = hosts;
    struct authorization asked = make_due("www.test", NOW);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    job_hand_over(validation_job_draft(place.jobs, NOW, &asked, &account));
    fakes_pass(5000);
    cr_expect_str_eq(world.asked, "A www.test\n");
    cr_expect_eq(place.settled_count, 1);
    jobs_place_end(&place);
}

Test(jobs, there_is_an_end_to_drafts)
{
    struct job *drafts[DRAFTS_MOST];
    begin();
    struct authorization asked = make_due("www.test", NOW);
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        cr_assert_not_null(drafts[i] = validation_job_draft(place.jobs, NOW, &asked, &account), "%zu", i);
    cr_expect_null(validation_job_draft(place.jobs, NOW, &asked, &account));
    cr_expect_null(issuance_job_draft(place.jobs, X509_REQ_new()));
    job_draft_drop(drafts[0]);
    job_draft_drop(NULL);
    drafts[0] = validation_job_draft(place.jobs, NOW, &asked, &account);
    cr_expect_not_null(drafts[0]);
    for (size_t i = 0; i < DRAFTS_MOST; i++)
        job_draft_drop(drafts[i]);
    jobs_place_end(&place);
}

/* ---- what the server died of ---- */

static void write_crashes(int64_t id, size_t count)
{
    struct fault fault;
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(place.place.arena, "%scrashed %lld\n", text, (long long)id);
    place_write(&place.place, "acmegate.db.crashes", text);
    cr_assert(crash_record_open(place.config->database, &fault), "%s", fault.message);
}

Test(jobs, a_challenge_that_the_server_died_of_twice_is_given_up)
{
    begin();
    for (size_t crashes = 1; crashes <= 3; crashes++) {
        jobs_place_clear(&place);
        account = make_account(&place.database, "thumb");
        struct authorization asked = make_due("www.test", NOW);
        write_crashes(asked.id, crashes);
        jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
        bool tried = crashes < 2;
        cr_expect_str_eq(world.asked, tried ? "A www.test\n" : "", "%zu", crashes);
        cr_expect_str_eq(jobs_place_events(&place),
                         tried ? "challenge.retried" : "work.set_aside challenge.invalid", "%zu: %s", crashes,
                         jobs_place_events(&place));
        cr_expect_eq(jobs_place_metric(&place, "acmegate_work_set_aside_total"), !tried);
        cr_expect_eq(crash_record_count(asked.id), tried ? crashes : 0);
        cr_expect_str_eq(jobs_place_text(&place, "SELECT status FROM authorizations"),
                         tried ? "pending" : "invalid");
        if (!tried)
            cr_expect_str_eq(jobs_place_text(&place, "SELECT detail FROM events ORDER BY id LIMIT 1"),
                             arena_printf(place.place.arena,
                                          "the server crashed %zu times while working on this (challenges)",
                                          crashes));
        crash_record_close();
    }
    jobs_place_end(&place);
}

/* A revocation is never given up: it comes again the next day. */
Test(jobs, a_revocation_that_the_server_died_of_twice_waits_a_day)
{
    begin();
    struct certificate asked = make_revocation();
    write_crashes(asked.id, 2);
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
    struct certificate now = jobs_place_load(&place, asked.id);
    cr_expect_eq(place.main.revokes, 0);
    cr_expect_eq(now.revocation_next_attempt_at, NOW + 24 * 3600);
    cr_expect_str_eq(jobs_place_events(&place), "work.set_aside revocation.failed");
    crash_record_close();
    jobs_place_end(&place);
}

/* ---- certificates that nobody gets ---- */

Test(jobs, a_rejected_certificate_is_written_down_once_and_revoked)
{
    static const struct bytes garbage = BYTES_LITERAL("no certificate");
    size_t count;
    begin();
    const struct bytes *chain = fake_ca_issue(&place.main, "DNS:acme.test", &count);
    jobs_keep_rejected(place.jobs, place.main.issuer, chain, 0, "it has no leaf");
    jobs_keep_rejected(place.jobs, place.main.issuer, &garbage, 1, "it is none");
    jobs_keep_rejected(place.jobs, place.main.issuer, chain, count, "it does not fit");
    fakes_pass(500);
    jobs_keep_rejected(place.jobs, place.main.issuer, chain, count, "it does not fit either");
    fakes_pass(500);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM certificates"), 1);
    cr_expect_str_eq(jobs_place_text(&place,
                                     "SELECT status || ' ' || origin || ' ' || rejected_because || ' by ' || "
                                     "revocation_requested_by FROM certificates"),
                     arena_printf(place.place.arena, "rejected %s it does not fit by gateway",
                                  certificate_origin_name(CERTIFICATE_EXTERNAL)));
    cr_expect_eq(jobs_place_number(&place, "SELECT revoked_at FROM certificates"), NOW);
    cr_expect_str_eq(jobs_place_events(&place), "certificate.rejected certificate.revoked");
    cr_expect_eq(place.main.revokes, 1);
    cr_expect_eq(jobs_place_metric(&place, "acmegate_revocations_requested_total{issuer=\"main\"}"), 1);
    jobs_place_end(&place);
}

/* ---- the end ---- */

Test(jobs, a_stop_waits_for_what_is_under_way)
{
    static const struct {
        int64_t takes_ms, waits_least_ms, waits_most_ms;
        bool is_told;
    } cases[] = {{0, 0, 0, false}, {3000, 2000, 3000, true}, {60000, 15000, 15100, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        struct certificate asked = {0};
        place.main.delay_ms = cases[i].takes_ms;
        if (cases[i].takes_ms != 0)
            asked = make_revocation();
        jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 500);
        int64_t began = fake_clock_steady_ms();
        jobs_stop(place.jobs);
        int64_t took = fake_clock_steady_ms() - began;
        cr_expect(took >= cases[i].waits_least_ms && took <= cases[i].waits_most_ms, "%zu: %lld ms", i,
                  (long long)took);
        cr_expect_eq(place.settled_count, cases[i].is_told, "%zu", i);
        make_due("www.test", NOW);
        job_hand_over(validation_job_draft(place.jobs, NOW,
                                           &(struct authorization){.token = "", .endpoint = ""}, &account));
        jobs_place_work(&place, JOBS_DUE_CHALLENGES, 120000);
        cr_expect_str_eq(world.asked, "", "%zu: %s", i, world.asked);
        cr_expect_eq(place.settled_count, cases[i].is_told, "%zu: told after the stop", i);
        if (cases[i].takes_ms != 0)
            cr_expect_eq(jobs_place_load(&place, asked.id).status, CERTIFICATE_REVOKED, "%zu", i);
        jobs_place_end(&place);
    }
}

/* The leak check of the suite looks: nothing of it is under way in the database's sense. */
Test(jobs, a_stop_frees_a_rejected_certificate_that_the_store_does_not_take)
{
    size_t count;
    begin();
    const struct bytes *chain = fake_ca_issue(&place.main, "DNS:acme.test", &count);
    fake_store_fail(SIZE_MAX);
    jobs_keep_rejected(place.jobs, place.main.issuer, chain, count, "it does not fit");
    fakes_pass(5000);
    fake_store_fail(0);
    cr_expect_eq(jobs_place_number(&place, "SELECT count(*) FROM certificates"), 0);
    jobs_stop(place.jobs);
    jobs_place_end(&place);
}

Test(jobs, a_database_that_cannot_be_opened_is_told)
{
    struct fault fault = {0};
    struct arena *arena = arena_new();
    cr_expect_null(loads_new(store_location_new(arena, "/nowhere/acmegate.db"), NULL, NULL, &fault));
    cr_expect(strstr(fault.message, "/nowhere/acmegate.db") != NULL, "%s", fault.message);
    loads_stop(NULL);
    loads_free(NULL);
    jobs_drop(NULL);
    jobs_free(NULL);
    arena_free(arena);
}
