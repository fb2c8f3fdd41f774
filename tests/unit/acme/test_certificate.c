/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(certificate);

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };
static const int64_t now = 1800000000;

/* A CA of root and intermediate, and an order that it is about to sign. */
struct scene {
    struct arena *arena;
    EVP_PKEY *root_key, *intermediate_key, *key, *other_key;
    X509 *root, *intermediate, *stranger;
    struct certificate_expectation expectation;
};

static void setup(struct scene *scene)
{
    struct arena *arena = arena_new();
    *scene = (struct scene){.arena = arena};
    scene->root_key = pki_key(arena, "P-256");
    scene->intermediate_key = pki_key(arena, "P-256");
    scene->key = pki_key(arena, "P-256");
    scene->other_key = pki_key(arena, "P-256");
    struct pki_certificate root = {.key = scene->root_key,
                                   .common_name = "Root",
                                   .is_ca = true,
                                   .not_before = now - 1000 * (int64_t)DAY_S,
                                   .not_after = now + 1000 * (int64_t)DAY_S};
    scene->root = pki_certificate(arena, &root);
    struct pki_certificate intermediate = root;
    intermediate.key = scene->intermediate_key;
    intermediate.common_name = "Intermediate";
    intermediate.signer = scene->root;
    intermediate.signer_key = scene->root_key;
    scene->intermediate = pki_certificate(arena, &intermediate);
    root.key = scene->other_key;
    scene->stranger = pki_certificate(arena, &root);

    struct pki_csr csr = {.key = scene->key, .names = "DNS:a.example,IP:10.0.0.1"};
    struct bytes der = pki_csr(arena, &csr);
    const unsigned char *at = der.p;
    scene->expectation = (struct certificate_expectation){
        .csr = d2i_X509_REQ(NULL, &at, (long)der.n),
        .latest_not_after = now + DAY_S + CERTIFICATE_SLACK_S,
        .roots = pki_roots(arena, scene->root),
        .now = now,
    };
    scene->expectation.identifiers =
        pki_identifiers(arena, "dns:a.example, ip:10.0.0.1", &scene->expectation.identifier_count);
}

static void teardown(struct scene *scene)
{
    X509_REQ_free(scene->expectation.csr);
    arena_free(scene->arena);
}

/* What step-ca answers: the order's names, the first as the common name, begun a minute ago. */
static struct pki_certificate good_leaf(const struct scene *scene)
{
    return (struct pki_certificate){
        .key = scene->key,
        .signer = scene->intermediate,
        .signer_key = scene->intermediate_key,
        .common_name = "a.example",
        .names = "DNS:a.example,IP:10.0.0.1",
        .not_before = now - 60,
        .not_after = now + DAY_S,
    };
}

/* NULL when leaf and intermediate pass, else why not. */
static const char *fault_of(struct scene *scene, const struct pki_certificate *leaf)
{
    struct bytes chain[] = {pki_der(scene->arena, pki_certificate(scene->arena, leaf)),
                            pki_der(scene->arena, scene->intermediate)};
    const char *why = NULL;
    struct certificate_facts facts;
    bool good = certificate_check(scene->arena, chain, 2, &scene->expectation, &facts, &why);
    cr_expect_eq(good, why == NULL);
    return why;
}

static void expect_fault(const char *got, const char *expected)
{
    cr_expect_not_null(got, "accepted, expected: %s", expected);
    if (got != NULL) {
        cr_expect_not_null(strstr(got, expected), "%s; expected: %s", got, expected);
    }
}

Test(certificate, that_answers_the_order_is_accepted)
{
    struct scene scene;
    setup(&scene);
    struct pki_certificate leaf = good_leaf(&scene);
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.common_name = NULL;
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.names = "IP:10.0.0.1,DNS:A.EXAMPLE";
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.not_after = now + DAY_S + CERTIFICATE_SLACK_S;
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.not_after = now + 1;
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.not_before = now + CERTIFICATE_SLACK_S;
    leaf.not_after = now + HOUR_S;
    cr_expect_null(fault_of(&scene, &leaf), "the CA's clock may be a little ahead");
    teardown(&scene);
}

