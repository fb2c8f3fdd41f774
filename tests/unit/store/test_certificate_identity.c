/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/buffer.h"
#include "acme/pki.h"
#include "database.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(certificate_identity);

static struct certificate make_real_certificate(struct database *database, const struct order *order)
{
    struct certificate certificate = make_certificate(database, order, "2a");
    cr_assert_eq(database_count(database, "DELETE FROM certificate_names RETURNING 0"), 0);
    cr_assert_eq(database_count(database, "DELETE FROM certificates RETURNING 0"), 0);
    struct pki_certificate parts = {
        .key = pki_key(database->arena, "P-256"), .common_name = "leaf", .serial_hex = "2a", .not_after = 1};
    certificate.leaf = pki_der(database->arena, pki_certificate(database->arena, &parts));
    return certificate;
}

Test(certificate_identity, S5_a_certificate_is_one_row_whatever_its_octets_and_its_issuer)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate one = make_real_certificate(&database, &order), twin = one;
    cr_assert_eq(store_certificate_insert(writer, &one, NULL, 0), STORE_OK);
    twin.leaf = pki_malleate(database.arena, one.leaf);
    twin.issuer = "the same CA";
    twin.account_id = twin.order_id = 0;
    twin.origin = CERTIFICATE_EXTERNAL;
    cr_expect_eq(store_certificate_insert(writer, &twin, NULL, 0), STORE_KNOWN);
    const struct bytes forms[] = {one.leaf, twin.leaf, pki_lengthen(database.arena, twin.leaf)};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        cr_assert_eq(
            store_certificate_by_leaf(store_reader_of(writer), database.arena, "2a", forms[i], &loaded),
            STORE_OK);
        cr_expect_eq(loaded.id, one.id);
        cr_expect(bytes_equal(loaded.leaf, one.leaf));
    }
    cr_assert_not(writer->reader->failed);
    database_end(&database);
}

Test(certificate_identity, S5_an_import_under_another_issuer_of_the_ca_is_taken_over)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate issued = make_real_certificate(&database, &order), imported = issued;
    imported.leaf = pki_malleate(database.arena, issued.leaf);
    imported.issuer = "the same CA";
    imported.account_id = imported.order_id = 0;
    imported.origin = CERTIFICATE_IMPORTED;
    cr_assert_eq(store_certificate_insert(writer, &imported, order.identifiers, 1), STORE_OK);
    cr_assert_eq(store_certificate_insert(writer, &issued, order.identifiers, 1), STORE_OK);
    cr_expect_eq(issued.id, imported.id);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, issued.id, &loaded),
                 STORE_OK);
    cr_expect_str_eq(loaded.issuer, "main");
    cr_expect_eq(loaded.account_id, account.id);
    cr_expect(bytes_equal(loaded.leaf, issued.leaf));
    database_end(&database);
}

static void set_leaf(struct database *database, int64_t id, struct bytes leaf)
{
    struct buffer text;
    buffer_init(&text, database->arena, 2 * leaf.n + 1);
    for (size_t i = 0; i < leaf.n; i++)
        buffer_printf(&text, "%02x", leaf.p[i]);
    const char *sql = arena_printf(database->arena, "UPDATE certificates SET leaf = %s WHERE id = %lld",
                                   database_blob(database, buffer_string(&text)), (long long)id);
    database_run(database, sql);
}

/* As versions before made them: the twin under another issuer, in other octets. */
Test(certificate_identity, S5_rows_of_one_certificate_are_revoked_together_and_the_owners_is_found)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate one = make_real_certificate(&database, &order), twin = one;
    struct bytes leaf = one.leaf;
    twin.issuer = "the same CA";
    twin.account_id = twin.order_id = 0;
    twin.leaf = BYTES_LITERAL("older");
    cr_assert_eq(store_certificate_insert(writer, &twin, NULL, 0), STORE_OK);
    cr_assert_eq(store_certificate_insert(writer, &one, NULL, 0), STORE_OK);
    set_leaf(&database, twin.id, pki_malleate(database.arena, leaf));
    cr_assert_eq(store_certificate_by_leaf(store_reader_of(writer), database.arena, "2a", leaf, &loaded),
                 STORE_OK);
    cr_expect_eq(loaded.id, one.id);
    loaded.status = CERTIFICATE_REVOKED;
    loaded.revocation_requested_at = NOW;
    loaded.revocation_reason = 4;
    loaded.revocation_requested_by = "account";
    loaded.revoked_at = NOW + 1;
    cr_assert_eq(store_certificate_update(writer, &loaded), STORE_OK);
    cr_assert_eq(store_certificate_revoke_twins(writer, &loaded), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, twin.id, &loaded), STORE_OK);
    cr_expect_eq(loaded.status, CERTIFICATE_REVOKED);
    cr_expect_eq(loaded.revoked_at, NOW + 1);
    cr_expect_eq(loaded.revocation_reason, 4);
    database_end(&database);
}

