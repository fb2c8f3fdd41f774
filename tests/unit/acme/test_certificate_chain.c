/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate_scene.h"

LEAK_CHECKED_SUITE(certificate_chain);

Test(certificate_chain, defect_11_that_does_not_chain_to_the_pinned_root_is_refused)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate made = scene_leaf(&scene);
    struct bytes leaf = pki_der(arena, pki_certificate(arena, &made));
    struct bytes intermediate = pki_der(arena, scene.ca.intermediate);
    struct bytes stranger = pki_der(arena, scene.ca.stranger);
    made.signer = scene.ca.stranger;
    made.signer_key = scene.ca.stranger_key;
    struct bytes foreign = pki_der(arena, pki_certificate(arena, &made));
    made.signer = NULL;
    made.signer_key = NULL;
    struct bytes self_signed = pki_der(arena, pki_certificate(arena, &made));
    made = scene_leaf(&scene);
    made.signer_key = scene.ca.stranger_key;
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
        struct fault fault = {0};
        struct certificate_facts facts;
        cr_expect_not(
            certificate_check(arena, cases[i].chain, cases[i].count, &scene.expectation, &facts, &fault));
        scene_expect_fault(fault.message, cases[i].why);
    }
    scene.expectation.roots = pki_roots(arena, scene.ca.intermediate);
    made = scene_leaf(&scene);
    scene_expect_fault(scene_fault_of(&scene, &made), "chain to a pinned root");
    scene_end(&scene);
}

Test(certificate_chain, with_two_intermediates_is_accepted)
{
    struct scene scene;
    scene_begin(&scene);
    struct pki_certificate second = {.key = scene.ca.stranger_key,
                                     .signer = scene.ca.intermediate,
                                     .signer_key = scene.ca.intermediate_key,
                                     .common_name = "Second",
                                     .is_ca = true,
                                     .not_before = now - DAY_S,
                                     .not_after = now + 10 * DAY_S};
    struct pki_certificate leaf = scene_leaf(&scene);
    leaf.signer = pki_certificate(scene.arena, &second);
    leaf.signer_key = scene.ca.stranger_key;
    struct bytes chain[] = {pki_der(scene.arena, pki_certificate(scene.arena, &leaf)),
                            pki_der(scene.arena, leaf.signer), pki_der(scene.arena, scene.ca.intermediate)};
    struct fault fault = {0};
    struct certificate_facts facts;
    cr_expect(certificate_check(scene.arena, chain, 3, &scene.expectation, &facts, &fault), "%s",
              fault.message);
    scene_end(&scene);
}

Test(certificate_chain, that_outlives_its_chain_is_refused)
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
        scene_begin(&scene);
        struct pki_certificate root = {.key = scene.ca.root_key,
                                       .common_name = "Root",
                                       .is_ca = true,
                                       .not_before = now - DAY_S,
                                       .not_after = now + cases[i].root_end};
        struct pki_certificate intermediate = root;
        scene.ca.root = pki_certificate(scene.arena, &root);
        scene.expectation.roots = pki_roots(scene.arena, scene.ca.root);
        intermediate.key = scene.ca.intermediate_key;
        intermediate.common_name = "Intermediate";
        intermediate.signer = scene.ca.root;
        intermediate.signer_key = scene.ca.root_key;
        intermediate.not_after = now + cases[i].intermediate_end;
        scene.ca.intermediate = pki_certificate(scene.arena, &intermediate);
        struct pki_certificate leaf = scene_leaf(&scene);
        leaf.not_after = now + cases[i].leaf_end;
        if (cases[i].good) {
            cr_expect_null(scene_fault_of(&scene, &leaf), "case %zu", i);
        } else {
            scene_expect_fault(scene_fault_of(&scene, &leaf), "later than its chain");
        }
        scene_end(&scene);
    }
}