Test(certificate, defect_11_that_does_not_answer_the_order_is_refused)
{
    struct scene scene;
    setup(&scene);
    struct {
        EVP_PKEY *key;
        const char *common_name, *names;
        int64_t not_before, not_after;
        bool is_ca;
        const char *why;
    } cases[] = {
        {.key = scene.other_key, .why = "public key is not that of the CSR"},
        {.names = "DNS:a.example", .why = "identifier 10.0.0.1 is not in the certificate"},
        {.names = "DNS:a.example,IP:10.0.0.1,DNS:b.example",
         .why = "holds b.example, which is not in the order"},
        {.names = "DNS:a.example,IP:10.0.0.2", .why = "10.0.0.1 is not in the certificate"},
        {.names = "DNS:*.example,IP:10.0.0.1", .why = "*.example, which is not in the order"},
        {.names = "IP:10.0.0.1", .why = "identifier a.example is not in the certificate"},
        {.names = "DNS:a.example,IP:10.0.0.1,email:x@a.example", .why = "an e-mail address"},
        {.names = "DNS:a.example,IP:10.0.0.1,URI:spiffe://a/b", .why = "a URI"},
        {.common_name = "b.example", .why = "common name b.example of the certificate is not in the order"},
        {.common_name = "Some Body", .why = "the common name \"Some Body\""},
        {.not_after = now + DAY_S + CERTIFICATE_SLACK_S + 1, .why = "later than 2027-01-16T08:01:00Z"},
        {.not_after = now, .why = "already ended, at 2027-01-15T08:00:00Z"},
        {.not_before = now + CERTIFICATE_SLACK_S + 1, .why = "compare the clocks"},
        {.is_ca = true, .why = "is a CA's"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = good_leaf(&scene);
        leaf.key = cases[i].key != NULL ? cases[i].key : leaf.key;
        leaf.common_name = cases[i].common_name != NULL ? cases[i].common_name : leaf.common_name;
        leaf.names = cases[i].names != NULL ? cases[i].names : leaf.names;
        leaf.not_before = cases[i].not_before != 0 ? cases[i].not_before : leaf.not_before;
        leaf.not_after = cases[i].not_after != 0 ? cases[i].not_after : leaf.not_after;
        leaf.is_ca = cases[i].is_ca;
        expect_fault(fault_of(&scene, &leaf), cases[i].why);
    }
    struct pki_certificate nameless = good_leaf(&scene);
    nameless.names = NULL;
    expect_fault(fault_of(&scene, &nameless), "is not in the certificate");
    teardown(&scene);
}

Test(certificate, defect_11_that_does_not_chain_to_the_pinned_root_is_refused)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate made = good_leaf(&scene);
    struct bytes leaf = pki_der(arena, pki_certificate(arena, &made));
    struct bytes intermediate = pki_der(arena, scene.intermediate);
    struct bytes stranger = pki_der(arena, scene.stranger);
    made.signer = scene.stranger;
    made.signer_key = scene.other_key;
    struct bytes foreign = pki_der(arena, pki_certificate(arena, &made));
    made.signer = NULL;
    made.signer_key = NULL;
    struct bytes self_signed = pki_der(arena, pki_certificate(arena, &made));
    made = good_leaf(&scene);
    made.signer_key = scene.other_key;
    struct bytes forged = pki_der(arena, pki_certificate(arena, &made));
    struct {
        struct bytes chain[2];
        size_t count;
        const char *why;
    } cases[] = {
        {{leaf, intermediate}, 0, "sent no certificate"},
        {{leaf}, 1, "chain to a pinned root"},
        {{leaf, stranger}, 2, "chain to a pinned root"},
        {{foreign, stranger}, 2, "chain to a pinned root"},
        {{self_signed}, 1, "chain to a pinned root"},
        {{forged, intermediate}, 2, "chain to a pinned root"},
        {{intermediate, leaf}, 2, "public key"},
        {{BYTES_LITERAL("x"), intermediate}, 2, "the certificate cannot be read"},
        {{bytes_of(leaf.p, leaf.n - 1), intermediate}, 2, "the certificate cannot be read"},
        {{leaf, bytes_of(intermediate.p, 9)}, 2, "certificate 2 of the chain cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = NULL;
        struct certificate_facts facts;
        cr_expect_not(
            certificate_check(arena, cases[i].chain, cases[i].count, &scene.expectation, &facts, &why));
        expect_fault(why, cases[i].why);
    }
    scene.expectation.roots = pki_roots(arena, scene.intermediate);
    made = good_leaf(&scene);
    expect_fault(fault_of(&scene, &made), "chain to a pinned root");
    teardown(&scene);
}

Test(certificate, with_two_intermediates_is_accepted)
{
    struct scene scene;
    setup(&scene);
    struct pki_certificate second = {.key = scene.other_key,
                                     .signer = scene.intermediate,
                                     .signer_key = scene.intermediate_key,
                                     .common_name = "Second",
                                     .is_ca = true,
                                     .not_before = now - DAY_S,
                                     .not_after = now + 10 * DAY_S};
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.signer = pki_certificate(scene.arena, &second);
    leaf.signer_key = scene.other_key;
    struct bytes chain[] = {pki_der(scene.arena, pki_certificate(scene.arena, &leaf)),
                            pki_der(scene.arena, leaf.signer), pki_der(scene.arena, scene.intermediate)};
    const char *why = NULL;
    struct certificate_facts facts;
    cr_expect(certificate_check(scene.arena, chain, 3, &scene.expectation, &facts, &why), "%s", why);
    teardown(&scene);
}

Test(certificate, that_outlives_its_chain_is_refused)
{
    static const struct {
        int64_t root_end, intermediate_end; /* from now, as the next */
        int64_t leaf_end;
        bool good;
    } cases[] = {
        {10 * DAY_S, DAY_S, DAY_S, true}, {10 * DAY_S, DAY_S - 1, DAY_S, false},
        {DAY_S, 10 * DAY_S, DAY_S, true}, {DAY_S - 1, 10 * DAY_S, DAY_S, false},
        {HOUR_S, HOUR_S, HOUR_S, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        setup(&scene);
        struct pki_certificate root = {.key = scene.root_key,
                                       .common_name = "Root",
                                       .is_ca = true,
                                       .not_before = now - DAY_S,
                                       .not_after = now + cases[i].root_end};
        struct pki_certificate intermediate = root;
        scene.root = pki_certificate(scene.arena, &root);
        scene.expectation.roots = pki_roots(scene.arena, scene.root);
        intermediate.key = scene.intermediate_key;
        intermediate.common_name = "Intermediate";
        intermediate.signer = scene.root;
        intermediate.signer_key = scene.root_key;
        intermediate.not_after = now + cases[i].intermediate_end;
        scene.intermediate = pki_certificate(scene.arena, &intermediate);
        struct pki_certificate leaf = good_leaf(&scene);
        leaf.not_after = now + cases[i].leaf_end;
        if (cases[i].good) {
            cr_expect_null(fault_of(&scene, &leaf), "case %zu", i);
        } else {
            expect_fault(fault_of(&scene, &leaf), "later than its chain");
        }
        teardown(&scene);
    }
}

/* While a root is replaced, both of its certificates are pinned. */
Test(certificate, that_another_path_carries_to_its_end_is_accepted)
{
    static const int64_t root_ends[][2] = {{HOUR_S, 10 * DAY_S}, {10 * DAY_S, HOUR_S}, {HOUR_S, HOUR_S}};
    for (size_t i = 0; i < sizeof root_ends / sizeof root_ends[0]; i++) {
        struct scene scene;
        setup(&scene);
        struct pki_certificate root = {.key = scene.root_key,
                                       .common_name = "Root",
                                       .is_ca = true,
                                       .not_before = now - DAY_S,
                                       .not_after = now + root_ends[i][0]};
        scene.expectation.roots = pki_roots(scene.arena, pki_certificate(scene.arena, &root));
        root.not_after = now + root_ends[i][1];
        cr_assert_eq(X509_STORE_add_cert(scene.expectation.roots, pki_certificate(scene.arena, &root)), 1);
        struct pki_certificate leaf = good_leaf(&scene);
        if (i < 2) {
            cr_expect_null(fault_of(&scene, &leaf), "case %zu", i);
        } else {
            expect_fault(fault_of(&scene, &leaf), "later than its chain");
        }
        teardown(&scene);
    }
}

struct cross_signed_case {
    bool pins_new, sends_cross;
    const char *fault; /* NULL: it verifies */
};

/* A new root that a pinned one has signed too is inside the pinned trust, as long as that certificate comes
 * along. */
Test(certificate, by_a_new_root_that_the_pinned_one_has_cross_signed_is_accepted)
{
    static const struct cross_signed_case cases[] = {
        {false, true, NULL},
        {false, false, "chain to a pinned root"},
        {true, true, NULL},
        {true, false, NULL},
    };
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate authority = {.key = scene.other_key,
                                        .common_name = "New root",
                                        .is_ca = true,
                                        .not_before = now - DAY_S,
                                        .not_after = now + 100 * DAY_S};
    X509 *new_root = pki_certificate(arena, &authority);
    authority.signer = scene.root;
    authority.signer_key = scene.root_key;
    struct bytes cross = pki_der(arena, pki_certificate(arena, &authority));
    struct pki_certificate intermediate = {.key = scene.intermediate_key,
                                           .signer = new_root,
                                           .signer_key = scene.other_key,
                                           .common_name = "New intermediate",
                                           .is_ca = true,
                                           .not_before = now - DAY_S,
                                           .not_after = now + 10 * DAY_S};
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.signer = pki_certificate(arena, &intermediate);
    struct bytes chain[] = {pki_der(arena, pki_certificate(arena, &leaf)), pki_der(arena, leaf.signer),
                            cross};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct certificate_facts facts;
        const char *why = NULL;
        scene.expectation.roots = pki_roots(arena, cases[i].pins_new ? new_root : scene.root);
        bool fits =
            certificate_check(arena, chain, cases[i].sends_cross ? 3 : 2, &scene.expectation, &facts, &why);
        cr_expect_eq(fits, cases[i].fault == NULL, "%zu: %s", i, why);
        if (!fits)
            expect_fault(why, cases[i].fault);
    }
    teardown(&scene);
}

/* More intermediates than it holds, each met twice, and one that must not vouch for another's leaf. */
Test(certificate, remembered_intermediates_change_no_verdict)
{
    enum { INTERMEDIATES = 20 };
    struct scene scene;
    setup(&scene);
    scene.expectation.intermediates = certificate_cache_new();
    struct bytes first = pki_der(scene.arena, scene.intermediate);
    struct pki_certificate leaf = good_leaf(&scene);
    struct bytes leaf_der = pki_der(scene.arena, pki_certificate(scene.arena, &leaf));
    for (int i = 0; i < INTERMEDIATES; i++) {
        struct pki_certificate other = {.key = scene.other_key,
                                        .signer = scene.intermediate,
                                        .signer_key = scene.intermediate_key,
                                        .common_name = arena_printf(scene.arena, "Other %d", i),
                                        .is_ca = true,
                                        .not_before = now - DAY_S,
                                        .not_after = now + 10 * DAY_S};
        struct bytes other_der = pki_der(scene.arena, pki_certificate(scene.arena, &other));
        struct bytes good[] = {leaf_der, first, other_der}, bad[] = {leaf_der, other_der};
        struct certificate_facts facts;
        const char *why = NULL;
        for (int again = 0; again < 2; again++) {
            cr_expect(certificate_check(scene.arena, good, 3, &scene.expectation, &facts, &why), "%s", why);
            cr_expect_not(certificate_check(scene.arena, bad, 2, &scene.expectation, &facts, &why));
        }
    }
    certificate_cache_free(scene.expectation.intermediates);
    teardown(&scene);
}

Test(certificate, must_begin_when_the_order_said)
{
    struct scene scene;
    setup(&scene);
    int64_t ordered = now + 10 * HOUR_S;
    scene.expectation.earliest_not_before = ordered - CERTIFICATE_SLACK_S;
    scene.expectation.latest_not_before = ordered;
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.not_before = ordered;
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.not_before = ordered - CERTIFICATE_SLACK_S;
    cr_expect_null(fault_of(&scene, &leaf));
    leaf.not_before = ordered - CERTIFICATE_SLACK_S - 1;
    expect_fault(fault_of(&scene, &leaf), "before the notBefore that was asked for");
    leaf.not_before = ordered + CERTIFICATE_SLACK_S + 1;
    expect_fault(fault_of(&scene, &leaf), "only begins at");
    teardown(&scene);
}

Test(certificate, defect_13_serials_have_one_canonical_form)
{
    static const struct {
        const char *made, *canonical, *decimal;
    } cases[] = {
        {"0", "0", "0"},
        {"1", "1", "1"},
        {"0A", "a", "10"},
        {"0F", "f", "15"},
        {"10", "10", "16"},
        {"7F", "7f", "127"},
        {"80", "80", "128"}, /* padded with a zero octet in DER */
        {"FF", "ff", "255"}, /* the same */
        {"0100", "100", "256"},
        {"0ABCDEF0123456789ABCDEF012345678", "abcdef0123456789abcdef012345678",
         "14272953482578723085157962141937194616"},
        {"8ABCDEF0123456789ABCDEF012345678", "8abcdef0123456789abcdef012345678",
         "184414136943047954816845265857821300344"},
        {"7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "7fffffffffffffffffffffffffffffffffffffff",
         "730750818665451459101842416358141509827966271487"},
    };
    struct scene scene;
    setup(&scene);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = good_leaf(&scene);
        leaf.serial_hex = cases[i].made;
        struct certificate_facts facts;
        cr_assert(certificate_read_facts(scene.arena,
                                         pki_der(scene.arena, pki_certificate(scene.arena, &leaf)), &facts));
        cr_expect_str_eq(facts.serial, cases[i].canonical);
        cr_expect_str_eq(serial_to_decimal(scene.arena, facts.serial), cases[i].decimal);
    }
    teardown(&scene);
}

