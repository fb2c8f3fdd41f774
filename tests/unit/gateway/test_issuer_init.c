/* SPDX-License-Identifier: Apache-2.0 */
/* The roots that an issuer pins, and the chains that its certificates may be given with. */
#include "acme/pki.h"
#include "acme/pki/certificate.h"
#include "gateway/ca/issuer.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(issuer_init);

enum { NOW = 1800000000, DAY_S = 24 * 3600 };

static X509 *root(struct arena *arena, int64_t days)
{
    const struct pki_certificate wanted = {.key = pki_key(arena, "P-256"),
                                           .common_name = arena_printf(arena, "Root %lld", (long long)days),
                                           .is_ca = true,
                                           .not_before = NOW - DAY_S,
                                           .not_after = NOW + days * DAY_S};
    return pki_certificate(arena, &wanted);
}

static struct bytes join(struct arena *arena, struct bytes a, struct bytes b)
{
    return bytes_from_string(arena_printf(arena, "%s%s", arena_string(arena, a), arena_string(arena, b)));
}

/* Trust fails closed. */
Test(issuer_init, roots_are_certificates_of_cas_and_one_signs_itself)
{
    struct arena *arena = arena_new();
    struct pki_ca ca = pki_ca(arena, NOW, 30);
    const struct pki_certificate wanted = pki_leaf(&ca, NOW, "DNS:www.test");
    const struct bytes good = pki_pem(arena, ca.root), between = pki_pem(arena, ca.intermediate),
                       leaf = pki_pem(arena, pki_certificate(arena, &wanted));
    const struct {
        struct bytes pem;
        size_t count;
        const char *words; /* NULL: it is accepted */
    } cases[] = {
        {good, 1, NULL},
        {join(arena, between, good), 2, NULL},
        {{0}, 0, "it contains no certificate, or a damaged one"},
        {BYTES_LITERAL("rubbish"), 0, "it contains no certificate, or a damaged one"},
        {between, 0, "it contains an intermediate but no root: put the CA's root there"},
        {leaf, 0, "certificate 1 in it is not a CA certificate"},
        {join(arena, good, leaf), 0, "certificate 2 in it is not a CA certificate"},
    };
    size_t before = issuer_objects();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct issuer issuer;
        struct fault fault = {0};
        cr_expect_eq(issuer_init(&issuer, NULL, arena, "main", cases[i].pem, &fault), cases[i].words == NULL,
                     "%zu: %s", i, fault.message);
        cr_expect_str_eq(fault.message, cases[i].words == NULL ? "" : cases[i].words, "%zu", i);
        cr_expect_eq(issuer.root_count, cases[i].count, "%zu", i);
        cr_expect_eq(issuer_objects(), before + 1, "%zu", i);
        issuer_clear(&issuer);
        cr_expect_eq(issuer_objects(), before, "%zu", i);
    }
    arena_free(arena);
}

/* Commands open the roots alone; a local CA has them in its directory. */
Test(issuer_init, the_pinned_roots_open_from_their_file)
{
    struct arena *arena = arena_new();
    const char *folder = scratch_directory_new(arena);
    scratch_write(folder, "root_ca.crt", arena_string(arena, pki_pem(arena, root(arena, 100))));
    scratch_write(folder, "rubbish", "rubbish");
    const struct {
        const char *file;  /* NULL: a local CA's */
        const char *words; /* NULL: they open */
    } cases[] = {
        {"root_ca.crt", NULL},
        {NULL, NULL},
        {"none", "/none: No such file or directory"},
        {"rubbish", "/rubbish: it contains no certificate, or a damaged one"},
    };
    size_t before = issuer_objects();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct issuer issuer;
        struct fault fault = {0};
        const struct issuer_config config = {
            .id = "main",
            .type = cases[i].file == NULL ? ISSUER_LOCAL : ISSUER_STEPCA,
            .directory = folder,
            .root_cert_path =
                cases[i].file == NULL ? NULL : arena_printf(arena, "%s/%s", folder, cases[i].file)};
        bool opened = issuer_open_roots(&issuer, &config, arena, &fault);
        cr_expect_eq(opened, cases[i].words == NULL, "%zu: %s", i, fault.message);
        if (cases[i].words != NULL)
            cr_expect_str_eq(fault.message, arena_printf(arena, "%s%s", folder, cases[i].words));
        if (opened) {
            cr_expect_eq(issuer.root_count, 1, "%zu", i);
            issuer_clear(&issuer);
        }
        cr_expect_eq(issuer_objects(), before, "%zu", i);
    }
    scratch_directory_remove(folder);
    arena_free(arena);
}

