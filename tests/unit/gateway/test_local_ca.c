/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/pki/certificate.h"
#include "gateway/ca/local/local_ca.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(local_ca);

enum { NOW = 1800000000, YEAR_S = 365 * 24 * 3600 };

struct scratch_ca {
    struct arena *arena;
    const char *directory;
    struct local_ca *ca;
};

static struct local_ca *open_ca(const char *directory, struct fault *fault)
{
    return local_ca_open(&(struct local_ca_config){.directory = directory}, NOW, fault);
}

static struct scratch_ca make_ca_with(struct local_ca_config config)
{
    struct scratch_ca made = {.arena = arena_new()};
    struct fault fault = {0};
    made.directory = scratch_directory_new(made.arena);
    config.directory = made.directory;
    made.ca = local_ca_open(&config, NOW, &fault);
    cr_assert(made.ca != NULL, "%s", fault.message);
    return made;
}

static struct scratch_ca make_ca(void)
{
    return make_ca_with((struct local_ca_config){0});
}

static void drop_ca(struct scratch_ca *made)
{
    local_ca_free(made->ca);
    scratch_directory_remove(made->directory);
    arena_free(made->arena);
}

static void reopen(struct scratch_ca *made)
{
    struct fault fault = {0};
    local_ca_free(made->ca);
    made->ca = open_ca(made->directory, &fault);
    cr_assert(made->ca != NULL, "%s", fault.message);
}

static X509 *certificate_of(struct bytes der)
{
    const unsigned char *p = der.p;
    X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
    cr_assert_not_null(certificate);
    return certificate;
}

static X509 *sign(struct scratch_ca *ca, X509_REQ *csr, struct local_ca_chain *chain)
{
    struct validity_request validity = {0};
    struct fault fault = {0};
    cr_assert_eq(local_ca_sign(ca->arena, ca->ca, csr, &validity, NULL, NOW, chain, &fault), LOCAL_CA_DONE,
                 "%s", fault.message);
    return certificate_of(chain->certificates[0]);
}

static int64_t time_of(const ASN1_TIME *time)
{
    struct tm parts;
    cr_assert_eq(ASN1_TIME_to_tm(time, &parts), 1);
    return timegm(&parts);
}

static X509_STORE *roots_of(struct scratch_ca *ca)
{
    struct bytes *roots;
    size_t count;
    cr_assert(certificates_from_pem(ca->arena, local_ca_root_pem(ca->ca), &roots, &count) && count == 1);
    autofree_x509 X509 *root = certificate_of(roots[0]);
    X509_STORE *store = X509_STORE_new();
    cr_assert_eq(X509_STORE_add_cert(store, root), 1);
    return store;
}

static struct identifier identifier(struct arena *arena, const char *type, const char *value)
{
    struct identifier out;
    cr_assert_null(identifier_parse(arena, bytes_from_string(type), bytes_from_string(value), &out));
    return out;
}

/* ---- the CA ---- */

Test(local_ca, what_it_signs_passes_the_check_that_every_certificate_must_pass)
{
    struct scratch_ca ca = make_ca();
    const struct identifier identifiers[] = {
        identifier(ca.arena, "dns", "a.internal"),
        identifier(ca.arena, "dns", "*.b.internal"),
        identifier(ca.arena, "ip", "10.0.0.1"),
        identifier(ca.arena, "ip", "2001:db8::1"),
    };
    autofree_x509_req X509_REQ *csr =
        scratch_csr("P-256", NULL, "DNS:A.internal,DNS:*.b.internal,IP:10.0.0.1,IP:2001:db8::1");
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
    autofree_x509_store X509_STORE *roots = roots_of(&ca);
    cr_assert_not_null(leaf);
    struct certificate_expectation expectation = {
        .csr = csr,
        .identifiers = identifiers,
        .identifier_count = 4,
        .latest_not_after = NOW + LOCAL_CA_DEFAULT_S + CERTIFICATE_SLACK_S,
        .roots = roots,
        .now = NOW,
    };
    struct fault fault = {0};
    struct certificate_facts facts;
    cr_expect(certificate_check(ca.arena, chain.certificates, chain.count, &expectation, &facts, &fault),
              "%s", fault.message);
    expectation.identifier_count = 3;
    cr_expect_not(certificate_check(ca.arena, chain.certificates, chain.count, &expectation, &facts, &fault));
    drop_ca(&ca);
}