Test(certificate, serials_that_rfc_5280_forbids_are_refused)
{
    static const char *const serials[] = {"-1", "-80", "010000000000000000000000000000000000000000"};
    struct scene scene;
    setup(&scene);
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        struct pki_certificate leaf = good_leaf(&scene);
        leaf.serial_hex = serials[i];
        struct certificate_facts facts;
        cr_expect_not(certificate_read_facts(
                          scene.arena, pki_der(scene.arena, pki_certificate(scene.arena, &leaf)), &facts),
                      "%s", serials[i]);
    }
    static const char *const texts[] = {
        "", "xyz", "0x1", "-1", "12 ", "AB", "111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_expect_null(serial_to_decimal(scene.arena, texts[i]), "%s", texts[i]);
    }
    teardown(&scene);
}

Test(certificate, facts_are_read)
{
    struct scene scene;
    setup(&scene);
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.names = "DNS:B.example,URI:spiffe://a/b,DNS:a.example,IP:10.0.0.1";
    X509 *made = pki_certificate(scene.arena, &leaf);
    struct certificate_facts facts;
    cr_assert(certificate_read_facts(scene.arena, pki_der(scene.arena, made), &facts));
    cr_expect_eq(facts.not_before, now - 60);
    cr_expect_eq(facts.not_after, now + DAY_S);
    cr_assert_eq(facts.identifier_count, 3);
    cr_expect_str_eq(facts.identifiers[0].value, "a.example");
    cr_expect_str_eq(facts.identifiers[1].value, "b.example");
    cr_expect_str_eq(facts.identifiers[2].value, "10.0.0.1");

    unsigned char *spki = NULL;
    int length = i2d_PUBKEY(scene.key, &spki);
    uint8_t hash[32];
    cr_assert_eq(EVP_Digest(spki, (size_t)length, hash, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(spki);
    cr_expect(bytes_equal(bytes_of(facts.key_hash, 32), bytes_of(hash, 32)));

    leaf.names = NULL;
    cr_assert(certificate_read_facts(scene.arena, pki_der(scene.arena, pki_certificate(scene.arena, &leaf)),
                                     &facts));
    cr_assert_eq(facts.identifier_count, 1, "without subjectAltName the common name stands in");
    cr_expect_str_eq(facts.identifiers[0].value, "a.example");

    cr_expect_not(certificate_read_facts(scene.arena, BYTES_LITERAL("0"), &facts));
    cr_expect_not(certificate_read_facts(scene.arena, bytes_of(NULL, 0), &facts));
    teardown(&scene);
}

Test(certificate, chains_to_its_root_whatever_the_time)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.not_before = now - 20 * DAY_S;
    leaf.not_after = now - 19 * DAY_S;
    struct bytes der = pki_der(arena, pki_certificate(arena, &leaf));
    struct bytes chain = bytes_from_string(certificate_to_pem(arena, pki_der(arena, scene.intermediate)));
    X509_STORE *roots = scene.expectation.roots;
    cr_expect(certificate_chains_to(der, chain, roots));
    cr_expect_not(certificate_chains_to(der, bytes_of(NULL, 0), roots), "the intermediate is missing");
    cr_expect_not(certificate_chains_to(der, chain, pki_roots(arena, scene.stranger)), "another root");
    cr_expect_not(certificate_chains_to(BYTES_LITERAL("x"), chain, roots));
    cr_expect_not(certificate_chains_to(der, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n"), roots));

    leaf.signer = scene.root;
    leaf.signer_key = scene.root_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect(certificate_chains_to(der, bytes_of(NULL, 0), roots), "signed by the root itself");
    leaf.signer_key = scene.other_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_chains_to(der, bytes_of(NULL, 0), roots),
                  "the root's name, another's signature");
    teardown(&scene);
}

Test(certificate, C7_what_the_ca_signed_is_known_though_it_does_not_verify)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate leaf = good_leaf(&scene);
    struct bytes chain = bytes_from_string(certificate_to_pem(arena, pki_der(arena, scene.intermediate)));
    X509_STORE *roots = scene.expectation.roots;
    cr_expect(certificate_is_signed_under(pki_der(arena, pki_certificate(arena, &leaf)), chain, roots),
              "a good one");
    leaf.unknown_critical = true;
    struct bytes der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_chains_to(der, chain, roots), "OpenSSL does not verify it");
    cr_expect(certificate_is_signed_under(der, chain, roots));
    cr_expect_not(certificate_is_signed_under(der, bytes_of(NULL, 0), roots), "the intermediate is missing");
    cr_expect_not(certificate_is_signed_under(der, chain, pki_roots(arena, scene.stranger)), "another root");
    cr_expect_not(certificate_is_signed_under(BYTES_LITERAL("x"), chain, roots));
    cr_expect_not(
        certificate_is_signed_under(der, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n"), roots));
    leaf.signer_key = scene.other_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_is_signed_under(der, chain, roots),
                  "the intermediate's name, another's signature");
    leaf.signer = scene.root;
    leaf.signer_key = scene.root_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect(certificate_is_signed_under(der, bytes_of(NULL, 0), roots), "signed by the root itself");
    leaf.signer_key = scene.other_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_is_signed_under(der, bytes_of(NULL, 0), roots),
                  "the root's name, another's signature");
    teardown(&scene);
}