/* While a root is replaced, both of its certificates are pinned. */
Test(certificate_chain, that_another_path_carries_to_its_end_is_accepted)
{
    static const int64_t root_ends[][2] = {{HOUR_S, 10 * DAY_S}, {10 * DAY_S, HOUR_S}, {HOUR_S, HOUR_S}};
    for (size_t i = 0; i < sizeof root_ends / sizeof root_ends[0]; i++) {
        struct scene scene;
        scene_begin(&scene);
        struct pki_certificate root = {.key = scene.ca.root_key,
                                       .common_name = "Root",
                                       .is_ca = true,
                                       .not_before = now - DAY_S,
                                       .not_after = now + root_ends[i][0]};
        scene.expectation.roots = pki_roots(scene.arena, pki_certificate(scene.arena, &root));
        root.not_after = now + root_ends[i][1];
        cr_assert_eq(X509_STORE_add_cert(scene.expectation.roots, pki_certificate(scene.arena, &root)), 1);
        struct pki_certificate leaf = scene_leaf(&scene);
        if (i < 2) {
            cr_expect_null(scene_fault_of(&scene, &leaf), "case %zu", i);
        } else {
            scene_expect_fault(scene_fault_of(&scene, &leaf), "later than its chain");
        }
        scene_end(&scene);
    }
}

struct cross_signed_case {
    bool pins_new, sends_cross;
    const char *fault; /* NULL: it verifies */
};

/* A new root that a pinned one has signed too is inside the pinned trust, as long as that certificate comes
 * along. */
Test(certificate_chain, by_a_new_root_that_the_pinned_one_has_cross_signed_is_accepted)
{
    static const struct cross_signed_case cases[] = {
        {false, true, NULL},
        {false, false, "chain to a pinned root"},
        {true, true, NULL},
        {true, false, NULL},
    };
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate authority = {.key = scene.ca.stranger_key,
                                        .common_name = "New root",
                                        .is_ca = true,
                                        .not_before = now - DAY_S,
                                        .not_after = now + 100 * DAY_S};
    X509 *new_root = pki_certificate(arena, &authority);
    authority.signer = scene.ca.root;
    authority.signer_key = scene.ca.root_key;
    struct bytes cross = pki_der(arena, pki_certificate(arena, &authority));
    struct pki_certificate intermediate = {.key = scene.ca.intermediate_key,
                                           .signer = new_root,
                                           .signer_key = scene.ca.stranger_key,
                                           .common_name = "New intermediate",
                                           .is_ca = true,
                                           .not_before = now - DAY_S,
                                           .not_after = now + 10 * DAY_S};
    struct pki_certificate leaf = scene_leaf(&scene);
    leaf.signer = pki_certificate(arena, &intermediate);
    struct bytes chain[] = {pki_der(arena, pki_certificate(arena, &leaf)), pki_der(arena, leaf.signer),
                            cross};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct certificate_facts facts;
        struct fault fault = {0};
        scene.expectation.roots = pki_roots(arena, cases[i].pins_new ? new_root : scene.ca.root);
        bool fits =
            certificate_check(arena, chain, cases[i].sends_cross ? 3 : 2, &scene.expectation, &facts, &fault);
        cr_expect_eq(fits, cases[i].fault == NULL, "%zu: %s", i, fault.message);
        if (!fits)
            scene_expect_fault(fault.message, cases[i].fault);
    }
    scene_end(&scene);
}

