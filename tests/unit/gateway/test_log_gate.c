#include <criterion/criterion.h>

#include "gateway/log_gate.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(log_gate);

Test(log_gate, passes_one_line_a_while_and_counts_the_others)
{
    enum { EVERY_MS = 10000, UNTOUCHED = 77 };
    static const struct {
        int64_t now_ms;
        bool passes;
        size_t held_back;
    } cases[] = {
        {50000, true, 0},  {50000, false, 0}, {59999, false, 0}, {60000, true, 2},
        {60001, false, 0}, {75000, true, 1},  {90000, true, 0},  {1000, true, 0}, /* the clock was set back */
        {1001, false, 0},  {11000, true, 1},
    };
    struct log_gate gate = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t held_back = UNTOUCHED;
        cr_expect_eq(log_gate_passes(&gate, cases[i].now_ms, EVERY_MS, &held_back), cases[i].passes, "%zu",
                     i);
        cr_expect_eq(held_back, cases[i].passes ? cases[i].held_back : UNTOUCHED, "%zu", i);
    }
}