Test(certificate, pem_round_trip_keeps_order_and_octets)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct bytes first = pki_der(arena, scene.intermediate);
    struct bytes second = pki_der(arena, scene.root);
    char *text = arena_printf(arena, "a comment\n%s\n%s", certificate_to_pem(arena, first),
                              certificate_to_pem(arena, second));
    struct bytes *all = NULL;
    size_t count = 0;
    cr_assert(certificates_from_pem(arena, bytes_from_string(text), &all, &count));
    cr_assert_eq(count, 2);
    cr_expect(bytes_equal(all[0], first));
    cr_expect(bytes_equal(all[1], second));
    teardown(&scene);
}

Test(certificate, pem_of_a_chain_is_that_of_its_certificates_in_their_order)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    struct bytes chain[] = {pki_der(arena, scene.intermediate), pki_der(arena, scene.root),
                            pki_der(arena, scene.intermediate)};
    const char *expected = "";
    for (size_t count = 0; count <= sizeof chain / sizeof *chain; count++) {
        struct bytes pem = certificates_to_pem(arena, chain, count);
        cr_expect_str_eq((const char *)pem.p, expected, "%zu certificates", count);
        cr_expect_eq(pem.n, strlen(expected), "%zu certificates", count);
        if (count < sizeof chain / sizeof *chain)
            expected = arena_printf(arena, "%s%s", expected, certificate_to_pem(arena, chain[count]));
    }
    teardown(&scene);
}

