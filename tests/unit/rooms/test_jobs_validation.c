/* SPDX-License-Identifier: Apache-2.0 */
/* Validation jobs: what one try means for the authorization, for the orders that wait, and for the next try.
 */
#include "acme/authorization.h"
#include "jobs_place.h"
#include "leaks.h"
#include "store/accounts.h"
#include "store/authorizations.h"

LEAK_CHECKED_SUITE(jobs_validation);

#define URL            "http://www.test:80/.well-known/acme-challenge/0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
#define RIGHT          "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG.thumb"
#define METRIC(result) "acmegate_validations_total{type=\"http-01\",result=\"" result "\"}"

static struct jobs_place place;
static struct account account;

static const struct world_host hosts[] = {{"www.test", .addresses = "10.0.0.1"}, {0}};

/* The client has chosen http-01 of an authorization for www.test, which is due now. */
static struct authorization choose(struct authorization authorization)
{
    authorization.chosen = CHALLENGE_HTTP_01;
    authorization.challenge_status = CHALLENGE_PROCESSING;
    cr_assert_eq(store_authorization_update(place.database.writer, &authorization, AUTHORIZATION_PENDING, 0),
                 STORE_OK);
    return authorization;
}

static struct authorization load(int64_t id)
{
    struct authorization authorization;
    cr_assert_eq(store_authorization_load(store_reader_of(place.database.writer), place.place.arena, id,
                                          &authorization),
                 STORE_OK);
    return authorization;
}

static const char *status_of(int64_t order_id)
{
    return jobs_place_text(
        &place,
        arena_printf(place.place.arena, "SELECT status FROM orders WHERE id = %lld", (long long)order_id));
}

/* For the first case, and for each that follows. */
static void begin(void)
{
    if (place.jobs == NULL)
        jobs_place_begin(&place);
    else
        jobs_place_clear(&place);
    world.hosts = hosts;
    account = make_account(&place.database, "thumb");
}

/* ---- one try ---- */

static const struct {
    const char *name;
    int status; /* of the page; 0: nobody listens */
    const char *body;
    int64_t tries_before, first_before_s, expires_in_s;
    enum authorization_status authorization;
    enum challenge_status challenge;
    int64_t waits_s; /* till the next try; up to a half more is right. 0: there is none */
    const char *order;
    const char *events;
    const char *metric;
    const char *error; /* in the challenge's problem */
} tries[] = {
    {"proven", 200, RIGHT, 0, 0, 3600, AUTHORIZATION_VALID, CHALLENGE_VALID, 0, "ready",
     "challenge.valid order.ready", METRIC("valid"), NULL},
    {"proven at a later try", 200, RIGHT, 7, 59, 3600, AUTHORIZATION_VALID, CHALLENGE_VALID, 0, "ready",
     "challenge.valid order.ready", METRIC("valid"), NULL},
    {"a fault that stays", 404, NULL, 0, 0, 3600, AUTHORIZATION_INVALID, CHALLENGE_INVALID, 0, "invalid",
     "challenge.invalid order.invalid", METRIC("invalid"), "status 404"},
    {"a fault that may pass, the first time", 503, NULL, 0, 0, 3600, AUTHORIZATION_PENDING,
     CHALLENGE_PROCESSING, 1, "pending", "challenge.retried", METRIC("retried"), NULL},
    {"the third time", 503, NULL, 2, 10, 3600, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING, 4, "pending",
     "challenge.retried", METRIC("retried"), NULL},
    {"the ninth time", 503, NULL, 8, 30, 3600, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING, 10, "pending",
     "challenge.retried", METRIC("retried"), NULL},
    {"nobody listens", 0, NULL, 0, 0, 3600, AUTHORIZATION_PENDING, CHALLENGE_PROCESSING, 1, "pending",
     "challenge.retried", METRIC("retried"), NULL},
    {"one second before retry_for is over", 503, NULL, 0, 58, 3600, AUTHORIZATION_PENDING,
     CHALLENGE_PROCESSING, 1, "pending", "challenge.retried", METRIC("retried"), NULL},
    {"retry_for is over", 503, NULL, 0, 59, 3600, AUTHORIZATION_INVALID, CHALLENGE_INVALID, 0, "invalid",
     "challenge.invalid order.invalid", METRIC("invalid"), "status 503"},
    {"it would expire before the next try", 503, NULL, 0, 0, 1, AUTHORIZATION_INVALID, CHALLENGE_INVALID, 0,
     "invalid", "challenge.invalid order.invalid", METRIC("invalid"), "status 503"},
    {"it has expired", 200, RIGHT, 0, 0, 0, AUTHORIZATION_EXPIRED, CHALLENGE_INVALID, 0, "invalid",
     "challenge.invalid order.invalid", METRIC("invalid"), "The authorization expired at"},
};

