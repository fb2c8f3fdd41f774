/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(certificate_identity);

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

Test(certificate_identity, S5_the_ca_and_the_serial_number_are_what_it_is)
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

Test(certificate_identity, S5_who_has_signed_it_is_told_by_name_key_and_signature)
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

Test(certificate_identity, S16_facts_tell_what_no_authorization_of_names_speaks_for)
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
Test(certificate_identity, S16_an_address_of_another_length_is_beyond_names)
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

Test(certificate_identity, its_validity_is_read_as_all_of_it_is)
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
