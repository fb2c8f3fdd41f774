/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/pki/certificate.h"
#include "acme/pki/ocsp.h"
#include "gateway/ca/local/local_ca_status.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(local_ca_status);

enum { NOW = 1800000000, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

struct scratch_ca {
    struct arena *arena;
    const char *directory;
    struct local_ca *ca;
    X509_STORE *roots;
};

static struct scratch_ca make_ca(void)
{
    struct scratch_ca made = {.arena = arena_new(), .roots = X509_STORE_new()};
    struct fault fault = {0};
    made.directory = scratch_directory_new(made.arena);
    made.ca = local_ca_open(&(struct local_ca_config){.directory = made.directory}, NOW, &fault);
    cr_assert(made.ca != NULL, "%s", fault.message);
    struct bytes *roots;
    size_t count;
    cr_assert(certificates_from_pem(made.arena, local_ca_root_pem(made.ca), &roots, &count));
    const unsigned char *at = roots[0].p;
    autofree_x509 X509 *root = d2i_X509(NULL, &at, (long)roots[0].n);
    cr_assert_eq(X509_STORE_add_cert(made.roots, root), 1);
    return made;
}

static void drop_ca(struct scratch_ca *made)
{
    local_ca_free(made->ca);
    X509_STORE_free(made->roots);
    scratch_directory_remove(made->directory);
    arena_free(made->arena);
}

static void reopen(struct scratch_ca *made)
{
    struct fault fault = {0};
    local_ca_free(made->ca);
    made->ca = local_ca_open(&(struct local_ca_config){.directory = made->directory}, NOW, &fault);
    cr_assert(made->ca != NULL, "%s", fault.message);
}

static void revoke(struct scratch_ca *ca, const char *serial, int reason, int64_t not_after)
{
    struct fault fault = {0};
    cr_assert_eq(local_ca_revoke(ca->arena, ca->ca, serial, reason, not_after, NOW, &fault), LOCAL_CA_DONE,
                 "%s", fault.message);
}

static struct bytes signer_pem(struct scratch_ca *ca)
{
    unsigned char *der = NULL;
    int n = i2d_X509(local_ca_signer(ca->ca).certificate, &der);
    struct bytes copy = arena_copy(ca->arena, bytes_of(der, (size_t)n));
    OPENSSL_free(der);
    return bytes_from_string(certificate_to_pem(ca->arena, copy));
}

static struct crl new_list(struct scratch_ca *ca, const struct crl *current, int64_t now)
{
    struct bytes der;
    struct crl crl;
    struct fault fault = {0};
    cr_assert_eq(local_ca_make_list(ca->arena, ca->ca, current, now, &der), LOCAL_CA_LIST_MADE);
    cr_assert(crl_read(ca->arena, der, signer_pem(ca), ca->roots, now, &crl, &fault), "%s", fault.message);
    return crl;
}

static bool is_good(struct scratch_ca *ca, const struct crl *current, int64_t now)
{
    struct bytes der;
    return local_ca_make_list(ca->arena, ca->ca, current, now, &der) == LOCAL_CA_LIST_GOOD;
}

Test(local_ca_status, the_list_verifies_and_holds_what_was_revoked)
{
    struct scratch_ca ca = make_ca();
    revoke(&ca, "b0", 1, NOW + HOUR_S);
    revoke(&ca, "a0", 0, NOW + HOUR_S);
    reopen(&ca);
    struct crl crl = new_list(&ca, NULL, NOW);
    cr_assert_eq(crl.count, 2);
    cr_expect_eq(crl.this_update, NOW);
    cr_expect_eq(crl.next_update, NOW + LOCAL_CA_LIST_S);
    cr_expect_eq(crl_find(&crl, "b0")->reason, 1);
    cr_expect_eq(crl_find(&crl, "b0")->revoked_at, NOW);
    cr_expect_eq(crl_find(&crl, "a0")->reason, CRL_NO_REASON, "unspecified is left out");
    drop_ca(&ca);
}

/* Older versions took any reason; removeFromCRL would have clients take the certificate for good. */
Test(local_ca_status, P1_reasons_that_do_not_revoke_are_not_told)
{
    struct scratch_ca ca = make_ca();
    scratch_write(ca.directory, "revoked", "a0 1799999999 8\nb0 1799999999 6\nc0 1799999999 4\n");
    reopen(&ca);
    struct crl crl = new_list(&ca, NULL, NOW);
    cr_assert_eq(crl.count, 3);
    cr_expect_eq(crl_find(&crl, "a0")->reason, CRL_NO_REASON);
    cr_expect_eq(crl_find(&crl, "b0")->reason, CRL_NO_REASON);
    cr_expect_eq(crl_find(&crl, "c0")->reason, 4);
    cr_expect(is_good(&ca, &crl, NOW));
    crl.entries[0].reason = 8;
    cr_expect_not(is_good(&ca, &crl, NOW), "an older version's list tells it");
    drop_ca(&ca);
}

Test(local_ca_status, P1_a_correction_is_listed_and_survives_a_restart)
{
    struct scratch_ca ca = make_ca();
    struct fault fault = {0};
    scratch_write(ca.directory, "revoked", "a0 1799999999 8 1900000000\nb0 1799999999 4 1900000000\n");
    reopen(&ca);
    struct crl first = new_list(&ca, NULL, NOW);
    revoke(&ca, "a0", 5, 1900000000);
    revoke(&ca, "b0", 1, 1900000000);
    cr_expect_eq(local_ca_revoke(ca.arena, ca.ca, "b0", 4, 0, NOW, &fault), LOCAL_CA_ALREADY_REVOKED);
    cr_expect(strstr(fault.message, "already revoked, reason keyCompromise") != NULL, "%s", fault.message);
    cr_expect_not(is_good(&ca, &first, NOW), "it keeps the earlier reasons");
    for (int i = 0; i < 2; i++, reopen(&ca)) {
        struct crl crl = new_list(&ca, NULL, NOW);
        cr_assert_eq(crl.count, 2);
        cr_expect_eq(crl_find(&crl, "a0")->reason, 5);
        cr_expect_eq(crl_find(&crl, "b0")->reason, 1);
        cr_expect_eq(crl_find(&crl, "b0")->revoked_at, 1799999999, "the time of the revocation stays");
    }
    drop_ca(&ca);
}

Test(local_ca_status, P1_a_reason_that_does_not_revoke_is_refused)
{
    static const int refused[] = {-1, 6, 7, 8, 11};
    struct scratch_ca ca = make_ca();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct fault fault = {0};
        cr_expect_eq(local_ca_revoke(ca.arena, ca.ca, "a0", refused[i], NOW + HOUR_S, NOW, &fault),
                     LOCAL_CA_REFUSED, "%d", refused[i]);
        cr_expect(strstr(fault.message, "revocation reason") != NULL, "%s", fault.message);
    }
    cr_expect_eq(new_list(&ca, NULL, NOW).count, 0);
    drop_ca(&ca);
}