/* The first root's fingerprint is the issuer's identity; the limits know the last end. */
Test(issuer_init, the_first_root_names_it_and_both_ends_are_known)
{
    static const int64_t days[][2] = {{100, 200}, {200, 100}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < 2; i++) {
        struct issuer issuer;
        struct fault fault;
        X509 *first = root(arena, days[i][0]), *second = root(arena, days[i][1]);
        cr_assert(issuer_init(&issuer, NULL, arena, "main",
                              join(arena, pki_pem(arena, first), pki_pem(arena, second)), &fault),
                  "%s", fault.message);
        cr_expect_eq(issuer.roots_first_end, NOW + 100 * (int64_t)DAY_S, "%zu", i);
        cr_expect_eq(issuer.roots_last_end, NOW + 200 * (int64_t)DAY_S, "%zu", i);
        cr_expect_str_eq(issuer.root_fingerprint, certificate_fingerprint(arena, pki_der(arena, first)));
        cr_expect_str_eq(issuer.root_fingerprints[1], certificate_fingerprint(arena, pki_der(arena, second)));
        static const struct {
            int64_t told_days, expected_days;
        } ends[] = {{0, 200}, {50, 50}, {200, 200}, {300, 200}};
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            struct ca_knowledge knowledge;
            struct issuer_status status;
            ca_knowledge_init(&knowledge);
            const struct validity_limits limits = {
                .chain_not_after = ends[k].told_days == 0 ? 0 : NOW + ends[k].told_days * DAY_S};
            issuer_set_limits(&issuer, &limits, &knowledge);
            issuer_read_status(&issuer, &status);
            cr_expect_eq(status.limits.chain_not_after, NOW + ends[k].expected_days * DAY_S, "%zu", k);
        }
        issuer_clear(&issuer);
    }
    arena_free(arena);
}

Test(issuer_init, a_chain_ends_with_the_first_of_its_certificates)
{
    struct arena *arena = arena_new();
    const struct bytes early = pki_der(arena, root(arena, 10)), late = pki_der(arena, root(arena, 20));
    const struct {
        struct bytes chain[2];
        size_t count;
        int64_t end;
    } cases[] = {
        {{early, late}, 2, NOW + 10 * (int64_t)DAY_S}, {{late, early}, 2, NOW + 10 * (int64_t)DAY_S},
        {{late}, 1, NOW + 20 * (int64_t)DAY_S},        {{late, BYTES_LITERAL("rubbish")}, 2, 0},
        {{BYTES_LITERAL("rubbish"), late}, 2, 0},      {{{0}}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(issuer_chain_end(cases[i].chain, cases[i].count), cases[i].end, "%zu", i);
    arena_free(arena);
}

/* The alternates count from 1, and each is given only with a certificate that it vouches for. */
Test(issuer_init, an_alternate_chain_is_given_with_its_own_certificates)
{
    struct arena *arena = arena_new();
    struct pki_ca ca = pki_ca(arena, NOW, 30);
    const struct pki_certificate wanted = pki_leaf(&ca, NOW, "DNS:www.test");
    const struct bytes leaf = pki_der(arena, pki_certificate(arena, &wanted));
    struct bytes alternates[] = {pki_pem(arena, ca.intermediate), pki_pem(arena, ca.stranger)};
    const struct issuer issuer = {.alternates = alternates, .alternate_count = 2};
    static const bool given[] = {false, true, false, false};
    for (size_t n = 0; n < sizeof given / sizeof *given; n++) {
        struct bytes chain = {0};
        cr_expect_eq(issuer_alternate_chain(&issuer, leaf, n, &chain), given[n], "%zu", n);
        cr_expect(!given[n] || bytes_equal(chain, alternates[n - 1]), "%zu", n);
    }
    arena_free(arena);
}