static void check_try(size_t i)
{
    const char *name = tries[i].name;
    const struct world_page pages[] = {{URL, .status = tries[i].status, .body = tries[i].body},
                                       {.url = NULL}};
    begin();
    world.pages = tries[i].status == 0 ? NULL : pages;
    struct authorization asked = make_authorization(&place.database, &account, "www.test");
    struct order order = make_order(&place.database, &account, &asked, 1);
    asked.attempt_count = tries[i].tries_before;
    asked.first_attempt_at = NOW - tries[i].first_before_s;
    asked.next_attempt_at = NOW;
    asked.expires_at = NOW + tries[i].expires_in_s;
    asked = choose(asked);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    struct authorization now = load(asked.id);
    cr_expect_eq(now.status, tries[i].authorization, "%s: %d", name, (int)now.status);
    cr_expect_eq(now.challenge_status, tries[i].challenge, "%s: %d", name, (int)now.challenge_status);
    bool was_tried = tries[i].expires_in_s != 0;
    cr_expect_eq(now.attempt_count, tries[i].tries_before + was_tried, "%s", name);
    cr_expect_eq(world.asked[0] != '\0', was_tried, "%s: asked %s", name, world.asked);
    int64_t least = tries[i].waits_s == 0 ? 0 : NOW + tries[i].waits_s;
    cr_expect(now.next_attempt_at >= least && now.next_attempt_at <= least + tries[i].waits_s / 2, "%s: %lld",
              name, (long long)now.next_attempt_at - NOW);
    cr_expect_str_eq(status_of(order.id), tries[i].order, "%s: %s", name, status_of(order.id));
    cr_expect_str_eq(jobs_place_events(&place), tries[i].events, "%s: %s", name, jobs_place_events(&place));
    cr_expect_eq(jobs_place_metric(&place, tries[i].metric), 1, "%s: %s", name, tries[i].metric);
    cr_expect_eq(place.settled_count, 1, "%s", name);
    cr_expect(jobs_place_is_settled(&place, asked.id), "%s", name);
    cr_expect_eq(now.error_json == NULL, tries[i].error == NULL, "%s: %s", name, now.error_json);
    if (tries[i].error != NULL && now.error_json != NULL)
        cr_expect(strstr(now.error_json, tries[i].error) != NULL, "%s: %s", name, now.error_json);
}

Test(jobs_validation, a_try_ends_the_challenge_or_puts_it_off)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        check_try(i);
    jobs_place_end(&place);
}

/* ---- the orders that wait ---- */

Test(jobs_validation, an_order_is_ready_with_its_last_authorization)
{
    const struct world_page pages[] = {{URL, .status = 200, .body = RIGHT}, {.url = NULL}};
    begin();
    world.pages = pages;
    struct authorization both[] = {make_authorization(&place.database, &account, "www.test"),
                                   make_authorization(&place.database, &account, "other.test")};
    struct order one = make_order(&place.database, &account, both, 1);
    struct order two = make_order(&place.database, &account, both, 2);
    struct order other = make_order(&place.database, &account, both + 1, 1);
    both[0].next_attempt_at = NOW;
    choose(both[0]);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    cr_expect_str_eq(status_of(one.id), "ready");
    cr_expect_str_eq(status_of(two.id), "pending");
    cr_expect_str_eq(status_of(other.id), "pending");
    cr_expect_str_eq(jobs_place_events(&place), "challenge.valid order.ready");
    cr_expect_eq(jobs_place_number(&place, "SELECT order_id FROM events WHERE kind = 'order.ready'"), one.id);
    jobs_place_end(&place);
}

Test(jobs_validation, every_order_that_needs_it_fails_with_it)
{
    const struct world_page pages[] = {{URL, .status = 404}, {.url = NULL}};
    begin();
    world.pages = pages;
    struct authorization both[] = {make_authorization(&place.database, &account, "www.test"),
                                   make_authorization(&place.database, &account, "other.test")};
    struct order one = make_order(&place.database, &account, both, 1);
    struct order two = make_order(&place.database, &account, both, 2);
    struct order other = make_order(&place.database, &account, both + 1, 1);
    both[0].next_attempt_at = NOW;
    choose(both[0]);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    cr_expect_str_eq(status_of(one.id), "invalid");
    cr_expect_str_eq(status_of(two.id), "invalid");
    cr_expect_str_eq(status_of(other.id), "pending");
    cr_expect_str_eq(jobs_place_events(&place), "challenge.invalid order.invalid order.invalid");
    cr_expect_eq(jobs_place_metric(&place, "acmegate_orders_invalid_total{reason=\"unauthorized\"}"), 2);
    jobs_place_end(&place);
}

