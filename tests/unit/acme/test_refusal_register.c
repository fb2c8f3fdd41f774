/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/refusal_register.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(refusal_register);

enum { NOW_S = 1000000 };

struct fixture {
    struct arena *arena;
    struct refusal_register *reg;
};

static const char *count(const struct fixture *fixture, const char *client, const char *kind,
                         enum problem_type type, const char *detail, int64_t now_s)
{
    const struct problem problem = {.type = type, .detail = detail};
    const struct refusal refusal = {client, kind, &problem};
    return refusal_register_count(fixture->reg, fixture->arena, &refusal, now_s);
}

static struct fixture begin(void)
{
    return (struct fixture){arena_new(), refusal_register_new()};
}

static void end(const struct fixture *fixture)
{
    refusal_register_free(fixture->reg);
    arena_free(fixture->arena);
}

Test(refusal_register, S10_the_first_of_a_kind_is_recorded_then_counts_that_double)
{
    struct fixture fixture = begin();
    size_t recorded = 0;
    const char *last = NULL;
    for (int i = 1; i <= 300; i++) {
        const char *words =
            count(&fixture, "account 1", "order.refused", PROBLEM_REJECTED_IDENTIFIER, "no", NOW_S + i);
        bool expected = i == 1 || i == 16 || i == 32 || i == 64 || i == 128 || i == 256;
        cr_expect_eq(words != NULL, expected, "refusal %d", i);
        recorded += words != NULL;
        last = words != NULL ? words : last;
    }
    cr_expect_eq(recorded, 6);
    cr_expect_not_null(strstr(last, "no (127 more refusals of this client"), "%s", last);
    end(&fixture);
}

Test(refusal_register, S10_reasons_are_told_apart_up_to_a_bound)
{
    static const struct {
        const char *client, *kind, *detail;
        enum problem_type type;
        bool recorded;
    } cases[] = {
        {"account 1", "order.refused", "a.test", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "a.test", PROBLEM_REJECTED_IDENTIFIER, false},
        {"account 1", "order.refused", "b1.test", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "b2.test", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "finalize.refused", "a.test", PROBLEM_BAD_CSR, true},
        {"account 2", "order.refused", "a.test", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "again in 36 seconds", PROBLEM_RATE_LIMITED, true},
        {"account 1", "order.refused", "again in 35 seconds", PROBLEM_RATE_LIMITED, false},
        {"account 1", "order.refused", "c", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "d", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "e", PROBLEM_REJECTED_IDENTIFIER, true},
        {"account 1", "order.refused", "the ninth reason", PROBLEM_REJECTED_IDENTIFIER, false},
    };
    struct fixture fixture = begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(count(&fixture, cases[i].client, cases[i].kind, cases[i].type, cases[i].detail, NOW_S) !=
                         NULL,
                     cases[i].recorded, "case %zu", i);
    end(&fixture);
}

Test(refusal_register, S10_a_window_begins_anew_and_tells_what_the_last_one_left)
{
    struct fixture fixture = begin();
    for (int i = 0; i < 5; i++) {
        const char *words = count(&fixture, "account 1", "order.refused", PROBLEM_UNAUTHORIZED, "no", NOW_S);
        cr_expect_eq(words != NULL, i == 0);
    }
    const char *words =
        count(&fixture, "account 1", "order.refused", PROBLEM_UNAUTHORIZED, "no", NOW_S + REFUSAL_WINDOW_S);
    cr_assert_not_null(words);
    cr_expect_not_null(strstr(words, "4 more refusals of this client were counted"), "%s", words);
    end(&fixture);
}

/* More clients than places: they share one entry, so that events are bounded by the table. */
Test(refusal_register, S10_clients_without_a_place_are_recorded_as_one)
{
    enum { CLIENTS = 50000, PLACES = 4096 };
    struct fixture fixture = begin();
    size_t recorded = 0;
    for (int i = 0; i < CLIENTS; i++)
        recorded += count(&fixture, arena_printf(fixture.arena, "account %d", i), "order.refused",
                          PROBLEM_UNAUTHORIZED, "no", NOW_S) != NULL;
    cr_expect_leq(recorded, PLACES + 1 + 16, "%zu", recorded);
    cr_expect_gt(recorded, PLACES / 2, "%zu", recorded);
    end(&fixture);
}
