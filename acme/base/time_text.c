/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/time_text.h"

#include <stdio.h>
#include <time.h>

void time_format(char out[static TIME_TEXT_BYTES], int64_t unix_seconds)
{
    time_t seconds = (time_t)unix_seconds;
    struct tm parts;
    /* A year of more than four digits has no RFC 3339 form. */
    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year > 9999 - 1900 || parts.tm_year < -1900 ||
        strftime(out, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(out, TIME_TEXT_BYTES, "%s", "9999-12-31T23:59:59Z");
}

/* Reads `count` digits. False when there are fewer. */
static bool take_digits(struct bytes *text, size_t count, int *out)
{
    if (text->n < count)
        return false;
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text->p[i] < '0' || text->p[i] > '9')
            return false;
        value = value * 10 + (text->p[i] - '0');
    }
    *out = value;
    *text = bytes_of(text->p + count, text->n - count);
    return true;
}

static bool take_char(struct bytes *text, const char *any_of)
{
    if (text->n == 0 || text->p[0] == 0 || strchr(any_of, text->p[0]) == NULL)
        return false;
    *text = bytes_of(text->p + 1, text->n - 1);
    return true;
}

static bool take_date_and_time(struct bytes *text, struct tm *parts)
{
    if (!take_digits(text, 4, &parts->tm_year) || !take_char(text, "-") ||
        !take_digits(text, 2, &parts->tm_mon) || !take_char(text, "-") ||
        !take_digits(text, 2, &parts->tm_mday) || !take_char(text, "Tt") ||
        !take_digits(text, 2, &parts->tm_hour) || !take_char(text, ":") ||
        !take_digits(text, 2, &parts->tm_min) || !take_char(text, ":") ||
        !take_digits(text, 2, &parts->tm_sec))
        return false;
    if (!take_char(text, "."))
        return true;
    int digit = 0;
    if (!take_digits(text, 1, &digit))
        return false;
    while (take_digits(text, 1, &digit))
        ;
    return true;
}

static bool take_offset(struct bytes *text, int64_t *seconds)
{
    *seconds = 0;
    if (take_char(text, "Zz"))
        return true;
    bool east = text->n != 0 && text->p[0] == '+';
    int hours = 0, minutes = 0;
    if (!take_char(text, "+-") || !take_digits(text, 2, &hours) || !take_char(text, ":") ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
    return true;
}

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_in_range(const struct tm *parts)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (parts->tm_year < 1 || parts->tm_mon < 1 || parts->tm_mon > 12)
        return false;
    int last_day = days[parts->tm_mon - 1] + (parts->tm_mon == 2 && is_leap_year(parts->tm_year) ? 1 : 0);
    return parts->tm_mday >= 1 && parts->tm_mday <= last_day && parts->tm_hour <= 23 && parts->tm_min <= 59 &&
           parts->tm_sec <= 60;
}

bool time_parse(int64_t *out, struct bytes text)
{
    struct tm parts = {0};
    int64_t offset = 0;
    if (!take_date_and_time(&text, &parts) || !take_offset(&text, &offset) || text.n != 0 ||
        !is_in_range(&parts))
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *out = (int64_t)timegm(&parts) - offset;
    return true;
}

/* ---- durations ---- */

static const struct {
    const char *name;
    int64_t microseconds;
} units[] = {
    {"us", 1},           {"µs", 1},           {"ms", 1000},         {"s", 1000000},
    {"m", 60 * 1000000}, {"h", 3600000000LL}, {"d", 86400000000LL},
};

static bool take_unit(struct bytes *text, int64_t *microseconds)
{
    size_t n = 0;
    while (n < text->n && text->p[n] != '.' && (text->p[n] < '0' || text->p[n] > '9'))
        n++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (bytes_equal_string(bytes_of(text->p, n), units[i].name)) {
            *microseconds = units[i].microseconds;
            *text = bytes_of(text->p + n, text->n - n);
            return true;
        }
    }
    return false;
}

/* Reads "1.5" before a unit: the whole part, and the fraction in millionths. */
static bool take_number(struct bytes *text, int64_t *whole, int64_t *millionths)
{
    int digit = 0;
    size_t digits = 0;
    *whole = *millionths = 0;
    for (; take_digits(text, 1, &digit); digits++)
        if (__builtin_mul_overflow(*whole, 10, whole) || __builtin_add_overflow(*whole, digit, whole))
            return false;
    if (take_char(text, ".")) {
        int64_t worth = 100000;
        for (; take_digits(text, 1, &digit); digits++, worth /= 10)
            *millionths += digit * worth;
    }
    return digits != 0;
}

bool duration_parse(int64_t *out_seconds, struct bytes text)
{
    int64_t total = 0;
    if (bytes_equal_string(text, "0")) {
        *out_seconds = 0;
        return true;
    }
    if (text.n == 0)
        return false;
    while (text.n != 0) {
        int64_t whole = 0, millionths = 0, unit = 0, part = 0;
        if (!take_number(&text, &whole, &millionths) || !take_unit(&text, &unit) ||
            __builtin_mul_overflow(whole, unit, &part) || __builtin_add_overflow(total, part, &total) ||
            __builtin_add_overflow(total, millionths * (unit / 1000) / 1000, &total))
            return false;
    }
    *out_seconds = total / 1000000;
    return true;
}

void duration_format(char out[static DURATION_TEXT_BYTES], int64_t seconds)
{
    long long hours = seconds / 3600, minutes = seconds / 60 % 60, rest = seconds % 60;
    int at = 0;
    if (hours != 0)
        at += snprintf(out + at, (size_t)(DURATION_TEXT_BYTES - at), "%lldh", hours);
    if (minutes != 0)
        at += snprintf(out + at, (size_t)(DURATION_TEXT_BYTES - at), "%lldm", minutes);
    if (rest != 0 || at == 0)
        snprintf(out + at, (size_t)(DURATION_TEXT_BYTES - at), "%llds", rest);
}