/* ---- how long a proof lasts ---- */

static const struct {
    const char *endpoint;
    const char *caa; /* of the name */
    int64_t lifetime_s;
    bool asks_caa;
    enum authorization_status status;
} endpoints[] = {
    {"acme", "other.test", 2 * 3600, false, AUTHORIZATION_VALID},
    {"strict", "ca.test", 6 * 3600, true, AUTHORIZATION_VALID},
    {"strict", "other.test", 3600, true, AUTHORIZATION_PENDING},
    {"strict", "ca.test; accounturi=https://acme2.test/acme/strict/account/2", 3600, true,
     AUTHORIZATION_PENDING},
    {"gone", "other.test", 6 * 3600, false, AUTHORIZATION_VALID},
};

Test(jobs_validation, the_endpoint_says_how_long_a_proof_lasts_and_whether_caa_is_asked)
{
    const struct world_page pages[] = {{URL, .status = 200, .body = RIGHT}, {.url = NULL}};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        const struct world_caa caa[] = {{"www.test", .issue = endpoints[i].caa}, {.name = NULL}};
        begin();
        world.pages = pages;
        world.caa = caa;
        struct account of_endpoint = {.endpoint = endpoints[i].endpoint,
                                      .status = ACCOUNT_VALID,
                                      .key = BYTES_LITERAL("{}"),
                                      .thumbprint = "thumb",
                                      .contacts_json = "[]",
                                      .created_at = NOW,
                                      .created_from = "192.0.2.7"};
        if (strcmp(endpoints[i].endpoint, "acme") == 0)
            of_endpoint = account;
        else
            cr_assert_eq(store_account_insert(place.database.writer, &of_endpoint), STORE_OK);
        struct authorization asked = make_authorization(&place.database, &of_endpoint, "www.test");
        asked.next_attempt_at = asked.first_attempt_at = NOW;
        asked.expires_at = NOW + 3600;
        choose(asked);
        jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
        struct authorization now = load(asked.id);
        cr_expect_eq(now.status, endpoints[i].status, "%zu: %d", i, (int)now.status);
        cr_expect_eq(now.expires_at - NOW, endpoints[i].lifetime_s, "%zu: %lld", i,
                     (long long)(now.expires_at - NOW));
        cr_expect_eq(strstr(world.asked, "CAA") != NULL, endpoints[i].asks_caa, "%zu: %s", i, world.asked);
    }
    jobs_place_end(&place);
}

/* ---- what happens meanwhile ---- */

Test(jobs_validation, an_authorization_that_is_deactivated_meanwhile_stays_so)
{
    const struct world_page pages[] = {{URL, .status = 200, .body = RIGHT, .delay_ms = 2000}, {.url = NULL}};
    begin();
    world.pages = pages;
    struct authorization asked = make_authorization(&place.database, &account, "www.test");
    asked.next_attempt_at = asked.first_attempt_at = NOW;
    asked = choose(asked);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 500);
    cr_expect_eq(place.settled_count, 0);
    asked.status = AUTHORIZATION_DEACTIVATED;
    cr_assert_eq(store_authorization_update(place.database.writer, &asked, AUTHORIZATION_PENDING,
                                            CHALLENGE_PROCESSING),
                 STORE_OK);
    fakes_pass(3000);
    cr_expect_eq(load(asked.id).status, AUTHORIZATION_DEACTIVATED);
    cr_expect_str_eq(jobs_place_events(&place), "");
    cr_expect_eq(jobs_place_metric(&place, METRIC("valid")), 0);
    cr_expect(jobs_place_is_settled(&place, asked.id));
    jobs_place_end(&place);
}

Test(jobs_validation, an_outcome_is_kept_until_the_store_takes_it)
{
    const struct world_page pages[] = {{URL, .status = 200, .body = RIGHT}, {.url = NULL}};
    begin();
    world.pages = pages;
    struct authorization asked = make_authorization(&place.database, &account, "www.test");
    asked.next_attempt_at = asked.first_attempt_at = NOW;
    choose(asked);
    fake_store_fail(2);
    jobs_place_work(&place, JOBS_DUE_CHALLENGES, 900);
    cr_expect_eq(load(asked.id).status, AUTHORIZATION_PENDING);
    cr_expect_eq(place.settled_count, 0);
    cr_expect_eq(jobs_place_metric(&place, METRIC("valid")), 0);
    fakes_pass(200);
    cr_expect_eq(load(asked.id).status, AUTHORIZATION_VALID);
    cr_expect_eq(place.settled_count, 1);
    cr_expect_eq(jobs_place_metric(&place, METRIC("valid")), 1);
    cr_expect_str_eq(world.asked, "A www.test\nGET " URL " at 10.0.0.1\n");
    jobs_place_end(&place);
}