Test(local_ca_status, a_new_list_is_made_when_one_is_due_and_no_sooner)
{
    struct scratch_ca ca = make_ca(), other = make_ca();
    struct crl first = new_list(&ca, NULL, NOW);
    cr_expect(is_good(&ca, &first, NOW));
    cr_expect(is_good(&ca, &first, NOW + LOCAL_CA_LIST_S / 2 - 1));
    cr_expect_not(is_good(&ca, &first, NOW + LOCAL_CA_LIST_S / 2), "half its life");
    cr_expect_not(is_good(&other, &first, NOW), "another CA's");
    revoke(&ca, "a0", 1, NOW + HOUR_S);
    cr_expect_not(is_good(&ca, &first, NOW), "something was revoked");
    struct crl second = new_list(&ca, &first, NOW);
    cr_expect(is_good(&ca, &second, NOW));
    cr_expect_not(is_good(&ca, &first, NOW));
    drop_ca(&ca);
    drop_ca(&other);
}

Test(local_ca_status, the_number_goes_up_also_within_a_second_and_without_the_list_before)
{
    struct scratch_ca ca = make_ca();
    struct fault fault = {0};
    struct crl first = new_list(&ca, NULL, NOW);
    revoke(&ca, "a0", 1, NOW + HOUR_S);
    struct crl second = new_list(&ca, &first, NOW);
    revoke(&ca, "b0", 1, NOW + HOUR_S);
    struct crl third = new_list(&ca, &second, NOW);
    struct crl after_loss = new_list(&ca, NULL, NOW + 60);
    cr_expect_str_neq(first.number, second.number);
    cr_expect(crl_may_replace(ca.arena, &first, &second, NOW, &fault), "%s", fault.message);
    cr_expect(crl_may_replace(ca.arena, &second, &third, NOW, &fault), "%s", fault.message);
    cr_expect_not(crl_may_replace(ca.arena, &third, &second, NOW, &fault));
    cr_expect(crl_may_replace(ca.arena, &third, &after_loss, NOW + 60, &fault), "%s", fault.message);
    drop_ca(&ca);
}

