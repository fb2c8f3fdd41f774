/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at due work while their loads are under way: what changes meanwhile is decided anew. */
#include "acme/objects.h"
#include "acme/pki.h"
#include "jobs_place.h"
#include "leaks.h"
#include "store/authorizations.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(job_looks);

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

static struct authorization make_challenge(const char *name)
{
    struct authorization authorization = make_authorization(&place.database, &account, name);
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    authorization.first_attempt_at = authorization.next_attempt_at = NOW;
    cr_assert_eq(store_authorization_update(place.database.writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    return authorization;
}

static void make_order_due(void)
{
    const struct pki_csr wanted = {.key = pki_key(place.place.arena, "P-256"), .names = "DNS:www.test"};
    struct authorization proven =
        jobs_place_prove(&place, make_authorization(&place.database, &account, "www.test"));
    struct order order = make_order(&place.database, &account, &proven, 1);
    advance_order(&place.database, &order, ORDER_READY);
    order.csr = pki_csr(place.place.arena, &wanted);
    order.processing_since = order.next_attempt_at = NOW;
    advance_order(&place.database, &order, ORDER_PROCESSING);
}

static void make_revocation_due(void)
{
    struct certificate certificate = jobs_place_certificate(&place, &place.main, "main", account.id);
    certificate.revocation_requested_at = certificate.revocation_next_attempt_at = NOW;
    certificate.revocation_requested_by = "account";
    cr_assert_eq(store_certificate_update(place.database.writer, &certificate), STORE_OK);
}

static void make_due(unsigned due)
{
    if (due == JOBS_DUE_CHALLENGES)
        make_challenge("www.test");
    else if (due == JOBS_DUE_ORDERS)
        make_order_due();
    else
        make_revocation_due();
}

static size_t asked_count(const char *what)
{
    size_t count = 0;
    for (const char *at = world.asked; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

/* How often the object was worked on. */
static size_t worked(unsigned due)
{
    return due == JOBS_DUE_CHALLENGES ? asked_count("A www.test")
           : due == JOBS_DUE_ORDERS   ? place.main.signs
                                      : place.main.revokes;
}

/* A look whose first load has been made. */
static void look(unsigned due)
{
    fake_loads_hold();
    jobs_place_work(&place, due, 100);
    cr_assert_eq(fake_loads_held(), 1);
}

/* A look that has taken up what it found, and has read it. */
static void look_and_take(unsigned due)
{
    look(due);
    fake_loads_release();
    look(0);
}

/* ---- meanwhile ---- */

static const struct {
    const char *name;
    unsigned due;
    const char *meanwhile;
    bool worked;
} changes[] = {
    {"a challenge", JOBS_DUE_CHALLENGES, "SELECT 1", true},
    {"a challenge that is put off", JOBS_DUE_CHALLENGES,
     "UPDATE authorizations SET next_attempt_at = next_attempt_at + 60", false},
    {"a challenge that is valid", JOBS_DUE_CHALLENGES,
     "UPDATE authorizations SET challenge_status = 'valid', status = 'valid', basis = 'proven', "
     "validated_at = created_at",
     false},
    {"an order", JOBS_DUE_ORDERS, "SELECT 1", true},
    {"an order that is put off", JOBS_DUE_ORDERS, "UPDATE orders SET next_attempt_at = next_attempt_at + 60",
     false},
    {"an order that has ended", JOBS_DUE_ORDERS, "UPDATE orders SET status = 'invalid'", false},
    {"a revocation", JOBS_DUE_REVOCATIONS, "SELECT 1", true},
    {"a revocation that is put off", JOBS_DUE_REVOCATIONS,
     "UPDATE certificates SET revocation_next_attempt_at = revocation_next_attempt_at + 60", false},
    {"a revocation that is confirmed", JOBS_DUE_REVOCATIONS,
     "UPDATE certificates SET revoked_at = revocation_requested_at, status = 'revoked'", false},
};

Test(job_looks, what_is_not_due_any_more_is_left_alone)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *name = changes[i].name;
        begin();
        make_due(changes[i].due);
        look(changes[i].due);
        database_run(&place.database, changes[i].meanwhile);
        fake_loads_release();
        fakes_pass(500);
        cr_expect_eq(worked(changes[i].due), changes[i].worked, "%s: %zu", name, worked(changes[i].due));
        cr_expect_eq(place.settled_count, 1, "%s: %zu", name, place.settled_count);
    }
    jobs_place_end(&place);
}

/* Its request brings a challenge along, which is under way, or over, when the look goes on. */
Test(job_looks, what_is_under_way_by_then_is_not_taken_up_twice)
{
    static const int64_t takes_ms[] = {10, 2000};
    for (size_t i = 0; i < sizeof takes_ms / sizeof *takes_ms; i++) {
        begin();
        const struct world_host hosts[] = {{"www.test", .addresses = "127.0.0.1", .delay_ms = takes_ms[i]},
                                           {0}};
        world.hosts = hosts;
        struct authorization asked = make_challenge("www.test");
        look(JOBS_DUE_CHALLENGES);
        job_hand_over(validation_job_draft(place.jobs, NOW, &asked, &account));
        fakes_pass(500);
        fake_loads_release();
        fakes_pass(5000);
        cr_expect_eq(asked_count("A www.test"), 1, "%zu: %s", i, world.asked);
        cr_expect_str_eq(jobs_place_events(&place), "challenge.invalid", "%zu: %s", i,
                         jobs_place_events(&place));
    }
    jobs_place_end(&place);
}

/* The eight slots were free as the look began. Four others hold some by then: one account gets half of the
 * rest at most. */
Test(job_looks, slots_that_are_gone_by_then_are_not_given_twice)
{
    struct world_host hosts[13] = {{0}};
    begin();
    for (size_t i = 0; i < 12; i++)
        hosts[i] = (struct world_host){arena_printf(place.place.arena, "n%zu.test", i),
                                       .addresses = "127.0.0.1", .delay_ms = 1000};
    world.hosts = hosts;
    for (size_t i = 0; i < 4; i++)
        make_challenge(hosts[i].host);
    look(JOBS_DUE_CHALLENGES);
    struct account other = make_account(&place.database, "other");
    for (size_t i = 4; i < 8; i++) {
        struct authorization asked = make_challenge(hosts[i].host);
        asked.account_id = other.id;
        job_hand_over(validation_job_draft(place.jobs, NOW, &asked, &other));
    }
    fakes_pass(100);
    cr_expect_eq(asked_count("A "), 4, "%s", world.asked);
    fake_loads_release();
    fakes_pass(100);
    cr_expect_eq(asked_count("A "), 6, "%s", world.asked);
    fakes_pass(5000);
    cr_expect_eq(asked_count("A "), 8, "%s", world.asked);
    jobs_place_end(&place);
}

Test(job_looks, one_look_is_made_at_a_time_and_another_follows)
{
    begin();
    make_challenge("first.test");
    look(JOBS_DUE_CHALLENGES);
    make_challenge("second.test");
    for (size_t i = 0; i < 3; i++)
        jobs_place_work(&place, JOBS_DUE_CHALLENGES, 100);
    cr_expect_eq(fake_loads_held(), 1, "%zu", fake_loads_held());
    make_revocation_due();
    jobs_place_work(&place, JOBS_DUE_REVOCATIONS, 100);
    cr_expect_eq(fake_loads_held(), 2, "another kind: %zu", fake_loads_held());
    fake_loads_release();
    fakes_pass(100);
    cr_expect_eq(asked_count("A first.test"), 1, "%s", world.asked);
    cr_expect_eq(asked_count("A second.test"), 1, "%s", world.asked);
    cr_expect_eq(place.main.revokes, 1);
    jobs_place_end(&place);
}

/* A row that cannot be read is not looked for again and again before the next second. */
Test(job_looks, a_row_that_cannot_be_read_waits_for_the_next_second, .timeout = 60)
{
    begin();
    for (size_t i = 0; i < 9; i++)
        make_challenge(arena_printf(place.place.arena, "n%zu.test", i));
    database_run(&place.database, "PRAGMA ignore_check_constraints = ON; UPDATE accounts SET status = 'odd'; "
                                  "PRAGMA ignore_check_constraints = OFF");
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 100);
    cr_expect_str_eq(world.asked, "");
    cr_expect(place.settled_count > 0 && place.settled_count <= 9, "%zu", place.settled_count);
    jobs_place_end(&place);
}

/* Of a look there are two loads: who is due, and the rows of those. The next second has its own. */
Test(job_looks, a_load_that_cannot_run_is_made_again_in_the_next_second)
{
    static const unsigned kinds[] = {JOBS_DUE_CHALLENGES, JOBS_DUE_ORDERS, JOBS_DUE_REVOCATIONS};
    for (size_t i = 0; i < 3 * FAKE_HINDRANCES * 2; i++) {
        unsigned due = kinds[i % 3];
        enum fake_hindrance how = i / 3 % FAKE_HINDRANCES;
        begin();
        make_due(due);
        fake_loads_hinder(how, 1 + i / 3 / FAKE_HINDRANCES);
        jobs_place_work(&place, due, 500);
        cr_expect(fake_loads_hindered(how), "%zu", i);
        cr_expect_eq(worked(due), 0, "%zu: %zu", i, worked(due));
        jobs_place_work(&place, due, 500);
        cr_expect_eq(worked(due), 1, "%zu: %zu", i, worked(due));
    }
    jobs_place_end(&place);
}

/* ---- the end ---- */

static void stop(bool answers)
{
    jobs_stop(place.jobs);
    if (answers)
        fake_loads_release();
    else
        fake_loads_drop();
    fakes_pass(1000);
}

/* Whether the load comes back before the outbound thread stops, or never: nothing begins, all is freed (the
 * leak check of the suite looks), and the database has it as it was. */
Test(job_looks, a_stop_while_a_load_is_under_way_begins_nothing)
{
    static const unsigned kinds[] = {JOBS_DUE_CHALLENGES, JOBS_DUE_ORDERS, JOBS_DUE_REVOCATIONS};
    static const struct {
        void (*look)(unsigned due);
        bool answers;
        int64_t waits_ms; /* for what is taken up */
    } cases[] = {
        {look, true, 0}, {look, false, 0}, {look_and_take, true, 15000}, {look_and_take, false, 15000}};
    for (size_t i = 0; i < 4 * sizeof kinds / sizeof *kinds; i++) {
        unsigned due = kinds[i / 4];
        place.jobs = NULL;
        begin();
        make_due(due);
        cases[i % 4].look(due);
        int64_t began = fake_clock_steady_ms();
        stop(cases[i % 4].answers);
        int64_t took = fake_clock_steady_ms() - began - 1000;
        cr_expect(took >= cases[i % 4].waits_ms && took <= cases[i % 4].waits_ms + 100, "%zu: %lld", i,
                  (long long)took);
        cr_expect_eq(worked(due), 0, "%zu", i);
        cr_expect_eq(place.settled_count, 0, "%zu", i);
        cr_expect_str_eq(jobs_place_events(&place), "", "%zu", i);
        jobs_place_end(&place);
    }
}