/* More intermediates than it holds, each met twice, and one that must not vouch for another's leaf. */
Test(certificate_chain, remembered_intermediates_change_no_verdict)
{
    enum { INTERMEDIATES = 20 };
    struct scene scene;
    scene_begin(&scene);
    scene.expectation.intermediates = certificate_cache_new();
    struct bytes first = pki_der(scene.arena, scene.ca.intermediate);
    struct pki_certificate leaf = scene_leaf(&scene);
    struct bytes leaf_der = pki_der(scene.arena, pki_certificate(scene.arena, &leaf));
    for (int i = 0; i < INTERMEDIATES; i++) {
        struct pki_certificate other = {.key = scene.ca.stranger_key,
                                        .signer = scene.ca.intermediate,
                                        .signer_key = scene.ca.intermediate_key,
                                        .common_name = arena_printf(scene.arena, "Other %d", i),
                                        .is_ca = true,
                                        .not_before = now - DAY_S,
                                        .not_after = now + 10 * DAY_S};
        struct bytes other_der = pki_der(scene.arena, pki_certificate(scene.arena, &other));
        struct bytes good[] = {leaf_der, first, other_der}, bad[] = {leaf_der, other_der};
        struct certificate_facts facts;
        struct fault fault = {0};
        for (int again = 0; again < 2; again++) {
            cr_expect(certificate_check(scene.arena, good, 3, &scene.expectation, &facts, &fault), "%s",
                      fault.message);
            cr_expect_not(certificate_check(scene.arena, bad, 2, &scene.expectation, &facts, &fault));
        }
    }
    certificate_cache_free(scene.expectation.intermediates);
    scene_end(&scene);
}

Test(certificate_chain, chains_to_its_root_whatever_the_time)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate leaf = scene_leaf(&scene);
    leaf.not_before = now - 20 * DAY_S;
    leaf.not_after = now - 19 * DAY_S;
    struct bytes der = pki_der(arena, pki_certificate(arena, &leaf));
    struct bytes chain = bytes_from_string(certificate_to_pem(arena, pki_der(arena, scene.ca.intermediate)));
    X509_STORE *roots = scene.expectation.roots;
    cr_expect(certificate_chains_to(der, chain, roots));
    cr_expect_not(certificate_chains_to(der, bytes_of(NULL, 0), roots), "the intermediate is missing");
    cr_expect_not(certificate_chains_to(der, chain, pki_roots(arena, scene.ca.stranger)), "another root");
    cr_expect_not(certificate_chains_to(BYTES_LITERAL("x"), chain, roots));
    cr_expect_not(certificate_chains_to(der, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n"), roots));

    leaf.signer = scene.ca.root;
    leaf.signer_key = scene.ca.root_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect(certificate_chains_to(der, bytes_of(NULL, 0), roots), "signed by the root itself");
    leaf.signer_key = scene.ca.stranger_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_chains_to(der, bytes_of(NULL, 0), roots),
                  "the root's name, another's signature");
    scene_end(&scene);
}

Test(certificate_chain, C7_what_the_ca_signed_is_known_though_it_does_not_verify)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct pki_certificate leaf = scene_leaf(&scene);
    struct bytes chain = bytes_from_string(certificate_to_pem(arena, pki_der(arena, scene.ca.intermediate)));
    X509_STORE *roots = scene.expectation.roots;
    cr_expect(certificate_is_signed_under(pki_der(arena, pki_certificate(arena, &leaf)), chain, roots),
              "a good one");
    leaf.unknown_critical = true;
    struct bytes der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_chains_to(der, chain, roots), "OpenSSL does not verify it");
    cr_expect(certificate_is_signed_under(der, chain, roots));
    cr_expect_not(certificate_is_signed_under(der, bytes_of(NULL, 0), roots), "the intermediate is missing");
    cr_expect_not(certificate_is_signed_under(der, chain, pki_roots(arena, scene.ca.stranger)),
                  "another root");
    cr_expect_not(certificate_is_signed_under(BYTES_LITERAL("x"), chain, roots));
    cr_expect_not(
        certificate_is_signed_under(der, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nAAAA\n"), roots));
    leaf.signer_key = scene.ca.stranger_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_is_signed_under(der, chain, roots),
                  "the intermediate's name, another's signature");
    leaf.signer = scene.ca.root;
    leaf.signer_key = scene.ca.root_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect(certificate_is_signed_under(der, bytes_of(NULL, 0), roots), "signed by the root itself");
    leaf.signer_key = scene.ca.stranger_key;
    der = pki_der(arena, pki_certificate(arena, &leaf));
    cr_expect_not(certificate_is_signed_under(der, bytes_of(NULL, 0), roots),
                  "the root's name, another's signature");
    scene_end(&scene);
}