Test(certificate, pem_without_certificates_or_with_a_broken_one_is_refused)
{
    struct scene scene;
    setup(&scene);
    struct arena *arena = scene.arena;
    const char *good = certificate_to_pem(arena, pki_der(arena, scene.root));
    const char *broken = certificate_to_pem(arena, BYTES_LITERAL("not a certificate"));
    const char *const texts[] = {
        "",
        "no PEM here",
        broken,
        arena_printf(arena, "%s%s", good, broken),
        arena_printf(arena, "%s%s%s", good, broken, good),
        arena_printf(arena, "%.*s", (int)strlen(good) - 30, good),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bytes *all;
        size_t count;
        cr_expect_not(certificates_from_pem(arena, bytes_from_string(texts[i]), &all, &count), "%zu", i);
    }
    teardown(&scene);
}

Test(certificate, fingerprint_is_lower_case_sha_256)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(certificate_fingerprint(arena, BYTES_LITERAL("abc")),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    arena_free(arena);
}

Test(certificate, without_an_order_keeps_to_the_policy)
{
    static const char *const allow[] = {"*.example", "10.0.0.0/8"}, *const deny[] = {"secret.example"};
    static const struct {
        const char *common_name, *names, *why;
    } cases[] = {
        {"a.example", "DNS:a.example,IP:10.0.0.1", NULL},
        {"b.example", "DNS:a.example", NULL},
        {"a.example", "DNS:a.example,DNS:secret.example", "secret.example is refused: the profile denies"},
        {"secret.example", "DNS:a.example", "secret.example is refused"},
        {"a.example", "DNS:a.other", "a.other is not allowed"},
        {"a.example", "DNS:a.example,IP:192.0.2.1", "192.0.2.1 is not allowed"},
        {"a.example", "DNS:a.example,email:x@a.example", "holds an e-mail address"},
        {"Acme Server 1", "DNS:a.example", "the common name \"Acme Server 1\""},
        {NULL, NULL, "names nothing"},
    };
    const struct name_policy policy = {.allow = allow, .allow_count = 2, .deny = deny, .deny_count = 1};
    struct scene scene;
    setup(&scene);
    X509_REQ_free(scene.expectation.csr);
    scene.expectation.csr = NULL;
    scene.expectation.key = scene.key;
    scene.expectation.policy = &policy;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = good_leaf(&scene);
        leaf.common_name = cases[i].common_name;
        leaf.names = cases[i].names;
        if (cases[i].why == NULL)
            cr_expect_null(fault_of(&scene, &leaf), "%s", cases[i].names);
        else
            expect_fault(fault_of(&scene, &leaf), cases[i].why);
    }
    struct pki_certificate leaf = good_leaf(&scene);
    leaf.key = scene.other_key;
    expect_fault(fault_of(&scene, &leaf), "is not the one that was asked for");
    teardown(&scene);
}

