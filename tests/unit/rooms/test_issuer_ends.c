/* SPDX-License-Identifier: Apache-2.0 */
/* What an issuer's log says before an intermediate ends, and whose endpoint a certificate is of. */
#include "acme/pki.h"
#include "gateway/ca/recognition.h"
#include "jobs_place.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(issuer_ends);

enum { DAY_S = 86400, MOST = 2 };

static struct jobs_place place;
static const char *lines;

static void take_line(struct bytes line)
{
    lines = arena_printf(place.place.arena, "%s%s\n", lines, arena_string(place.place.arena, line));
}

static struct bytes intermediate(int64_t begin_days, int64_t end_days)
{
    const struct pki_certificate wanted = {.key = pki_key(place.place.arena, "P-256"),
                                           .common_name = "Intermediate",
                                           .is_ca = true,
                                           .not_before = NOW + begin_days * DAY_S,
                                           .not_after = NOW + end_days * DAY_S};
    return pki_der(place.place.arena, pki_certificate(place.place.arena, &wanted));
}

static const char *watch(const struct bytes *certificates, size_t count)
{
    lines = "";
    fake_log_listen(take_line);
    issuer_watch_ends(place.main.issuer, certificates, count);
    fake_log_listen(NULL);
    return lines;
}

/* From the last third of a life on; of several, the one that ends first counts. */
Test(issuer_ends, a_warning_comes_once_before_an_intermediate_ends)
{
    static const struct {
        const char *name;
        struct {
            int64_t begin_days, end_days;
        } of[MOST];
        size_t count;
        bool one_is_unreadable;
        const char *words; /* NULL: no line */
    } cases[] = {
        {"none", {{0}}, 0, false, NULL},
        {"far", {{-100, 201}}, 1, false, NULL},
        {"a third", {{-200, 100}}, 1, false, "(100.0 days), and no certificate can outlive it"},
        {"the second",
         {{-100, 300}, {-200, 100}},
         2,
         false,
         "(100.0 days), and no certificate can outlive it"},
        {"the first",
         {{-200, 100}, {-100, 300}},
         2,
         false,
         "(100.0 days), and no certificate can outlive it"},
        {"over", {{-200, -3}}, 1, false, "(over for 3.0 days), and no certificate can outlive it"},
        {"unreadable", {{-200, 100}, {0}}, 2, true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes certificates[MOST];
        jobs_place_begin(&place);
        for (size_t n = 0; n < cases[i].count; n++)
            certificates[n] = intermediate(cases[i].of[n].begin_days, cases[i].of[n].end_days);
        if (cases[i].one_is_unreadable)
            certificates[1] = bytes_from_string("rubbish");
        const char *told = watch(certificates, cases[i].count);
        if (cases[i].words == NULL) {
            cr_expect_str_eq(told, "", "%s: %s", cases[i].name, told);
        } else {
            cr_expect(strstr(told, "issuer main: an intermediate of the CA ends at ") != NULL, "%s: %s",
                      cases[i].name, told);
            cr_expect(strstr(told, cases[i].words) != NULL, "%s: %s", cases[i].name, told);
        }
        cr_expect_str_eq(watch(certificates, cases[i].count), "", "%s, again", cases[i].name);
        jobs_place_end(&place);
    }
}

/* ---- whose a certificate is ---- */

static struct bytes leaf_of(struct fake_ca *ca)
{
    size_t count = 0;
    return fake_ca_issue(ca, "DNS:www.test", &count)[0];
}

static const struct endpoint_config *endpoint(const char *name)
{
    return config_endpoint(place.config, bytes_from_string(name));
}

/* Its own endpoint; without one, those whose profiles have their certificates from its issuer. */
Test(issuer_ends, a_certificate_is_of_an_endpoint_by_its_issuer)
{
    enum signer { MAIN, SPARE, NOBODY };
    static const struct {
        const char *endpoint, *issuer;
        enum signer signer;
        bool of_acme, of_strict;
    } cases[] = {
        {"acme", "main", MAIN, true, false},  {"strict", "main", MAIN, false, true},
        {"gone", "main", MAIN, false, false}, {NULL, "main", MAIN, true, true},
        {NULL, "spare", SPARE, true, false},  {NULL, "gone", MAIN, true, true},
        {NULL, "gone", SPARE, true, false},   {NULL, "gone", NOBODY, false, false},
    };
    jobs_place_begin(&place);
    const struct recognition_parts parts = {.config = place.config, .issuers = place.issuers};
    const struct bytes leaves[] = {leaf_of(&place.main), leaf_of(&place.spare), intermediate(-1, 1)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct certificate certificate = {
            .endpoint = cases[i].endpoint, .issuer = cases[i].issuer, .leaf = leaves[cases[i].signer]};
        cr_expect_eq(certificate_is_of_endpoint(&parts, endpoint("acme"), &certificate), cases[i].of_acme,
                     "case %zu", i);
        cr_expect_eq(certificate_is_of_endpoint(&parts, endpoint("strict"), &certificate), cases[i].of_strict,
                     "case %zu", i);
    }
    jobs_place_end(&place);
}