Test(local_ca, stays_the_same_from_start_to_start)
{
    struct scratch_ca ca = make_ca();
    struct bytes before = arena_copy(ca.arena, local_ca_root_pem(ca.ca));
    int64_t end = local_ca_end(ca.ca);
    reopen(&ca);
    cr_expect(bytes_equal(local_ca_root_pem(ca.ca), before));
    cr_expect_eq(local_ca_end(ca.ca), end);
    drop_ca(&ca);
}

Test(local_ca, root_lives_ten_years_and_intermediate_five_and_signs_leaves_only)
{
    struct scratch_ca ca = make_ca();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
    autofree_x509 X509 *intermediate = certificate_of(chain.certificates[1]);
    struct bytes *roots;
    size_t count;
    cr_assert(certificates_from_pem(ca.arena, local_ca_root_pem(ca.ca), &roots, &count) && count == 1);
    autofree_x509 X509 *root = certificate_of(roots[0]);
    cr_expect_eq(time_of(X509_get0_notAfter(root)), NOW + 10LL * YEAR_S);
    cr_expect_eq(time_of(X509_get0_notAfter(intermediate)), NOW + 5LL * YEAR_S);
    cr_expect_eq(local_ca_end(ca.ca), NOW + 5LL * YEAR_S);
    cr_expect_eq(X509_check_ca(root), 1);
    cr_expect_eq(X509_check_ca(intermediate), 1);
    cr_expect_eq(X509_get_pathlen(intermediate), 0);
    cr_expect_eq(X509_check_ca(leaf), 0);
    cr_expect(EVP_PKEY_is_a(X509_get0_pubkey(root), "EC") &&
              EVP_PKEY_get_bits(X509_get0_pubkey(root)) == 256);
    drop_ca(&ca);
}

Test(local_ca, private_keys_are_for_their_owner_only)
{
    static const char *const names[] = {"root_ca.key", "intermediate_ca.key", "revoked"};
    struct scratch_ca ca = make_ca();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        cr_assert_eq(stat(arena_printf(ca.arena, "%s/%s", ca.directory, names[i]), &status), 0, "%s",
                     names[i]);
        cr_expect_eq(status.st_mode & 0777, 0600, "%s", names[i]);
    }
    drop_ca(&ca);
}

