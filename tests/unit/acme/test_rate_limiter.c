/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/rate_limiter.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(rate_limiter);

enum { NOW_MS = 1000000 };

static const struct rate three_a_minute = {3, 60}, off = {0, 0};

static const struct problem *take(struct rate_limiter *limiter, struct arena *arena, const struct rate *rate,
                                  const char *key, int64_t now_ms)
{
    size_t refused;
    struct rate_demand demand = {rate, "orders for", key, NULL};
    return rate_limiter_take(limiter, arena, &demand, 1, now_ms, &refused);
}

Test(rate_limiter, lets_so_many_through_and_one_more_as_each_comes_back)
{
    static const struct {
        int64_t at_ms;
        int64_t wait_s; /* 0: granted */
    } cases[] = {
        {0, 0},     {0, 0},      {1, 0},      {1, 20},     {10000, 10}, {19999, 1},
        {20000, 0}, {20000, 20}, {200000, 0}, {200000, 0}, {200000, 0}, {200000, 20},
    };
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct problem *problem = take(limiter, arena, &three_a_minute, "a", NOW_MS + cases[i].at_ms);
        cr_expect_eq(problem == NULL, cases[i].wait_s == 0, "case %zu", i);
        if (problem != NULL) {
            cr_expect_eq(problem->retry_after_s, cases[i].wait_s, "case %zu: %lld", i,
                         (long long)problem->retry_after_s);
            cr_expect_eq(problem->type, PROBLEM_RATE_LIMITED);
            cr_expect_eq(problem->status, 429);
            cr_expect_not_null(strstr(problem->detail, "orders for a: 3 in 1m"), "%s", problem->detail);
        }
    }
    cr_expect_null(take(limiter, arena, &three_a_minute, "b", NOW_MS), "another key has its own bucket");
    rate_limiter_free(limiter);
    arena_free(arena);
}

Test(rate_limiter, a_refused_request_takes_nothing)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    size_t refused;
    const struct rate one = {1, 60};
    const struct rate_demand both[] = {{&three_a_minute, "orders of", "account", NULL},
                                       {&one, "orders for", "name", "account"}};
    cr_assert_null(rate_limiter_take(limiter, arena, both, 2, NOW_MS, &refused));
    for (int i = 0; i < 5; i++) {
        cr_assert_not_null(rate_limiter_take(limiter, arena, both, 2, NOW_MS, &refused));
        cr_expect_eq(refused, 1);
    }
    for (int i = 0; i < 2; i++)
        cr_expect_null(rate_limiter_take(limiter, arena, both, 1, NOW_MS, &refused), "two of three are left");
    cr_expect_not_null(rate_limiter_take(limiter, arena, both, 1, NOW_MS, &refused));
    rate_limiter_free(limiter);
    arena_free(arena);
}

Test(rate_limiter, off_is_no_limit)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    for (int i = 0; i < 1000; i++)
        cr_assert_null(take(limiter, arena, &off, "a", NOW_MS));
    rate_limiter_free(limiter);
    arena_free(arena);
}

Test(rate_limiter, S7_a_bucket_is_its_owners_alone)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    size_t refused;
    const struct rate one = {1, 60};
    static const char *const owners[] = {"1", "11", "2"};
    /* "1" + "1x" and "11" + "x" are not the same bucket either. */
    static const char *const keys[] = {"x", "1x", "a.test"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
            const struct rate_demand demand = {&one, "orders for", keys[k], owners[i]};
            cr_expect_null(rate_limiter_take(limiter, arena, &demand, 1, NOW_MS, &refused), "%s of %s",
                           keys[k], owners[i]);
            cr_expect_not_null(rate_limiter_take(limiter, arena, &demand, 1, NOW_MS, &refused), "%s of %s",
                               keys[k], owners[i]);
        }
    }
    rate_limiter_free(limiter);
    arena_free(arena);
}

/* More keys than places: nobody is refused for another's sake. */
Test(rate_limiter, a_full_table_refuses_nobody)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    for (int i = 0; i < 50000; i++)
        cr_assert_null(take(limiter, arena, &three_a_minute, arena_printf(arena, "%d", i), NOW_MS));
    rate_limiter_free(limiter);
    arena_free(arena);
}

