/* SPDX-License-Identifier: Apache-2.0 */
/* A local CA: its files, its root and its intermediate. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/pki/certificate.h"
#include "scratch_ca.h"

LEAK_CHECKED_SUITE(local_ca);

static X509_STORE *roots_of(struct scratch_ca *ca)
{
    struct bytes *roots;
    size_t count;
    cr_assert(certificates_from_pem(ca->arena, local_ca_root_pem(ca->ca), &roots, &count) && count == 1);
    autofree_x509 X509 *root = scratch_certificate(roots[0]);
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
    struct scratch_ca ca = scratch_ca_make();
    const struct identifier identifiers[] = {
        identifier(ca.arena, "dns", "a.internal"),
        identifier(ca.arena, "dns", "*.b.internal"),
        identifier(ca.arena, "ip", "10.0.0.1"),
        identifier(ca.arena, "ip", "2001:db8::1"),
    };
    autofree_x509_req X509_REQ *csr =
        scratch_csr("P-256", NULL, "DNS:A.internal,DNS:*.b.internal,IP:10.0.0.1,IP:2001:db8::1");
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
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
    scratch_ca_drop(&ca);
}

Test(local_ca, stays_the_same_from_start_to_start)
{
    struct scratch_ca ca = scratch_ca_make();
    struct bytes before = arena_copy(ca.arena, local_ca_root_pem(ca.ca));
    int64_t end = local_ca_end(ca.ca);
    scratch_ca_reopen(&ca);
    cr_expect(bytes_equal(local_ca_root_pem(ca.ca), before));
    cr_expect_eq(local_ca_end(ca.ca), end);
    scratch_ca_drop(&ca);
}

Test(local_ca, root_lives_ten_years_and_intermediate_five_and_signs_leaves_only)
{
    struct scratch_ca ca = scratch_ca_make();
    autofree_x509_req X509_REQ *csr = scratch_csr("P-256", NULL, "DNS:a.internal");
    struct local_ca_chain chain = {0};
    autofree_x509 X509 *leaf = scratch_ca_sign(&ca, csr, &chain);
    autofree_x509 X509 *intermediate = scratch_certificate(chain.certificates[1]);
    struct bytes *roots;
    size_t count;
    cr_assert(certificates_from_pem(ca.arena, local_ca_root_pem(ca.ca), &roots, &count) && count == 1);
    autofree_x509 X509 *root = scratch_certificate(roots[0]);
    cr_expect_eq(scratch_time(X509_get0_notAfter(root)), NOW + 10LL * YEAR_S);
    cr_expect_eq(scratch_time(X509_get0_notAfter(intermediate)), NOW + 5LL * YEAR_S);
    cr_expect_eq(local_ca_end(ca.ca), NOW + 5LL * YEAR_S);
    cr_expect_eq(X509_check_ca(root), 1);
    cr_expect_eq(X509_check_ca(intermediate), 1);
    cr_expect_eq(X509_get_pathlen(intermediate), 0);
    cr_expect_eq(X509_check_ca(leaf), 0);
    cr_expect(EVP_PKEY_is_a(X509_get0_pubkey(root), "EC") &&
              EVP_PKEY_get_bits(X509_get0_pubkey(root)) == 256);
    scratch_ca_drop(&ca);
}

Test(local_ca, private_keys_are_for_their_owner_only)
{
    static const char *const names[] = {"root_ca.key", "intermediate_ca.key", "revoked"};
    struct scratch_ca ca = scratch_ca_make();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat status;
        cr_assert_eq(stat(arena_printf(ca.arena, "%s/%s", ca.directory, names[i]), &status), 0, "%s",
                     names[i]);
        cr_expect_eq(status.st_mode & 0777, 0600, "%s", names[i]);
    }
    scratch_ca_drop(&ca);
}

Test(local_ca, a_directory_that_is_not_there_is_made_for_its_owner_only)
{
    struct arena *arena = arena_new();
    const char *parent = scratch_directory_new(arena);
    const char *directory = arena_printf(arena, "%s/ca", parent);
    struct fault fault = {0};
    struct local_ca *ca = scratch_ca_open(directory, &fault);
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
        struct scratch_ca ca = scratch_ca_make();
        struct fault fault = {0};
        cr_assert_eq(unlink(arena_printf(ca.arena, "%s/%s", ca.directory, names[i])), 0);
        struct local_ca *again = scratch_ca_open(ca.directory, &fault);
        cr_expect_null(again, "%s", names[i]);
        cr_expect(strstr(fault.message, names[i]) != NULL, "%s", fault.message);
        cr_expect(strstr(fault.message, "No such file or directory; restore the CA's files") != NULL, "%s",
                  fault.message);
        scratch_ca_drop(&ca);
    }
}

Test(local_ca, the_roots_key_may_be_kept_elsewhere)
{
    struct scratch_ca ca = scratch_ca_make();
    cr_assert_eq(unlink(arena_printf(ca.arena, "%s/root_ca.key", ca.directory)), 0);
    scratch_ca_reopen(&ca);
    scratch_ca_drop(&ca);
}

Test(local_ca, files_that_do_not_belong_together_are_refused)
{
    static const char *const names[] = {"root_ca.crt", "intermediate_ca.crt", "intermediate_ca.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scratch_ca one = scratch_ca_make();
        struct scratch_ca other = scratch_ca_make();
        struct fault fault = {0};
        cr_assert_eq(rename(arena_printf(one.arena, "%s/%s", other.directory, names[i]),
                            arena_printf(one.arena, "%s/%s", one.directory, names[i])),
                     0);
        cr_expect_null(scratch_ca_open(one.directory, &fault), "%s", names[i]);
        cr_expect(fault.message[0] != '\0');
        scratch_ca_drop(&one);
        scratch_ca_drop(&other);
    }
}

Test(local_ca, files_that_hold_something_else_are_refused)
{
    static const char *const names[] = {"root_ca.crt", "intermediate_ca.crt", "intermediate_ca.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scratch_ca ca = scratch_ca_make();
        struct fault fault = {0};
        scratch_write(ca.directory, names[i], "nothing of the kind\n");
        cr_expect_null(scratch_ca_open(ca.directory, &fault), "%s", names[i]);
        cr_expect(strstr(fault.message, names[i]) != NULL, "%s", fault.message);
        scratch_ca_drop(&ca);
    }
}