Test(local_ca, a_directory_that_is_not_there_is_made_for_its_owner_only)
{
    struct arena *arena = arena_new();
    const char *parent = scratch_directory_new(arena);
    const char *directory = arena_printf(arena, "%s/ca", parent);
    struct fault fault = {0};
    struct local_ca *ca = open_ca(directory, &fault);
    cr_assert(ca != NULL, "%s", fault.message);
    struct stat status;
    cr_assert_eq(stat(directory, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0700);
    local_ca_free(ca);
    scratch_directory_remove(parent);
    arena_free(arena);
}

Test(local_ca, part_of_a_ca_is_an_error_and_never_replaced)
{
    static const char *const names[] = {"root_ca.crt", "intermediate_ca.crt", "intermediate_ca.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scratch_ca ca = make_ca();
        struct fault fault = {0};
        cr_assert_eq(unlink(arena_printf(ca.arena, "%s/%s", ca.directory, names[i])), 0);
        struct local_ca *again = open_ca(ca.directory, &fault);
        cr_expect_null(again, "%s", names[i]);
        cr_expect(strstr(fault.message, names[i]) != NULL, "%s", fault.message);
        drop_ca(&ca);
    }
}

Test(local_ca, the_roots_key_may_be_kept_elsewhere)
{
    struct scratch_ca ca = make_ca();
    cr_assert_eq(unlink(arena_printf(ca.arena, "%s/root_ca.key", ca.directory)), 0);
    reopen(&ca);
    drop_ca(&ca);
}

Test(local_ca, files_that_do_not_belong_together_are_refused)
{
    static const char *const names[] = {"root_ca.crt", "intermediate_ca.crt", "intermediate_ca.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scratch_ca one = make_ca();
        struct scratch_ca other = make_ca();
        struct fault fault = {0};
        cr_assert_eq(rename(arena_printf(one.arena, "%s/%s", other.directory, names[i]),
                            arena_printf(one.arena, "%s/%s", one.directory, names[i])),
                     0);
        cr_expect_null(open_ca(one.directory, &fault), "%s", names[i]);
        cr_expect(fault.message[0] != '\0');
        drop_ca(&one);
        drop_ca(&other);
    }
}

Test(local_ca, files_that_hold_something_else_are_refused)
{
    static const char *const names[] = {"root_ca.crt", "intermediate_ca.crt", "intermediate_ca.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scratch_ca ca = make_ca();
        struct fault fault = {0};
        scratch_write(ca.directory, names[i], "nothing of the kind\n");
        cr_expect_null(open_ca(ca.directory, &fault), "%s", names[i]);
        cr_expect(strstr(fault.message, names[i]) != NULL, "%s", fault.message);
        drop_ca(&ca);
    }
}

/* ---- leaves ---- */

Test(local_ca, leaves_are_for_servers_and_clients_and_name_their_issuer)
{
    static const struct {
        const char *key_type;
        uint32_t key_usage;
    } cases[] = {
        {"P-256", KU_DIGITAL_SIGNATURE},
        {"P-384", KU_DIGITAL_SIGNATURE},
        {"RSA", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
    };
    struct scratch_ca ca = make_ca();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        autofree_x509_req X509_REQ *csr = scratch_csr(cases[i].key_type, NULL, "DNS:a.internal");
        struct local_ca_chain chain = {0};
        autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
        autofree_x509 X509 *intermediate = certificate_of(chain.certificates[1]);
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
    drop_ca(&ca);
}

/* Of 64 numbers each bit is both set and not in some, but for one chance in 2^56. */
Test(local_ca, each_of_the_128_bits_of_a_serial_number_is_random)
{
    struct scratch_ca ca = make_ca();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    uint8_t set[16] = {0};
    uint8_t clear[16] = {0};
    for (size_t i = 0; i < 64; i++) {
        struct local_ca_chain chain = {0};
        uint8_t octets[16];
        autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
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
    drop_ca(&ca);
}

Test(local_ca, a_common_name_alone_becomes_a_san)
{
    struct scratch_ca ca = make_ca();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", "a.internal", NULL);
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
    cr_expect_eq(X509_check_host(leaf, "a.internal", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    cr_expect_eq(X509_check_host(leaf, "b.internal", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 0);
    drop_ca(&ca);
}

Test(local_ca, a_name_too_long_for_a_common_name_leaves_the_subject_empty_and_the_san_critical)
{
    struct scratch_ca ca = make_ca();
    const char *name = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdef.internal";
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, arena_printf(ca.arena, "DNS:%s", name));
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = sign(&ca, csr, &chain);
    cr_expect_eq(X509_NAME_entry_count(X509_get_subject_name(leaf)), 0);
    int critical = 0;
    autofree_general_names GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    cr_expect(names != NULL && critical == 1);
    cr_expect_eq(X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    drop_ca(&ca);
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

Test(local_ca, validity_is_a_day_or_what_is_asked_for_but_never_beyond_the_intermediate)
{
    struct scratch_ca ca = make_ca();
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
        autofree_x509 X509 *leaf = certificate_of(chain.certificates[0]);
        cr_expect_eq(time_of(X509_get0_notBefore(leaf)), expected->begin, "%zu", i);
        cr_expect_eq(time_of(X509_get0_notAfter(leaf)), expected->end, "%zu", i);
    }
    drop_ca(&ca);
}

Test(local_ca, signs_nothing_once_the_intermediate_has_ended)
{
    struct scratch_ca ca = make_ca();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    struct validity_request validity = {0};
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    cr_expect_eq(local_ca_sign(ca.arena, ca.ca, csr, &validity, NULL, NOW + 5LL * YEAR_S, &chain, &fault),
                 LOCAL_CA_REFUSED);
    cr_expect(strstr(fault.message, "expired") != NULL, "%s", fault.message);
    drop_ca(&ca);
}

Test(local_ca, a_csr_without_names_is_refused)
{
    struct scratch_ca ca = make_ca();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, NULL);
    struct validity_request validity = {0};
    struct local_ca_chain chain = {0};
    struct fault fault = {0};
    cr_expect_eq(local_ca_sign(ca.arena, ca.ca, csr, &validity, NULL, NOW, &chain, &fault), LOCAL_CA_REFUSED);
    drop_ca(&ca);
}

/* ---- revocation ---- */

static enum local_ca_outcome revoke_serial(struct scratch_ca *ca, const char *serial)
{
    struct fault fault = {0};
    return local_ca_revoke(ca->arena, ca->ca, serial, 1, NOW + 3600, NOW, &fault);
}

Test(local_ca, a_revocation_is_remembered_across_starts)
{
    struct scratch_ca ca = make_ca();
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "c0"), LOCAL_CA_DONE);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "c0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "d0"), LOCAL_CA_DONE);
    drop_ca(&ca);
}

Test(local_ca, many_revocations_are_all_found_again)
{
    struct scratch_ca ca = make_ca();
    for (unsigned i = 1; i <= 200; i++) {
        cr_assert_eq(revoke_serial(&ca, arena_printf(ca.arena, "%x", i * 7919)), LOCAL_CA_DONE);
    }
    reopen(&ca);
    for (unsigned i = 1; i <= 200; i++) {
        cr_assert_eq(revoke_serial(&ca, arena_printf(ca.arena, "%x", i * 7919)), LOCAL_CA_ALREADY_REVOKED);
    }
    drop_ca(&ca);
}

Test(local_ca, a_torn_last_line_was_never_confirmed_and_is_cut_off)
{
    struct scratch_ca ca = make_ca();
    scratch_write(ca.directory, "revoked", "a0 1800000000 1\nb0 18000");
    reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "a0"), LOCAL_CA_ALREADY_REVOKED);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_DONE);
    reopen(&ca);
    cr_expect_eq(revoke_serial(&ca, "b0"), LOCAL_CA_ALREADY_REVOKED);
    drop_ca(&ca);
}

Test(local_ca, a_register_that_cannot_be_read_is_an_error)
{
    static const char *const texts[] = {"hello\n",           "a0\nhello world 1\n", "0a 1800000000 1\n",
                                        "A0 1800000000 1\n", " 1800000000 1\n",     "a0 1800000000\n",
                                        "a0 1800000000 x\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct scratch_ca ca = make_ca();
        struct fault fault = {0};
        scratch_write(ca.directory, "revoked", texts[i]);
        cr_expect_null(open_ca(ca.directory, &fault), "%zu", i);
        cr_expect(strstr(fault.message, "line ") != NULL, "%s", fault.message);
        drop_ca(&ca);
    }
}

Test(local_ca, only_canonical_serials_are_recorded)
{
    static const char *const serials[] = {"", "0a", "A0", "a0 1", "a0\n"};
    struct scratch_ca ca = make_ca();
    for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
        cr_expect_eq(revoke_serial(&ca, serials[i]), LOCAL_CA_FAILED, "%zu", i);
    }
    reopen(&ca);
    drop_ca(&ca);
}
