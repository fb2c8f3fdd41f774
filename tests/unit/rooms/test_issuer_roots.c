/* SPDX-License-Identifier: Apache-2.0 */
/* The roots that an issuer must go on pinning: those of certificates that live. */
#include "gateway/ca/issuer_roots.h"

#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_roots);

static struct jobs_place place;
static const char *lines;

static void take(void *context, const char *line)
{
    cr_expect_eq(context, &place);
    lines = arena_printf(place.place.arena, "%s%s\n", lines, line);
}

/* The check of an issuer of the id "main" whose roots are those of this CA. */
static enum issuer_roots check(const struct store_location *location, const struct fake_ca *pinned,
                               struct bytes old_pem)
{
    struct issuer issuer = *pinned->issuer;
    issuer.id = "main";
    lines = "";
    return issuer_roots_check(location, &issuer, old_pem, place.place.arena, take, &place);
}

Test(issuer_roots, the_root_of_a_live_certificate_stays_pinned)
{
    jobs_place_begin(&place);
    const struct store_location *location = place.database.location;
    const struct bytes main_roots = place.main.issuer->roots_pem, spare_roots = place.spare.issuer->roots_pem;
    cr_expect_eq(check(location, &place.spare, main_roots), ISSUER_ROOTS_SUFFICE, "no certificate lives: %s",
                 lines);
    struct account account = make_account(&place.database, "thumb");
    jobs_place_certificate(&place, &place.main, "main", account.id);
    cr_expect_eq(check(location, &place.main, main_roots), ISSUER_ROOTS_SUFFICE, "%s", lines);
    cr_expect_str_eq(lines, "");
    cr_expect_eq(check(location, &place.spare, main_roots), ISSUER_ROOTS_MISSING);
    const char *named =
        arena_printf(place.place.arena, " under root %s, which is not in root_cert_path: keep that root",
                     place.main.issuer->root_fingerprint);
    cr_expect(strncmp(lines, "issuers.main: certificates live until 20", 40) == 0, "%s", lines);
    cr_expect_not_null(strstr(lines, named), "%s", lines);
    cr_expect_eq(check(location, &place.spare, spare_roots), ISSUER_ROOTS_MISSING,
                 "the old roots do not vouch for it either");
    cr_expect_not_null(strstr(lines, " under a root that is not in root_cert_path: add that root"), "%s",
                       lines);
    fake_clock_jump(INT64_C(1000) * 86400 * 1000);
    cr_expect_eq(check(location, &place.spare, main_roots), ISSUER_ROOTS_SUFFICE, "it has ended: %s", lines);
    jobs_place_end(&place);
}

/* Nothing is known to have no certificate. */
Test(issuer_roots, a_database_that_cannot_be_read_is_told)
{
    jobs_place_begin(&place);
    const struct store_location *none = store_location_new(place.place.arena, "/dev/null/acmegate.db");
    cr_expect_eq(check(none, &place.main, place.main.issuer->roots_pem), ISSUER_ROOTS_UNKNOWN);
    cr_expect_not_null(strstr(lines, "issuers.main: the database cannot be read"), "%s", lines);
    jobs_place_end(&place);
}
