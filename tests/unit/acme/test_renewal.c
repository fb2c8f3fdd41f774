/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(renewal);

enum { DAY_S = 86400, ISSUED = 1780272000 };

Test(renewal, an_identifier_holds_a_serial)
{
    static const struct {
        const char *text;
        const char *serial; /* NULL: refused */
    } cases[] = {
        {"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "87654321"}, /* RFC 9773 §4.1 */
        {"AQID.AQID", "10203"},
        {"AQ.AA", "0"},
        {"", NULL},
        {"AQID", NULL},
        {"AQID.", NULL},
        {".AQID", NULL},
        {"AQID.AQID.AQID", NULL},
        {"AQID.AQID=", NULL},
        {"AQ ID.AQID", NULL},
        {"AQID.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL}, /* 24 octets */
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char serial[SERIAL_HEX_BYTES] = "";
        bool read = renewal_id_parse(arena, bytes_from_string(cases[i].text), serial);
        cr_expect_eq(read, cases[i].serial != NULL, "%s", cases[i].text);
        if (read && cases[i].serial != NULL)
            cr_expect_str_eq(serial, cases[i].serial, "%s", cases[i].text);
    }
    arena_free(arena);
}

Test(renewal, the_window_follows_the_life_the_revocation_and_the_operator)
{
    static const struct early_renewal soon = {ISSUED + 3600, ISSUED + 3 * 3600, "https://why"};
    static const struct early_renewal late = {ISSUED + DAY_S - 60, ISSUED + DAY_S, NULL};
    static const struct {
        int64_t life, revoked_at;
        const struct early_renewal *early;
        int64_t earliest, latest, retry_after; /* of the window's start and end; how soon to ask again */
        const char *explanation;
    } cases[] = {
        {DAY_S, 0, NULL, 15 * 3600, 19 * 3600, 3600, NULL},
        {90 * (int64_t)DAY_S, 0, NULL, 56 * (int64_t)DAY_S, 72 * (int64_t)DAY_S, 6 * 3600, NULL},
        {600, 0, NULL, 375, 475, 60, NULL},
        {DAY_S, ISSUED + 7200, NULL, 3600, 7200, 3600, NULL},
        {DAY_S, ISSUED + 7200, &soon, 3600, 7200, 3600, NULL},
        {DAY_S, 0, &soon, 3600, 3 * 3600, 3600, "https://why"},
        {DAY_S, 0, &late, 15 * 3600, 19 * 3600, 3600, NULL},
    };
    static const char *const serials[] = {"1", "1a2b", "ffffffffffffffffffffffffffffffff"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t j = 0; j < sizeof serials / sizeof serials[0]; j++) {
            struct certificate certificate = {.serial = serials[j],
                                              .not_before = ISSUED,
                                              .not_after = ISSUED + cases[i].life,
                                              .revocation_requested_at = cases[i].revoked_at};
            struct renewal_window window = renewal_window_of(&certificate, cases[i].early);
            cr_expect_geq(window.start, ISSUED + cases[i].earliest, "case %zu", i);
            cr_expect_lt(window.start, window.end, "case %zu", i);
            cr_expect_leq(window.end, ISSUED + cases[i].latest, "case %zu", i);
            cr_expect_eq(window.retry_after_s, cases[i].retry_after, "case %zu", i);
            cr_expect_eq(window.explanation_url, cases[i].explanation, "case %zu", i);
        }
    }
}

Test(renewal, P10_what_cannot_be_spread_is_due_already)
{
    static const struct {
        int64_t spread_s, latest; /* of the window's end, from now */
    } cases[] = {{0, 0}, {1, 0}, {59, 0}, {60, 60}, {7200, 7200}};
    const int64_t now = ISSUED + 3600;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct early_renewal early = early_renewal_within(now, cases[i].spread_s, "https://why");
        const struct certificate certificate = {
            .serial = "1a2b", .not_before = ISSUED, .not_after = ISSUED + DAY_S};
        struct renewal_window window = renewal_window_of(&certificate, &early);
        cr_expect_lt(window.start, window.end, "case %zu", i);
        cr_expect_leq(window.end, now + cases[i].latest, "case %zu", i);
        cr_expect_eq(window.start >= now, cases[i].latest != 0, "case %zu", i);
        cr_expect_str_eq(window.explanation_url, "https://why");
    }
}

/* A thousand certificates of one minute: no tenth of the spread gets more than a sixth of them. */
Test(renewal, certificates_of_one_minute_do_not_begin_together)
{
    enum { COUNT = 1000, PARTS = 10 };
    size_t parts[PARTS] = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        char serial[SERIAL_HEX_BYTES];
        snprintf(serial, sizeof serial, "%08x5c1f%04x", i * 2654435761U, i);
        struct certificate certificate = {
            .serial = serial, .not_before = ISSUED, .not_after = ISSUED + DAY_S};
        int64_t start = renewal_window_of(&certificate, NULL).start - ISSUED - 15 * 3600;
        parts[start * PARTS / 7200]++;
    }
    for (size_t i = 0; i < PARTS; i++)
        cr_expect_leq(parts[i], COUNT / 6, "part %zu has %zu", i, parts[i]);
}

Test(renewal, the_object_is_as_in_the_rfc)
{
    struct arena *arena = arena_new();
    struct renewal_window window = {ISSUED, ISSUED + 60, "https://why", 60};
    cr_expect_str_eq(
        (const char *)renewal_info_render(arena, &window).p,
        "{\"suggestedWindow\":{\"start\":\"2026-06-01T00:00:00Z\",\"end\":\"2026-06-01T00:01:00Z\"},"
        "\"explanationURL\":\"https://why\"}");
    arena_free(arena);
}