/* ---- which certificate it is ---- */

static struct bytes identity_leaf(struct arena *arena, EVP_PKEY *ca_key, const char *ca_name,
                                  EVP_PKEY *authority_key, const char *serial)
{
    struct pki_certificate ca = {.key = ca_key, .common_name = ca_name, .is_ca = true, .not_after = 4000};
    struct pki_certificate leaf = {.key = pki_key(arena, "P-256"),
                                   .signer = pki_certificate(arena, &ca),
                                   .signer_key = ca_key,
                                   .names = "DNS:www.example.org",
                                   .serial_hex = serial,
                                   .authority_key = authority_key,
                                   .not_after = 4000};
    return pki_der(arena, pki_certificate(arena, &leaf));
}

Test(certificate, S5_the_ca_and_the_serial_number_are_what_it_is)
{
    struct arena *arena = arena_new();
    EVP_PKEY *ca = pki_key(arena, "P-256"), *other_ca = pki_key(arena, "P-256");
    struct bytes leaf = identity_leaf(arena, ca, "CA", ca, "1a2b");
    struct bytes malleated = pki_malleate(arena, leaf), lengthened = pki_lengthen(arena, leaf);
    const struct {
        const char *what;
        struct bytes der;
        bool same;
    } cases[] = {
        {"itself", leaf, true},
        {"(r, n - s)", malleated, true},
        {"BER", lengthened, true},
        {"(r, n - s) in BER", pki_lengthen(arena, malleated), true},
        {"another of the same CA and serial number", identity_leaf(arena, ca, "CA", ca, "1a2b"), true},
        {"no key identifier", identity_leaf(arena, ca, "CA", NULL, "1a2b"), true},
        {"another CA of this name", identity_leaf(arena, other_ca, "CA", other_ca, "1a2b"), false},
        {"another name", identity_leaf(arena, ca, "CA 2", ca, "1a2b"), false},
        {"another serial number", identity_leaf(arena, ca, "CA", ca, "1a2c"), false},
        {"the negative serial number", identity_leaf(arena, ca, "CA", ca, "-1a2b"), false},
        {"trailing octets", bytes_of(lengthened.p, lengthened.n - 1), false},
        {"nothing", BYTES_LITERAL(""), false},
    };
    cr_expect_not(bytes_equal(leaf, malleated));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(certificate_is_same(leaf, cases[i].der), cases[i].same, "%s", cases[i].what);
        cr_expect_eq(certificate_is_same(cases[i].der, leaf), cases[i].same, "%s", cases[i].what);
    }
    arena_free(arena);
}