Test(local_ca_status, what_has_expired_drops_out_after_one_more_list)
{
    struct scratch_ca ca = make_ca();
    scratch_write(ca.directory, "revoked", "c0 1799999999 4\n");
    reopen(&ca);
    revoke(&ca, "a0", 1, NOW + HOUR_S);
    revoke(&ca, "b0", 1, NOW + 10 * DAY_S);
    cr_expect_eq(new_list(&ca, NULL, NOW + HOUR_S + LOCAL_CA_LIST_S - 1).count, 3);
    struct crl late = new_list(&ca, NULL, NOW + HOUR_S + LOCAL_CA_LIST_S);
    cr_expect_eq(late.count, 2);
    cr_expect_null(crl_find(&late, "a0"));
    cr_expect_not_null(crl_find(&late, "c0"), "nothing is known of its end");
    struct fault fault = {0};
    cr_expect_eq(local_ca_revoke(ca.arena, ca.ca, "a0", 1, 0, NOW, &fault), LOCAL_CA_ALREADY_REVOKED,
                 "the register keeps it");
    drop_ca(&ca);
}

Test(local_ca_status, its_responder_is_what_a_client_wants)
{
    struct scratch_ca ca = make_ca();
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct bytes der;
    struct ocsp_responder responder;
    struct ocsp_expectation expected = {.candidates_pem = signer_pem(&ca), .roots = ca.roots, .now = NOW};
    struct fault fault = {0};
    cr_assert(local_ca_make_responder(ca.arena, ca.ca, key, NOW, &der));
    struct bytes pem = bytes_from_string(certificate_to_pem(ca.arena, der));
    cr_assert(ocsp_responder_open(ca.arena, pem, key, &expected, &responder, &fault), "%s", fault.message);
    cr_expect(responder.nocheck);
    cr_expect_eq(responder.not_after, NOW + LOCAL_CA_RESPONDER_S);
    ocsp_responder_close(&responder);
    drop_ca(&ca);
}

Test(local_ca_status, its_responder_does_not_outlive_the_ca)
{
    struct scratch_ca ca = make_ca();
    autofree_evp_pkey EVP_PKEY *key = EVP_EC_gen("P-256");
    struct bytes der;
    struct certificate_facts facts;
    int64_t end = local_ca_end(ca.ca);
    cr_assert(local_ca_make_responder(ca.arena, ca.ca, key, end - HOUR_S, &der));
    cr_assert(certificate_read_facts(ca.arena, der, &facts));
    cr_expect_eq(facts.not_after, end);
    cr_expect_not(local_ca_make_responder(ca.arena, ca.ca, key, end, &der));
    drop_ca(&ca);
}
