/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/public_key.h"
#include "acme/pki/csr.h"
#include "acme/pki/x509_read.h"
#include "leaks.h"
#include "pki.h"

LEAK_CHECKED_SUITE(csr);

/* NULL when the request is accepted for an order of these names, else the problem's detail. */
static const char *refusal(struct arena *arena, struct bytes der, const char *order, EVP_PKEY *account_key)
{
    size_t count;
    struct identifier *identifiers = pki_identifiers(arena, order, &count);
    X509_REQ *request = NULL;
    const struct problem *problem = csr_check(arena, der, identifiers, count, account_key, &request);
    cr_expect_eq(request == NULL, problem != NULL);
    X509_REQ_free(request);
    if (problem == NULL) {
        return NULL;
    }
    cr_expect_eq(problem->type, PROBLEM_BAD_CSR);
    return problem->detail;
}

static void expect_refusal(const char *got, const char *expected, const char *about)
{
    cr_expect_not_null(got, "%s is accepted", about);
    if (got != NULL) {
        cr_expect_not_null(strstr(got, expected), "%s: %s", about, got);
    }
}

Test(csr, names_equal_to_the_order_are_accepted)
{
    static const struct {
        const char *order, *common_name, *names;
    } cases[] = {
        {"dns:a.example", NULL, "DNS:a.example"},
        {"dns:a.example", "", "DNS:a.example"},
        {"dns:a.example", "a.example", "DNS:a.example"},
        {"dns:a.example", "a.example", NULL},
        {"dns:a.example, dns:b.example", "a.example", "DNS:b.example"},
        {"dns:a.example, dns:b.example", NULL, "DNS:b.example,DNS:a.example"},
        {"dns:a.example, dns:b.example", "B.Example", "DNS:B.EXAMPLE,DNS:A.example"},
        {"dns:a.example", NULL, "DNS:a.example,DNS:A.EXAMPLE"},
        {"dns:*.a.example, dns:a.example", NULL, "DNS:*.a.example,DNS:a.example"},
        {"dns:localhost", "localhost", "DNS:LOCALHOST"},
        {"ip:10.0.0.1, ip:2001:db8::1", NULL, "IP:10.0.0.1,IP:2001:db8:0::1"},
        {"ip:10.0.0.1", "10.0.0.1", "IP:10.0.0.1"},
        {"ip:10.0.0.1", "10.0.0.1", NULL},
        {"dns:a.example, ip:10.0.0.1", "a.example", "IP:10.0.0.1,DNS:a.example"},
    };
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256");
    EVP_PKEY *account_key = pki_key(arena, "P-256");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_csr csr = {.key = key, .common_name = cases[i].common_name, .names = cases[i].names};
        const char *why = refusal(arena, pki_csr(arena, &csr), cases[i].order, account_key);
        cr_expect_null(why, "%s: %s", cases[i].order, why);
    }
    arena_free(arena);
}

Test(csr, other_names_than_the_orders_are_bad_csr)
{
    static const struct {
        const char *order, *common_name, *names, *why;
    } cases[] = {
        {"dns:a.example, dns:b.example", NULL, "DNS:a.example", "identifier b.example is not in the CSR"},
        {"dns:a.example", NULL, "DNS:a.example,DNS:b.example", "holds b.example, which is not in the order"},
        {"dns:a.example", "b.example", "DNS:a.example", "holds b.example, which is not in the order"},
        {"dns:a.example", NULL, NULL, "identifier a.example is not in the CSR"},
        {"dns:*.a.example", NULL, "DNS:a.example", "identifier *.a.example is not in the CSR"},
        {"dns:a.example", NULL, "DNS:*.a.example", "holds *.a.example"},
        {"ip:10.0.0.1", NULL, "DNS:10.0.0.1", "the DNS name \"10.0.0.1\""},
        {"ip:10.0.0.1", NULL, "IP:10.0.0.2", "identifier 10.0.0.1 is not in the CSR"},
        {"dns:a.example", NULL, "DNS:a.example,IP:10.0.0.1", "holds 10.0.0.1"},
        {"dns:a.example", "Acme Server 1", "DNS:a.example", "the common name \"Acme Server 1\""},
        {"dns:a.example", NULL, "DNS:a.example,email:x@a.example", "an e-mail address"},
        {"dns:a.example", NULL, "DNS:a.example,URI:https://a.example/", "a URI"},
        {"dns:a.example", NULL, "DNS:a.example,RID:1.2.3.4", "a registered ID"},
        {"dns:a.example", NULL, "DNS:a.example,otherName:1.2.3.4;UTF8:x", "neither DNS nor IP"},
        {"dns:a.example", NULL, "DNS:a.example,DNS:a_b.example", "the CSR holds a_b.example"},
        {"dns:a.example", NULL, "DNS:a.example.", "the DNS name \"a.example.\""},
    };
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256");
    EVP_PKEY *account_key = pki_key(arena, "P-256");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_csr csr = {.key = key, .common_name = cases[i].common_name, .names = cases[i].names};
        expect_refusal(refusal(arena, pki_csr(arena, &csr), cases[i].order, account_key), cases[i].why,
                       cases[i].why);
    }
    arena_free(arena);
}

