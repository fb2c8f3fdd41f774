/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "gateway/runtime/backoff.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(backoff);

Test(backoff, waits_double_from_the_first_to_the_last)
{
    static const struct {
        int64_t failures, first, most, wait;
    } cases[] = {
        {0, 2, 30, 2},
        {1, 2, 30, 2},
        {2, 2, 30, 4},
        {3, 2, 30, 8},
        {4, 2, 30, 16},
        {5, 2, 30, 30},
        {6, 2, 30, 30},
        {INT64_MAX, 2, 30, 30},
        {1, 60, 60, 60},
        {9, 60, 60, 60},
        {1, 90, 60, 60},
        {7, 1000, 60000, 60000},
        {64, 1, INT64_MAX, INT64_MAX},
        {63, 1, INT64_MAX, INT64_C(1) << 62},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(backoff_after(cases[i].failures, cases[i].first, cases[i].most), cases[i].wait,
                     "case %zu", i);
}

Test(backoff, a_wait_follows_the_one_before_it)
{
    static const struct {
        int64_t last, first, most, wait;
    } cases[] = {
        {0, 1, 10, 1},  {1, 1, 10, 2},    {4, 1, 10, 8},
        {5, 1, 10, 10}, {8, 1, 10, 10},   {10, 1, 10, 10},
        {1, 5, 300, 5}, {100, 1, 10, 10}, {INT64_MAX, 1, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(backoff_next(cases[i].last, cases[i].first, cases[i].most), cases[i].wait, "case %zu",
                     i);
}

Test(backoff, a_spread_lengthens_a_wait_by_up_to_a_half)
{
    for (int spread = 0; spread <= UINT8_MAX; spread++) {
        int64_t wait = backoff_spread(51200, (uint8_t)spread);
        cr_expect_eq(wait, 51200 + 100 * spread, "%d", spread);
        cr_expect_lt(wait, 51200 + 51200 / 2, "%d", spread);
    }
}

Test(backoff, a_wait_with_jitter_stays_in_its_range_and_differs)
{
    bool differs = false;
    int64_t before = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait = backoff_wait(3, 1000, 30000);
        cr_assert(wait >= 4000 && wait < 6000, "%lld", (long long)wait);
        differs = differs || (i != 0 && wait != before);
        before = wait;
    }
    cr_expect(differs);
}
