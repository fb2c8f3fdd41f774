/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate_scene.h"

LEAK_CHECKED_SUITE(certificate);

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
    scene_begin(&scene);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_certificate leaf = scene_leaf(&scene);
        leaf.serial_hex = cases[i].made;
        struct certificate_facts facts;
        cr_assert(certificate_read_facts(scene.arena,
                                         pki_der(scene.arena, pki_certificate(scene.arena, &leaf)), &facts));
        cr_expect_str_eq(facts.serial, cases[i].canonical);
        cr_expect_str_eq(serial_to_decimal(scene.arena, facts.serial), cases[i].decimal);
    }
    scene_end(&scene);
}

Test(certificate, serials_that_rfc_5280_forbids_are_refused)
{
    static const char *const serials[] = {"-1", "-80", "010000000000000000000000000000000000000000"};
    struct scene scene;
    scene_begin(&scene);
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        struct pki_certificate leaf = scene_leaf(&scene);
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
    scene_end(&scene);
}

Test(certificate, facts_are_read)
{
    struct scene scene;
    scene_begin(&scene);
    struct pki_certificate leaf = scene_leaf(&scene);
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
    int length = i2d_PUBKEY(scene.ca.leaf_key, &spki);
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
    scene_end(&scene);
}

Test(certificate, pem_round_trip_keeps_order_and_octets)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct bytes first = pki_der(arena, scene.ca.intermediate);
    struct bytes second = pki_der(arena, scene.ca.root);
    char *text = arena_printf(arena, "a comment\n%s\n%s", certificate_to_pem(arena, first),
                              certificate_to_pem(arena, second));
    struct bytes *all = NULL;
    size_t count = 0;
    cr_assert(certificates_from_pem(arena, bytes_from_string(text), &all, &count));
    cr_assert_eq(count, 2);
    cr_expect(bytes_equal(all[0], first));
    cr_expect(bytes_equal(all[1], second));
    scene_end(&scene);
}

Test(certificate, pem_of_a_chain_is_that_of_its_certificates_in_their_order)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    struct bytes chain[] = {pki_der(arena, scene.ca.intermediate), pki_der(arena, scene.ca.root),
                            pki_der(arena, scene.ca.intermediate)};
    const char *expected = "";
    for (size_t count = 0; count <= sizeof chain / sizeof *chain; count++) {
        struct bytes pem = certificates_to_pem(arena, chain, count);
        cr_expect_str_eq((const char *)pem.p, expected, "%zu certificates", count);
        cr_expect_eq(pem.n, strlen(expected), "%zu certificates", count);
        if (count < sizeof chain / sizeof *chain)
            expected = arena_printf(arena, "%s%s", expected, certificate_to_pem(arena, chain[count]));
    }
    scene_end(&scene);
}

Test(certificate, pem_without_certificates_or_with_a_broken_one_is_refused)
{
    struct scene scene;
    scene_begin(&scene);
    struct arena *arena = scene.arena;
    const char *good = certificate_to_pem(arena, pki_der(arena, scene.ca.root));
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
    scene_end(&scene);
}

Test(certificate, fingerprint_is_lower_case_sha_256)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(certificate_fingerprint(arena, BYTES_LITERAL("abc")),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    arena_free(arena);
}