Test(rate_limiter, S7_a_clock_that_is_set_back_keeps_nobody_waiting)
{
    enum { HOUR_MS = 3600 * 1000, PER_TOKEN_MS = 20 * 1000 };
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS + HOUR_MS));
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "two are left");
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS));
    cr_expect_not_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "and no more");
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS + PER_TOKEN_MS), "one has come back");
    cr_expect_not_null(take(limiter, arena, &three_a_minute, "a", NOW_MS + PER_TOKEN_MS));
    rate_limiter_free(limiter);
    arena_free(arena);
}

Test(rate_limiter, tokens_that_were_not_needed_come_back)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    const struct rate_demand demands[] = {{&three_a_minute, "orders for", "a", NULL},
                                          {&off, "orders of", "b", NULL}};
    for (size_t i = 0; i < 3; i++)
        cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS));
    rate_limiter_give_back(limiter, arena, demands, 2);
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "the one that came back");
    cr_expect_not_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "and no more");
    const struct rate_demand unknown = {&three_a_minute, "orders for", "c", NULL};
    rate_limiter_give_back(limiter, arena, &unknown, 1);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(take(limiter, arena, &three_a_minute, "c", NOW_MS) == NULL, i < 3, "%zu", i);
    rate_limiter_free(limiter);
    arena_free(arena);
}

/* The configuration was another, or another gateway's is: nobody waits for what that one allowed. */
Test(rate_limiter, a_bucket_of_another_rate_keeps_nobody_longer_than_this_one)
{
    static const struct rate one_a_year = {1, 365 * 86400};
    static const char *const keys[] = {"a", "b"};
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    const struct rate_demand elsewhere = {&one_a_year, "orders for", "b", NULL};
    cr_expect_null(take(limiter, arena, &one_a_year, "a", NOW_MS));
    rate_limiter_note(limiter, arena, &elsewhere, NOW_MS);
    for (size_t i = 0; i < 2; i++) {
        const struct problem *problem = take(limiter, arena, &three_a_minute, keys[i], NOW_MS);
        cr_assert_not_null(problem, "%s", keys[i]);
        cr_expect_eq(problem->retry_after_s, 20, "%s: %lld", keys[i], (long long)problem->retry_after_s);
    }
    for (size_t i = 0; i < 2; i++) {
        cr_expect_null(take(limiter, arena, &three_a_minute, keys[i], NOW_MS + 20 * 1000), "%s", keys[i]);
        cr_expect_not_null(take(limiter, arena, &three_a_minute, keys[i], NOW_MS + 20 * 1000), "%s", keys[i]);
    }
    rate_limiter_free(limiter);
    arena_free(arena);
}

/* Those count like the own ones, and keep nobody waiting longer than the period. */
Test(rate_limiter, tokens_that_were_taken_elsewhere_are_missing_here)
{
    struct arena *arena = arena_new();
    struct rate_limiter *limiter = rate_limiter_new();
    const struct rate_demand demand = {&three_a_minute, "orders for", "a", NULL};
    const struct rate_demand unlimited = {&off, "orders for", "a", NULL};
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS));
    rate_limiter_note(limiter, arena, &demand, NOW_MS);
    rate_limiter_note(limiter, arena, &unlimited, NOW_MS);
    cr_expect_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "the third");
    cr_expect_not_null(take(limiter, arena, &three_a_minute, "a", NOW_MS), "and no more");
    cr_expect_null(take(limiter, arena, &three_a_minute, "b", NOW_MS), "another key");
    for (size_t i = 0; i < 100; i++)
        rate_limiter_note(limiter, arena, &demand, NOW_MS);
    const struct problem *problem = take(limiter, arena, &three_a_minute, "a", NOW_MS);
    cr_assert_not_null(problem);
    cr_expect_eq(problem->retry_after_s, 20, "%lld", (long long)problem->retry_after_s);
    rate_limiter_free(limiter);
    arena_free(arena);
}
