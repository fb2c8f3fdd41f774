/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that a local CA signs. */
#include "scratch_ca.h"

LEAK_CHECKED_SUITE(local_ca_leaves);

/* ---- leaves ---- */

Test(local_ca_leaves, leaves_are_for_servers_and_clients_and_name_their_issuer)
{
    static const struct {
        const char *key_type;
        uint32_t key_usage;
    } cases[] = {
        {"P-256", KU_DIGITAL_SIGNATURE},
        {"P-384", KU_DIGITAL_SIGNATURE},
        {"RSA", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
    };
    struct scratch_ca ca = scratch_ca_make();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        autofree_x509_req X509_REQ *csr = scratch_csr(cases[i].key_type, NULL, "DNS:a.internal");
        struct local_ca_chain chain = {0};
        autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
        autofree_x509 X509 *intermediate = scratch_certificate(chain.certificates[1]);
        cr_expect_eq(X509_get_key_usage(leaf), cases[i].key_usage, "%s", cases[i].key_type);
        cr_expect_eq(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER | XKU_SSL_CLIENT);
        cr_expect_eq(X509_check_issued(intermediate, leaf), X509_V_OK);
        cr_assert_not_null(X509_get0_subject_key_id(leaf));
        cr_assert_not_null(X509_get0_authority_key_id(leaf));
        cr_expect_eq(
            ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(intermediate)),
            0);
        cr_expect_eq(X509_get_version(leaf), X509_VERSION_3);
        cr_expect_eq(EVP_PKEY_eq(X509_get0_pubkey(leaf), X509_REQ_get0_pubkey(csr)), 1);
    }
    scratch_ca_drop(&ca);
}

/* Of 64 numbers each bit is both set and not in some, but for one chance in 2^56. */
Test(local_ca_leaves, each_of_the_128_bits_of_a_serial_number_is_random)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    uint8_t set[16] = {0};
    uint8_t clear[16] = {0};
    for (size_t i = 0; i < 64; i++) {
        struct local_ca_chain chain = {0};
        uint8_t octets[16];
        autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
        autofree_bignum BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
        cr_assert(!BN_is_negative(serial) && !BN_is_zero(serial));
        cr_assert_eq(BN_bn2binpad(serial, octets, sizeof octets), (int)sizeof octets);
        for (size_t j = 0; j < sizeof octets; j++) {
            set[j] |= octets[j];
            clear[j] |= (uint8_t)~octets[j];
        }
    }
    for (size_t j = 0; j < sizeof set; j++) {
        cr_expect_eq(set[j], 0xff, "%zu", j);
        cr_expect_eq(clear[j], 0xff, "%zu", j);
    }
    scratch_ca_drop(&ca);
}

Test(local_ca_leaves, a_common_name_alone_becomes_a_san)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", "a.internal", NULL);
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
    cr_expect_eq(X509_check_host(leaf, "a.internal", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    cr_expect_eq(X509_check_host(leaf, "b.internal", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 0);
    scratch_ca_drop(&ca);
}

Test(local_ca_leaves, a_name_too_long_for_a_common_name_leaves_the_subject_empty_and_the_san_critical)
{
    struct scratch_ca ca = scratch_ca_make();
    const char *name = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdef.internal";
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, arena_printf(ca.arena, "DNS:%s", name));
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
    cr_expect_eq(X509_NAME_entry_count(X509_get_subject_name(leaf)), 0);
    int critical = 0;
    autofree_general_names GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    cr_expect(names != NULL && critical == 1);
    cr_expect_eq(X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    scratch_ca_drop(&ca);
}

struct validity_case {
    const char *not_before, *not_after;
    int64_t begin, end; /* 0: refused */
};

/* NOW is 2027-01-15T08:00:00Z. */
static const struct validity_case validity_cases[] = {
    {NULL, NULL, NOW - 60, NOW + 86400},
    {NULL, "1h30m", NOW - 60, NOW + 5400},
    {NULL, "2027-01-15T10:00:00Z", NOW - 60, NOW + 7200},
    {"2027-01-15T09:00:00Z", NULL, NOW + 3600, NOW + 3600 + 86400},
    {"2027-01-15T09:00:00Z", "1h", NOW + 3600, NOW + 7200},
    {"2027-01-15T09:00:00Z", "2027-01-15T09:30:00Z", NOW + 3600, NOW + 5400},
    {NULL, "87600h", NOW - 60, NOW + 5LL * YEAR_S},
    {NULL, "2050-01-01T00:00:00Z", NOW - 60, NOW + 5LL * YEAR_S},
    {NULL, "2027-01-15T07:00:00Z", 0, 0},
    {NULL, "0s", 0, 0},
    {"2027-01-15T09:00:00Z", "2027-01-15T08:30:00Z", 0, 0},
    {"2040-01-01T00:00:00Z", "1h", 0, 0},
    {"tomorrow", NULL, 0, 0},
    {NULL, "tomorrow", 0, 0},
};

Test(local_ca_leaves, validity_is_a_day_or_what_is_asked_for_but_never_beyond_the_intermediate)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    for (size_t i = 0; i < sizeof validity_cases / sizeof validity_cases[0]; i++) {
        const struct validity_case *expected = &validity_cases[i];
        struct validity_request validity = {.not_before = expected->not_before,
                                            .not_after = expected->not_after};
        struct local_ca_chain chain = {0};
        struct fault fault = {0};
        enum local_ca_outcome outcome =
            local_ca_sign(ca.arena, ca.ca, csr, &validity, NULL, NOW, &chain, &fault);
        if (expected->end == 0) {
            cr_expect_eq(outcome, LOCAL_CA_REFUSED, "%zu", i);
            cr_expect(fault.message[0] != '\0', "%zu", i);
            continue;
        }
        cr_assert_eq(outcome, LOCAL_CA_DONE, "%zu: %s", i, fault.message);
        autofree_x509 X509 *leaf = scratch_certificate(chain.certificates[0]);
        cr_expect_eq(scratch_time(X509_get0_notBefore(leaf)), expected->begin, "%zu", i);
        cr_expect_eq(scratch_time(X509_get0_notAfter(leaf)), expected->end, "%zu", i);
    }
    scratch_ca_drop(&ca);
}

Test(local_ca_leaves, signs_nothing_once_the_intermediate_has_ended)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    struct validity_request validity = {0};
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    cr_expect_eq(local_ca_sign(ca.arena, ca.ca, csr, &validity, NULL, NOW + 5LL * YEAR_S, &chain, &fault),
                 LOCAL_CA_REFUSED);
    cr_expect(strstr(fault.message, "expired") != NULL, "%s", fault.message);
    scratch_ca_drop(&ca);
}

Test(local_ca_leaves, a_csr_without_names_is_refused)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, NULL);
    struct validity_request validity = {0};
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    cr_expect_eq(local_ca_sign(ca.arena, ca.ca, csr, &validity, NULL, NOW, &chain, &fault), LOCAL_CA_REFUSED);
    scratch_ca_drop(&ca);
}
