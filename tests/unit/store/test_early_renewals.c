/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/early_renewals.h"

LEAK_CHECKED_SUITE(early_renewals);

static void order(struct database *database, const char *scope, int64_t issued_before, int64_t renew_from)
{
    const struct early_renewal_order order = {
        .scope = scope,
        .issued_before = issued_before,
        .window = {renew_from, renew_from + 60, "https://example.org/why"},
        .created_at = NOW,
    };
    cr_assert_eq(store_early_renewal_insert(database->writer, &order), STORE_OK);
}

/* Orders of NOW + 1 to NOW + 4, for all, an issuer and a serial number. */
Test(early_renewals, the_latest_that_covers_a_certificate_holds)
{
    static const struct {
        const char *issuer, *serial;
        int64_t issued;
        int64_t renew_from; /* after NOW; 0: none covers it */
    } cases[] = {
        {"main", "1a", NOW, 4},       {"main", "1b", NOW, 3},       {"spare", "1b", NOW, 2},
        {"spare", "1a", NOW, 4},      {"main", "1b", NOW + 1, 2},   {"main", "1b", NOW + 10, 2},
        {"spare", "1b", NOW + 10, 2}, {"spare", "1b", NOW + 11, 0}, {"spare", "1a", NOW + 20, 4},
        {"spare", "1a", NOW + 21, 0}, {"issuer:main", "", NOW, 2},
    };
    struct database database;
    database_begin(&database);
    database_connect(&database);
    order(&database, "all", NOW + 10, NOW + 1);
    order(&database, "all", NOW + 10, NOW + 2);
    order(&database, "issuer:main", NOW, NOW + 3);
    order(&database, "serial:1a", NOW + 20, NOW + 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct certificate certificate = {
            .issuer = cases[i].issuer, .serial = cases[i].serial, .created_at = cases[i].issued};
        struct early_renewal found = {0};
        cr_expect_eq(
            store_early_renewal_of(store_reader_of(database.writer), database.arena, &certificate, &found),
            cases[i].renew_from == 0 ? STORE_NOT_FOUND : STORE_OK, "%zu", i);
        if (cases[i].renew_from == 0)
            continue;
        cr_expect_eq(found.renew_from, NOW + cases[i].renew_from, "%zu", i);
        cr_expect_eq(found.renew_until, found.renew_from + 60, "%zu", i);
        cr_expect_str_eq(found.explanation_url, "https://example.org/why", "%zu", i);
    }
    database_end(&database);
}