Test(csr, names_that_readers_could_read_differently_are_bad_csr)
{
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256");
    struct {
        struct pki_csr csr;
        const char *why;
    } cases[] = {
        {{.common_name = "a.example", .second_common_name = "a.example"}, "a second common name"},
        {{.names = "DNS:a.example", .subject_email = "x@a.example"}, "an e-mail address in its subject"},
        {{.names = "DNS:a.example", .names_twice = true}, "subjectAltName"},
        {{.names = "DNS:a.example", .extensions_twice = true}, "requests extensions more than once"},
        {{.common_name = "a.example", .extensions_broken = true}, "extensions cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cases[i].csr.key = key;
        expect_refusal(refusal(arena, pki_csr(arena, &cases[i].csr), "dns:a.example", NULL), cases[i].why,
                       cases[i].why);
    }
    arena_free(arena);
}

Test(csr, keys_that_are_accepted)
{
    static const char *const types[] = {"P-256", "P-384", "P-521", "Ed25519", "RSA-2048"};
    struct arena *arena = arena_new();
    EVP_PKEY *account_key = pki_key(arena, "P-256");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct pki_csr csr = {.key = pki_key(arena, types[i]), .names = "DNS:a.example"};
        const char *why = refusal(arena, pki_csr(arena, &csr), "dns:a.example", account_key);
        cr_expect_null(why, "%s: %s", types[i], why);
    }
    arena_free(arena);
}

Test(csr, S9_S15_weak_or_foreign_keys_are_bad_csr)
{
    struct arena *arena = arena_new();
    EVP_PKEY *signer = pki_key(arena, "P-256");
    EVP_PKEY *identity = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8_t[32]){1}, 32);
    struct {
        EVP_PKEY *key;
        const char *why;
    } cases[] = {
        {pki_key(arena, "RSA-1024"), "1024 bits"},
        {pki_rsa_public(arena, 2047, 65537), "2047 bits"},
        {pki_rsa_public(arena, 8193, 65537), "8193 bits"},
        {pki_rsa_public(arena, 2048, 3), "exponent"},
        {pki_rsa_public(arena, 2048, 65535), "exponent"},
        {pki_rsa_public(arena, 2048, 65538), "exponent"},
        {pki_key(arena, "secp256k1"), "named curves"},
        {pki_key(arena, "P-256 explicit"), "named curves"},
        {pki_key(arena, "Ed448"), "unsupported type"},
        {pki_rsa_public(arena, 2048, 1U << 31 | 1), "exponent"},
        {identity, "small order"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_csr csr = {.key = cases[i].key, .signer = signer, .names = "DNS:a.example"};
        expect_refusal(refusal(arena, pki_csr(arena, &csr), "dns:a.example", signer), cases[i].why,
                       cases[i].why);
    }
    struct pki_csr largest = {
        .key = pki_rsa_public(arena, 8192, 65537), .signer = signer, .names = "DNS:a.example"};
    expect_refusal(refusal(arena, pki_csr(arena, &largest), "dns:a.example", signer),
                   "signature does not verify", "a key of 8192 bits is not the fault");
    EVP_PKEY_free(identity);
    arena_free(arena);
}

Test(csr, account_key_is_bad_csr)
{
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256");
    struct pki_csr csr = {.key = key, .names = "DNS:a.example"};
    expect_refusal(refusal(arena, pki_csr(arena, &csr), "dns:a.example", key), "the account's",
                   "account key");
    arena_free(arena);
}

