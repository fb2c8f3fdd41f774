/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate of the inventory an issuer's CA means by a serial number. */
#include "gateway/ca/issuer_certificate.h"

#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_certificate);

static struct jobs_place place;

static enum store_result find(struct fake_ca *ca, const char *serial, struct certificate *out)
{
    return issuer_certificate_find(store_reader_of(place.database.writer), place.place.arena, ca->issuer,
                                   serial, out);
}

Test(issuer_certificate, a_serial_number_is_its_cas)
{
    static const struct {
        const char *name;
        bool by_spare;      /* signed by the spare CA */
        const char *issuer; /* it stands under this id */
        const char *root;   /* of its row; NULL: its CA's */
        bool of_main, of_spare;
    } cases[] = {
        {"its own", false, "main", NULL, true, false},
        {"its own, under a root that was pinned first before", false, "main", "00", true, false},
        {"under another id", false, "spare", NULL, true, false},
        {"of another CA, under this id", true, "main", NULL, false, true},
        {"an id that is gone", true, "gone", NULL, false, true},
    };
    jobs_place_begin(&place);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        jobs_place_clear(&place);
        struct account account = make_account(&place.database, "thumb");
        struct certificate made = jobs_place_certificate(
            &place, cases[i].by_spare ? &place.spare : &place.main, cases[i].issuer, account.id);
        if (cases[i].root != NULL)
            database_run(&place.database, "UPDATE issuer_identities SET root_fingerprint = '00'");
        struct certificate found = {0};
        cr_expect_eq(find(&place.main, made.serial, &found), cases[i].of_main ? STORE_OK : STORE_NOT_FOUND,
                     "%s", name);
        if (cases[i].of_main)
            cr_expect_eq(found.id, made.id, "%s", name);
        cr_expect_eq(find(&place.spare, made.serial, &found), cases[i].of_spare ? STORE_OK : STORE_NOT_FOUND,
                     "%s", name);
        cr_expect_eq(find(&place.main, "1a2b", &found), STORE_NOT_FOUND, "%s", name);
        database_run(&place.database, "DELETE FROM certificate_names; DELETE FROM certificates;"
                                      "DELETE FROM issuer_identities");
    }
    jobs_place_end(&place);
}

/* Serial numbers are a CA's own: another one may give out the same. */
Test(issuer_certificate, the_same_number_of_another_ca_is_another_certificate)
{
    jobs_place_begin(&place);
    struct account account = make_account(&place.database, "thumb");
    struct certificate of_main = jobs_place_certificate(&place, &place.main, "main", account.id);
    struct certificate of_spare = jobs_place_certificate(&place, &place.spare, "spare", account.id);
    struct certificate found = {0};
    database_run(&place.database,
                 arena_printf(place.place.arena, "UPDATE certificates SET serial = '%s'", of_main.serial));
    cr_expect_eq(find(&place.main, of_main.serial, &found), STORE_OK);
    cr_expect_eq(found.id, of_main.id);
    cr_expect_eq(find(&place.spare, of_main.serial, &found), STORE_OK);
    cr_expect_eq(found.id, of_spare.id);
    jobs_place_end(&place);
}
