/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/expiry.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(expiry);

enum { HOUR = 3600, BEGIN = 1800000000, LIFE = 120 * HOUR, END = BEGIN + LIFE };

Test(expiry, stages_are_a_third_a_sixth_and_a_twelfth_of_the_life)
{
    static const struct {
        int64_t left;
        enum expiry_stage stage;
    } cases[] = {
        {LIFE, EXPIRY_FAR},
        {40 * HOUR + 1, EXPIRY_FAR},
        {40 * HOUR, EXPIRY_THIRD},
        {20 * HOUR + 1, EXPIRY_THIRD},
        {20 * HOUR, EXPIRY_SIXTH},
        {10 * HOUR + 1, EXPIRY_SIXTH},
        {10 * HOUR, EXPIRY_TWELFTH},
        {1, EXPIRY_TWELFTH},
        {0, EXPIRY_OVER},
        {-LIFE, EXPIRY_OVER},
        {2 * LIFE, EXPIRY_FAR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(expiry_stage(BEGIN, END, END - cases[i].left), cases[i].stage, "%zu", i);
    }
}

/* Steps through a life as a timer of one minute would. */
static int count_warnings(struct expiry_watch *watch, int64_t not_after, int64_t from, int64_t to)
{
    int count = 0;
    for (int64_t now = from; now < to; now += 60) {
        count += expiry_watch_is_due(watch, not_after - LIFE, not_after, now);
    }
    return count;
}

Test(expiry, each_stage_is_told_once_and_the_end_every_hour)
{
    struct expiry_watch watch = {0};
    cr_expect_eq(count_warnings(&watch, END, BEGIN, END - 40 * HOUR), 0);
    cr_expect_eq(count_warnings(&watch, END, END - 40 * HOUR, END - 20 * HOUR), 1);
    cr_expect_eq(count_warnings(&watch, END, END - 20 * HOUR, END - 10 * HOUR), 1);
    cr_expect_eq(count_warnings(&watch, END, END - 10 * HOUR, END), 1);
    cr_expect_eq(count_warnings(&watch, END, END, END + 10 * HOUR), 10);
}

Test(expiry, a_late_start_tells_the_stage_that_it_finds)
{
    struct expiry_watch watch = {0};
    cr_expect_eq(count_warnings(&watch, END, END - 5 * HOUR, END), 1);
}

Test(expiry, a_new_certificate_begins_anew)
{
    struct expiry_watch watch = {0};
    cr_expect_eq(count_warnings(&watch, END, END - 5 * HOUR, END + 2 * HOUR), 3);
    cr_expect_eq(count_warnings(&watch, END + LIFE, END + 2 * HOUR, END + LIFE - 41 * HOUR), 0);
    cr_expect_eq(count_warnings(&watch, END + LIFE, END + LIFE - 41 * HOUR, END + LIFE), 3);
}

Test(expiry, a_clock_that_is_set_back_does_not_silence_what_is_over)
{
    struct expiry_watch watch = {0};
    cr_expect(expiry_watch_is_due(&watch, BEGIN, END, END + 100 * HOUR));
    cr_expect(expiry_watch_is_due(&watch, BEGIN, END, END + HOUR));
    cr_expect_not(expiry_watch_is_due(&watch, BEGIN, END, END + HOUR + 60));
}

Test(expiry, renewal_is_due_at_two_thirds_of_the_life_and_when_the_clock_was_set_back)
{
    static const struct {
        int64_t life, now; /* from the beginning that counts, a minute after notBefore */
        bool due;
    } cases[] = {
        {24 * HOUR, 0, false},
        {24 * HOUR, 16 * HOUR - 1, false},
        {24 * HOUR, 16 * HOUR, true},
        {24 * HOUR, 100 * HOUR, true},
        {24 * HOUR, -60, false},
        {24 * HOUR, -120, false},
        {24 * HOUR, -121, true},
        {15, 0, false},
        {15, 9, false},
        {15, 10, true},
        {-30, -60, false}, /* less than a minute in all: to its end */
        {-30, -31, false},
        {-30, -30, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t at;
        cr_expect_eq(expiry_renewal_is_due(BEGIN - 60, BEGIN + cases[i].life, BEGIN + cases[i].now, &at),
                     cases[i].due, "%zu", i);
    }
}

Test(expiry, what_is_left_is_told_in_a_fitting_unit)
{
    static const struct {
        int64_t left;
        const char *text;
    } cases[] = {
        {84 * HOUR, "3.5 days"},   {48 * HOUR, "2.0 days"},   {47 * HOUR, "47.0 hours"},
        {119 * 60, "119 minutes"}, {0, "over for 0 minutes"}, {-3 * HOUR, "over for 3.0 hours"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[EXPIRY_TEXT_BYTES];
        expiry_format(text, END, END - cases[i].left);
        cr_expect_str_eq(text, cases[i].text);
    }
}