Test(certificate, S5_who_has_signed_it_is_told_by_name_key_and_signature)
{
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256"), *other_key = pki_key(arena, "P-256");
    struct pki_certificate parts = {.key = key, .common_name = "CA", .is_ca = true, .not_after = 4000};
    struct bytes ca = pki_der(arena, pki_certificate(arena, &parts));
    parts.common_name = "CA 2";
    struct bytes other_name = pki_der(arena, pki_certificate(arena, &parts));
    parts = (struct pki_certificate){.key = other_key, .common_name = "CA", .is_ca = true, .not_after = 4000};
    struct bytes other = pki_der(arena, pki_certificate(arena, &parts));
    struct bytes leaf = identity_leaf(arena, key, "CA", NULL, "1a2b");
    cr_expect(certificate_is_signed_by(leaf, ca));
    cr_expect(certificate_is_signed_by(pki_malleate(arena, leaf), ca));
    cr_expect_not(certificate_is_signed_by(leaf, other));
    cr_expect_not(certificate_is_signed_by(leaf, other_name));
    cr_expect_not(certificate_is_signed_by(leaf, leaf));
    cr_expect_not(certificate_is_signed_by(leaf, BYTES_LITERAL("x")));
    arena_free(arena);
}

Test(certificate, S16_facts_tell_what_no_authorization_of_names_speaks_for)
{
    static const struct {
        const char *names, *common_name, *usage, *beyond;
    } cases[] = {
        {"DNS:a.example.org,IP:192.0.2.1", NULL, NULL, NULL},
        {"DNS:a.example.org", "A.example.org", "serverAuth", NULL},
        {"DNS:*.example.org", NULL, "serverAuth,clientAuth", NULL},
        {NULL, "a.example.org", NULL, "no subjectAltName"},
        {NULL, NULL, NULL, "no subjectAltName"},
        {"DNS:a.example.org", "b.example.org", NULL, "the common name b.example.org"},
        {"DNS:a.example.org", "My service", NULL, "the common name \"My service\""},
        {"DNS:a.example.org,URI:spiffe://example.org/x", NULL, NULL, "a URI"},
        {"DNS:a.example.org,email:a@example.org", NULL, NULL, "an e-mail address"},
        {"DNS:a.example.org,otherName:1.2.3.4;UTF8:x", NULL, NULL, "a name that is neither DNS nor IP"},
        {"DNS:a.example.org,RID:1.2.3.4", NULL, NULL, "a registered ID"},
        {"DNS:a.example.org,DNS:not valid", NULL, NULL, "the DNS name \"not valid\""},
        {"DNS:a.example.org", NULL, "OCSPSigning", "OCSP responses"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate parts = {.key = pki_key(arena, "P-256"),
                                        .common_name = cases[i].common_name,
                                        .names = cases[i].names,
                                        .extended_key_usage = cases[i].usage,
                                        .not_after = 4000};
        struct certificate_facts facts;
        cr_assert(certificate_read_facts(arena, pki_der(arena, pki_certificate(arena, &parts)), &facts));
        const char *beyond = facts.beyond_names == NULL ? "nothing" : facts.beyond_names;
        cr_expect(strstr(beyond, cases[i].beyond == NULL ? "nothing" : cases[i].beyond) != NULL, "%s: %s",
                  cases[i].names, beyond);
    }
    arena_free(arena);
}

/* Eight octets are an address in name constraints only. */
Test(certificate, S16_an_address_of_another_length_is_beyond_names)
{
    struct arena *arena = arena_new();
    struct pki_certificate parts = {
        .key = pki_key(arena, "P-256"), .names = "DNS:a.example.org,IP:192.0.2.1", .not_after = 4000};
    X509 *certificate = pki_certificate(arena, &parts);
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    ASN1_OCTET_STRING *address = sk_GENERAL_NAME_value(names, 1)->d.iPAddress;
    cr_assert_eq(ASN1_OCTET_STRING_set(address, (const uint8_t *)"12345", 5), 1);
    cr_assert_eq(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE), 1);
    cr_assert_gt(X509_sign(certificate, parts.key, EVP_sha256()), 0);
    struct certificate_facts facts;
    cr_assert(certificate_read_facts(arena, pki_der(arena, certificate), &facts));
    cr_expect_str_eq(facts.beyond_names, "an IP address that is not valid");
    GENERAL_NAMES_free(names);
    arena_free(arena);
}