Test(csr, weak_or_wrong_signatures_are_bad_csr)
{
    struct arena *arena = arena_new();
    EVP_PKEY *rsa = pki_key(arena, "RSA-2048");
    EVP_PKEY *ec = pki_key(arena, "P-256");
    struct {
        struct pki_csr csr;
        const char *why;
    } cases[] = {
        {{.key = rsa, .digest = EVP_md5()}, "signed with md5WithRSAEncryption"},
        {{.key = rsa, .digest = EVP_sha1()}, "signed with sha1WithRSAEncryption"},
        {{.key = ec, .digest = EVP_sha1()}, "signed with ecdsa-with-SHA1"},
        {{.key = ec, .signer = pki_key(arena, "P-256")}, "signature does not verify"},
        {{.key = rsa, .signer = ec}, "signature does not verify"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cases[i].csr.names = "DNS:a.example";
        expect_refusal(refusal(arena, pki_csr(arena, &cases[i].csr), "dns:a.example", NULL), cases[i].why,
                       cases[i].why);
    }
    struct pki_csr strong = {.key = rsa, .digest = EVP_sha512(), .names = "DNS:a.example"};
    cr_expect_null(refusal(arena, pki_csr(arena, &strong), "dns:a.example", NULL));
    arena_free(arena);
}

Test(csr, octets_that_are_not_one_request_are_bad_csr)
{
    struct arena *arena = arena_new();
    struct pki_csr csr = {.key = pki_key(arena, "P-256"), .names = "DNS:a.example"};
    struct bytes good = pki_csr(arena, &csr);
    cr_expect_null(refusal(arena, good, "dns:a.example", NULL));

    uint8_t *longer = arena_alloc(arena, good.n + 1);
    memcpy(longer, good.p, good.n);
    const char *why = "not one DER-encoded";
    expect_refusal(refusal(arena, bytes_of(longer, good.n + 1), "dns:a.example", NULL), why, "an octet more");
    expect_refusal(refusal(arena, bytes_of(good.p, good.n - 1), "dns:a.example", NULL), why, "an octet less");
    expect_refusal(refusal(arena, bytes_of(good.p, 0), "dns:a.example", NULL), why, "nothing");
    expect_refusal(
        refusal(arena, BYTES_LITERAL("-----BEGIN CERTIFICATE REQUEST-----"), "dns:a.example", NULL), why,
        "PEM");
    expect_refusal(refusal(arena, bytes_of(arena_alloc(arena, CSR_MAX_BYTES + 1), CSR_MAX_BYTES + 1),
                           "dns:a.example", NULL),
                   "32769 octets", "too large");
    arena_free(arena);
}

Test(csr, a_profile_may_take_some_types_of_key_only)
{
    static const char *const curves[] = {"P-256", "P-384"};
    static const char *const rsa[] = {"RSA"};
    static const struct {
        const char *key, *name;
        bool is_curve;
    } cases[] = {{"P-256", "P-256", true},
                 {"P-384", "P-384", true},
                 {"P-521", "P-521", false},
                 {"RSA-2048", "RSA", false},
                 {"Ed25519", "Ed25519", false}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_csr csr = {.key = pki_key(arena, cases[i].key), .names = "DNS:a.example"};
        X509_REQ *request = x509_request_read(pki_csr(arena, &csr));
        cr_assert_not_null(request);
        cr_expect_str_eq(csr_key_type(request), cases[i].name);
        cr_expect(bytes_equal_any(bytes_from_string(cases[i].name), public_key_type_names, PUBLIC_KEY_TYPES));
        cr_expect_null(csr_check_key_type(arena, request, NULL, 0));
        cr_expect_eq(csr_check_key_type(arena, request, curves, 2) == NULL, cases[i].is_curve);
        cr_expect_eq(csr_check_key_type(arena, request, rsa, 1) == NULL, strcmp(cases[i].name, "RSA") == 0);
        X509_REQ_free(request);
    }
    cr_expect_not(bytes_equal_any(BYTES_LITERAL("P-224"), public_key_type_names, PUBLIC_KEY_TYPES));
    arena_free(arena);
}

Test(csr, read_without_an_order_tells_its_names)
{
    static const struct {
        const char *common_name, *names, *told, *why;
    } cases[] = {
        {NULL, "DNS:b.example,DNS:A.example,IP:10.0.0.1", "a.example b.example 10.0.0.1", NULL},
        {"c.example", "DNS:a.example", "a.example c.example", NULL},
        {"a.example", NULL, "a.example", NULL},
        {NULL, NULL, "", NULL},
        {"Acme Server 1", "DNS:a.example", NULL, "the common name \"Acme Server 1\""},
        {NULL, "DNS:a.example,email:x@a.example", NULL, "an e-mail address"},
    };
    struct arena *arena = arena_new();
    EVP_PKEY *key = pki_key(arena, "P-256");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_csr csr = {.key = key, .common_name = cases[i].common_name, .names = cases[i].names};
        struct subject_names names;
        X509_REQ *request = NULL;
        const struct problem *problem = csr_read(arena, pki_csr(arena, &csr), &names, &request);
        cr_expect_eq(request == NULL, problem != NULL);
        X509_REQ_free(request);
        if (cases[i].why != NULL) {
            expect_refusal(problem == NULL ? NULL : problem->detail, cases[i].why, "names of another kind");
            continue;
        }
        cr_expect_null(problem);
        const char *told = "";
        for (size_t j = 0; problem == NULL && j < names.count; j++)
            told = arena_printf(arena, "%s%s%s", told, j == 0 ? "" : " ", names.identifiers[j].value);
        cr_expect_str_eq(told, cases[i].told);
    }
    struct subject_names names;
    X509_REQ *request = NULL;
    struct pki_csr weak = {.key = pki_key(arena, "RSA-1024"), .names = "DNS:a.example"};
    cr_expect_not_null(csr_read(arena, pki_csr(arena, &weak), &names, &request), "a weak key");
    arena_free(arena);
}
