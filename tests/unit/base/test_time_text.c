/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/time_text.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(time_text);

Test(time_text, times_go_both_ways)
{
    static const struct {
        int64_t time;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:01Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {1767323045, "2026-01-02T03:04:05Z"},
        {4102444799, "2099-12-31T23:59:59Z"},
        {4107542400, "2100-03-01T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
        {-1, "1969-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TIME_TEXT_BYTES];
        int64_t time = 42;
        time_format(text, cases[i].time);
        cr_expect_str_eq(text, cases[i].text);
        cr_assert(time_parse(&time, bytes_from_string(cases[i].text)), "%s", cases[i].text);
        cr_expect_eq(time, cases[i].time, "%s", cases[i].text);
    }
    char text[TIME_TEXT_BYTES];
    time_format(text, INT64_MAX);
    cr_expect_str_eq(text, "9999-12-31T23:59:59Z");
}

Test(time_text, other_spellings_of_rfc_3339)
{
    static const struct {
        const char *text;
        int64_t time;
    } cases[] = {
        {"2026-01-02t03:04:05z", 1767323045},      {"2026-01-02T03:04:05.999Z", 1767323045},
        {"2026-01-02T04:04:05+01:00", 1767323045}, {"2026-01-01T22:34:05-04:30", 1767323045},
        {"2016-12-31T23:59:60Z", 1483228800},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t time = 0;
        cr_assert(time_parse(&time, bytes_from_string(cases[i].text)), "%s", cases[i].text);
        cr_expect_eq(time, cases[i].time, "%s", cases[i].text);
    }
}

Test(time_text, what_is_no_time)
{
    static const char *const texts[] = {
        "",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-1-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-01-32T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Zx",
        "2026-01-02T03:04:05+1:00",
        "2026-01-02T03:04:05+24:00",
        " 2026-01-02T03:04:05Z",
        "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t time = 42;
        cr_expect_not(time_parse(&time, bytes_from_string(texts[i])), "%s", texts[i]);
        cr_expect_eq(time, 42, "%s", texts[i]);
    }
}

Test(time_text, durations_as_go_and_our_configuration_write_them)
{
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } cases[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"90s", true, 90},
        {"1h30m", true, 5400},
        {"24h", true, 86400},
        {"24h0m0s", true, 86400},
        {"14d", true, 1209600},
        {"1.5h", true, 5400},
        {"500ms", true, 0},
        {"1500ms", true, 1},
        {"1m0.5s", true, 60},
        {"0.1d", true, 8640},
        {"1000us", true, 0},
        {"", false, 0},
        {"h", false, 0},
        {"1", false, 0},
        {"-1h", false, 0},
        {"+1h", false, 0},
        {"1h ", false, 0},
        {" 1h", false, 0},
        {"1w", false, 0},
        {"1H", false, 0},
        {"1h30", false, 0},
        {".h", false, 0},
        {"99999999999999999999s", false, 0},
        {"9999999999999h", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t seconds = 0;
        cr_expect_eq(duration_parse(&seconds, bytes_from_string(cases[i].text)), cases[i].good, "%s",
                     cases[i].text);
        cr_expect_eq(seconds, cases[i].seconds, "%s", cases[i].text);
    }
}

Test(time_text, durations_are_written_without_zero_parts)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "0s"},      {45, "45s"},        {60, "1m"},     {5400, "1h30m"},
                 {86400, "24h"}, {90061, "25h1m1s"}, {3601, "1h1s"}, {INT64_MAX, "2562047788015215h30m7s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[DURATION_TEXT_BYTES];
        duration_format(text, cases[i].seconds);
        cr_expect_str_eq(text, cases[i].text);
    }
}