Test(certificate, its_validity_is_read_as_all_of_it_is)
{
    struct arena *arena = arena_new();
    const int64_t late = 2600000000; /* beyond 2050: GeneralizedTime */
    const int64_t ends[] = {1900000000, late};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct bytes der =
            pki_der(arena, pki_certificate(arena, &(struct pki_certificate){.key = pki_key(arena, "P-256"),
                                                                            .common_name = "a.example",
                                                                            .not_before = 1700000000,
                                                                            .not_after = ends[i]}));
        int64_t not_before = 0, not_after = 0;
        cr_assert(certificate_read_validity(der, &not_before, &not_after));
        cr_expect_eq(not_before, 1700000000);
        cr_expect_eq(not_after, ends[i]);
        struct certificate_facts facts;
        for (size_t n = 0; n < der.n; n++) { /* in memory of its own, so that a look beyond it is seen */
            uint8_t *cut = malloc(n == 0 ? 1 : n);
            memcpy(cut, der.p, n);
            cr_expect_not(certificate_read_validity(bytes_of(cut, n), &not_before, &not_after), "%zu octets",
                          n);
            free(cut);
        }
        for (size_t n = 0; n < der.n; n++) {
            uint8_t *changed = malloc(der.n);
            memcpy(changed, der.p, der.n);
            changed[n] ^= 0x81;
            struct bytes other = bytes_of(changed, der.n);
            bool whole = certificate_read_facts(arena, other, &facts);
            if (certificate_read_validity(other, &not_before, &not_after) && whole)
                cr_expect(not_before == facts.not_before && not_after == facts.not_after, "octet %zu", n);
            else
                cr_expect_not(whole, "octet %zu: read whole, but not its validity", n);
            free(changed);
        }
    }
    arena_free(arena);
}