Test(certificate_identity, a_certificate_is_found_by_its_own_octets)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate one = make_certificate(&database, &order, "1a"), two = one;
    two.root_fingerprint = "another root";
    two.leaf = BYTES_LITERAL("another leaf");
    cr_assert_eq(store_certificate_insert(writer, &two, NULL, 0), STORE_OK);
    cr_assert_eq(store_certificate_by_leaf(store_reader_of(writer), database.arena, "1a", one.leaf, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.id, one.id);
    cr_assert_eq(store_certificate_by_leaf(store_reader_of(writer), database.arena, "1a", two.leaf, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.id, two.id);
    cr_assert_eq(store_certificate_by_leaf(store_reader_of(writer), database.arena, "1b", one.leaf, &loaded),
                 STORE_NOT_FOUND);
    cr_assert_eq(
        store_certificate_by_leaf(store_reader_of(writer), database.arena, "1a", BYTES_LITERAL("x"), &loaded),
        STORE_NOT_FOUND);
    struct certificate again = one;
    cr_assert_eq(store_certificate_insert(writer, &again, NULL, 0), STORE_KNOWN);
    cr_assert_not(writer->reader->failed);
    database_end(&database);
}

Test(certificate_identity, one_that_was_imported_first_is_taken_over_once)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate issued = make_certificate(&database, &order, "1a"), imported = issued;
    cr_assert_eq(database_count(&database, "DELETE FROM certificate_names RETURNING 0"), 0);
    cr_assert_eq(database_count(&database, "DELETE FROM certificates RETURNING 0"), 0);
    imported.account_id = imported.order_id = 0;
    imported.origin = CERTIFICATE_IMPORTED;
    cr_assert_eq(store_certificate_insert(writer, &imported, order.identifiers, 1), STORE_OK);
    struct certificate other = issued;
    other.leaf = BYTES_LITERAL("another leaf");
    cr_assert_eq(store_certificate_insert(writer, &other, order.identifiers, 1), STORE_KNOWN);
    cr_assert_eq(store_certificate_insert(writer, &issued, order.identifiers, 1), STORE_OK);
    cr_assert_eq(issued.id, imported.id);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, issued.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.order_id, order.id);
    cr_assert_eq(loaded.account_id, account.id);
    cr_assert_eq(loaded.origin, CERTIFICATE_FROM_ACME);
    cr_assert_eq(store_certificate_insert(writer, &issued, order.identifiers, 1), STORE_KNOWN);
    cr_assert_not(writer->reader->failed);
    database_end(&database);
}

/* Two CAs may give out the same serial number. */
Test(certificate_identity, a_revocation_takes_no_other_certificate_with_it)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate one = make_real_certificate(&database, &order), other = one;
    cr_assert_eq(store_certificate_insert(writer, &one, NULL, 0), STORE_OK);
    struct pki_certificate parts = {.key = pki_key(database.arena, "P-256"),
                                    .common_name = "of another CA",
                                    .serial_hex = "2a",
                                    .not_after = 1};
    other.leaf = pki_der(database.arena, pki_certificate(database.arena, &parts));
    other.issuer = "another CA";
    cr_assert_eq(store_certificate_insert(writer, &other, NULL, 0), STORE_OK);
    one.status = CERTIFICATE_REVOKED;
    one.revocation_requested_at = one.revoked_at = NOW;
    cr_assert_eq(store_certificate_update(writer, &one), STORE_OK);
    cr_assert_eq(store_certificate_revoke_twins(writer, &one), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, other.id, &loaded),
                 STORE_OK);
    cr_expect_eq(loaded.status, CERTIFICATE_GOOD);
    cr_expect_eq(loaded.revocation_requested_at, 0);
    database_end(&database);
}
