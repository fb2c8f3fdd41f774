#include "database.h"

LEAK_CHECKED_SUITE(revocation_lists);

static struct revocation_list_row make_row(const char *issuer, const char *root, struct bytes crl)
{
    return (struct revocation_list_row){.issuer = issuer,
                                        .root_fingerprint = root,
                                        .fetched_at = NOW,
                                        .next_update = NOW + 3600,
                                        .crl = crl,
                                        .chain_pem = BYTES_LITERAL("chain")};
}

Test(revocation_lists, one_is_kept_for_each_identity)
{
    struct database database;
    struct revocation_list_row loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_session *session = database.writer;
    struct arena *arena = database.arena;
    struct revocation_list_row row = make_row("main", "root", BYTES_LITERAL("first"));
    struct revocation_list_row other = make_row("main", "another root", BYTES_LITERAL("other"));
    cr_assert_eq(store_revocation_list_load(session, arena, "main", "root", &loaded), STORE_NOT_FOUND);
    cr_assert_eq(store_revocation_list_save(session, &row), STORE_OK);
    cr_assert_eq(store_revocation_list_save(session, &other), STORE_OK);
    row.crl = BYTES_LITERAL("second");
    row.next_update = NOW + 7200;
    cr_assert_eq(store_revocation_list_save(session, &row), STORE_OK);
    cr_assert_eq(store_revocation_list_load(session, arena, "main", "root", &loaded), STORE_OK);
    cr_expect(bytes_equal(loaded.crl, row.crl));
    cr_expect(bytes_equal(loaded.chain_pem, row.chain_pem));
    cr_expect_eq(loaded.fetched_at, NOW);
    cr_expect_eq(loaded.next_update, NOW + 7200);
    cr_assert_eq(store_revocation_list_load(session, arena, "main", "another root", &loaded), STORE_OK);
    cr_expect(bytes_equal(loaded.crl, other.crl));
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM revocation_lists"), 2);
    database_end(&database);
}

Test(revocation_lists, a_certificate_stands_as_its_own_ca_has_confirmed)
{
    struct database database;
    struct certificate_standing standing;
    database_begin(&database);
    database_connect(&database);
    struct store_session *session = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate certificate = make_certificate(&database, &order, "1a2b");
    const char *root = certificate.root_fingerprint;
    cr_assert_eq(store_certificate_standing(session, "main", root, "1a2b", &standing), STORE_OK);
    cr_expect_eq(standing.revoked_at, 0);
    certificate.revocation_requested_at = NOW + 1;
    certificate.revocation_reason = 4;
    cr_assert_eq(store_certificate_update(session, &certificate), STORE_OK);
    cr_assert_eq(store_certificate_standing(session, "main", root, "1a2b", &standing), STORE_OK);
    cr_expect_eq(standing.revoked_at, 0, "asked for is not confirmed");
    certificate.status = CERTIFICATE_REVOKED;
    certificate.revoked_at = NOW + 2;
    cr_assert_eq(store_certificate_update(session, &certificate), STORE_OK);
    cr_assert_eq(store_certificate_standing(session, "main", root, "1a2b", &standing), STORE_OK);
    cr_expect_eq(standing.revoked_at, NOW + 2);
    cr_expect_eq(standing.reason, 4);
    cr_expect_eq(store_certificate_standing(session, "main", root, "1a2c", &standing), STORE_NOT_FOUND);
    cr_expect_eq(store_certificate_standing(session, "main", "another root", "1a2b", &standing),
                 STORE_NOT_FOUND);
    cr_expect_eq(store_certificate_standing(session, "other", root, "1a2b", &standing), STORE_NOT_FOUND);
    database_end(&database);
}
