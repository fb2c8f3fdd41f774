/* SPDX-License-Identifier: Apache-2.0 */
#include "issuance_scene.h"

LEAK_CHECKED_SUITE(issuance_plan);

/* ---- the request ---- */

Test(issuance_plan, each_request_has_a_token_of_its_own_and_its_profiles_usages)
{
    static const char *const usages[] = {"serverAuth", "clientAuth"};
    const struct profile_config plain = {.name = "plain"}, used = {.name = "used",
                                                                   .extended_key_usages = usages,
                                                                   .extended_key_usage_count = 2};
    const struct {
        const struct profile_config *profile;
        const char *usages;
    } cases[] = {{NULL, NULL}, {&plain, NULL}, {&used, "serverAuth,clientAuth"}};
    struct arena *arena = arena_new();
    const char *last = "";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct issuer_sign_request request = {.deadline = 7, .owner = arena};
        const struct validity_request validity = {.not_after = "24h", .latest_not_after = NOW};
        cr_assert(issuance_sign_prepare(arena, cases[i].profile, &validity, &request));
        cr_expect(request.arena == arena && request.owner == arena && request.deadline == 7, "%zu", i);
        cr_expect(strlen(request.token_id) > 20 && strcmp(request.token_id, last) != 0, "%zu", i);
        cr_expect_str_eq(request.validity.not_after, "24h", "%zu", i);
        cr_expect_eq(request.validity.latest_not_after, NOW, "%zu", i);
        if (cases[i].usages == NULL)
            cr_expect_null(request.extended_key_usages, "%zu", i);
        else
            cr_expect_str_eq(request.extended_key_usages, cases[i].usages, "%zu", i);
        last = request.token_id;
    }
    arena_free(arena);
}

/* ---- the plan ---- */

/* What the CA has told or shown, by the time of the plan. */
static void know(struct issuance_scene *scene, int64_t max_s, int64_t default_s)
{
    struct ca_knowledge knowledge;
    const struct ca_claims claims = {.max_s = max_s, .default_s = default_s};
    const struct validity_limits limits = {0};
    ca_knowledge_init(&knowledge);
    ca_knowledge_tell(&knowledge, &claims, NOW);
    issuer_set_limits(&scene->issuer, &limits, &knowledge);
}

static const struct {
    const char *what;
    int64_t max_s, default_s; /* of the CA; 0: it does not tell */
    struct issuance_wanted wanted;
    const char *not_after; /* that is asked for; NULL: it is left to the CA */
    int64_t latest;        /* of the certificate's end, from now, without slack */
} plans[] = {
    {"nothing is bounded but by the CA", 48 * HOUR_S, HOUR_S, {0}, NULL, 48 * HOUR_S},
    {"a profile bounds the CA's default", 48 * HOUR_S, 24 * HOUR_S, {.profile_max_s = HOUR_S}, "1h", HOUR_S},
    {"the CA's default is within the profile",
     48 * HOUR_S,
     HOUR_S,
     {.profile_max_s = 2 * HOUR_S},
     NULL,
     2 * HOUR_S},
    {"the order's own end",
     48 * HOUR_S,
     HOUR_S,
     {.profile_max_s = DAY_S, .not_after = NOW + 2 * HOUR_S},
     "2026-06-01T02:00:00Z",
     2 * HOUR_S},
};

Test(issuance_plan, a_plan_joins_what_is_wanted_and_what_the_ca_grants)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct validity_request plan;
        know(&scene, plans[i].max_s, plans[i].default_s);
        cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &plans[i].wanted, NOW, &plan));
        if (plans[i].not_after == NULL)
            cr_expect_null(plan.not_after, "%s: %s", plans[i].what, plan.not_after);
        else
            cr_expect_str_eq(plan.not_after, plans[i].not_after, "%s", plans[i].what);
        cr_expect_eq(plan.latest_not_after, NOW + plans[i].latest + CERTIFICATE_SLACK_S, "%s", plans[i].what);
    }
    issuance_scene_end(&scene);
}

Test(issuance_plan, a_named_beginning_bounds_the_certificates_both_ways)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    know(&scene, 48 * HOUR_S, HOUR_S);
    struct validity_request plan;
    struct issuance_wanted wanted = {.profile_max_s = DAY_S, .not_before = NOW + HOUR_S};
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect_eq(plan.earliest_not_before, NOW + HOUR_S - CERTIFICATE_SLACK_S);
    cr_expect_eq(plan.latest_not_before, NOW + HOUR_S);
    wanted.not_before = 0;
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect(plan.earliest_not_before == 0 && plan.latest_not_before == 0);
    issuance_scene_end(&scene);
}

Test(issuance_plan, what_cannot_be_met_is_no_plan)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    know(&scene, HOUR_S, HOUR_S);
    const struct issuance_wanted wanted = {.profile_max_s = DAY_S, .not_after = NOW + 2 * HOUR_S};
    struct validity_request plan, asked = {.not_after = "24h"};
    cr_expect_not_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &plan));
    cr_expect_not(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &asked, NOW));
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &asked, NOW, NOW + DAY_S));
    issuance_scene_end(&scene);
}

/* The CA gave more than the profile allows, since its default was not known to be so long: known now, an end
 * is asked for. A second one that is as long teaches nothing. */
Test(issuance_plan, one_that_ends_too_late_is_asked_for_again_with_an_end)
{
    struct issuance_scene scene;
    issuance_scene_begin(&scene);
    const struct issuance_wanted wanted = {.profile_max_s = 2 * HOUR_S};
    struct validity_request first, second;
    know(&scene, 48 * HOUR_S, HOUR_S);
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &first));
    cr_expect_null(first.not_after);
    int64_t too_late = NOW + 24 * HOUR_S;
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, too_late));
    know(&scene, 48 * HOUR_S, 24 * HOUR_S);
    cr_expect(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, too_late));
    cr_expect(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &first, NOW));
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &first, NOW, NOW + HOUR_S),
                  "its end was not what was wrong with it");
    cr_assert_null(issuance_plan(scene.arena, &scene.issuer, &wanted, NOW, &second));
    cr_expect_str_eq(second.not_after, "2h");
    cr_expect_not(issuance_plan_bounds(scene.arena, &scene.issuer, &wanted, &second, NOW, too_late));
    cr_expect_not(issuance_plan_differs(scene.arena, &scene.issuer, &wanted, &second, NOW));
    issuance_scene_end(&scene);
}
