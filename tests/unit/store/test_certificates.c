/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(certificates);

Test(certificates, a_certificate_comes_back_as_it_was_stored)
{
    struct database database;
    struct certificate loaded;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct authorization authorization = make_authorization(&database, &account, "www.example.org");
    struct order order = make_order(&database, &account, &authorization, 1);
    struct certificate certificate = make_certificate(&database, &order, "1a2b");
    cr_assert_eq(
        store_certificate_load(store_reader_of(database.writer), database.arena, certificate.id, &loaded),
        STORE_OK);
    cr_assert_eq(loaded.account_id, account.id);
    cr_assert_eq(loaded.order_id, order.id);
    cr_assert_str_eq(loaded.endpoint, "acme");
    cr_assert_str_eq(loaded.issuer, "main");
    cr_assert_str_eq(loaded.root_fingerprint, certificate.root_fingerprint);
    cr_assert_str_eq(loaded.serial, "1a2b");
    cr_assert(bytes_equal(loaded.leaf, certificate.leaf));
    cr_assert(bytes_equal(loaded.chain_pem, certificate.chain_pem));
    cr_assert(bytes_equal(loaded.key_hash, certificate.key_hash));
    cr_assert_eq(loaded.not_before, NOW);
    cr_assert_eq(loaded.not_after, NOW + 86400);
    cr_assert_eq(loaded.status, CERTIFICATE_GOOD);
    cr_assert_eq(loaded.created_at, NOW);
    cr_assert_eq(store_certificate_load(store_reader_of(database.writer), database.arena, order.id, &loaded),
                 STORE_NOT_FOUND);
    cr_assert_str_eq(database_text(&database, "SELECT name FROM certificate_names"), "www.example.org");
    database_end(&database);
}

Test(certificates, chains_and_issuers_are_stored_once)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "a.example.org", "1a");
    struct order order = make_issued_order(&database, &account, "b.example.org", "1b");
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM chains"), 1);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM issuer_identities"), 1);
    struct certificate bare, loaded;
    cr_assert_eq(
        store_certificate_load(store_reader_of(database.writer), database.arena, order.certificate_id, &bare),
        STORE_OK);
    bare.serial = "1c";
    bare.chain_pem = (struct bytes){0};
    cr_assert_eq(store_certificate_insert(database.writer, &bare, NULL, 0), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(database.writer), database.arena, bare.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.chain_pem.n, 0);
    cr_assert_eq(database_count(&database, "SELECT count(*) FROM chains"), 1);
    database_end(&database);
}

static struct certificate another(struct database *database, struct certificate like, const char *serial,
                                  const char *chain_pem, int64_t not_after)
{
    like.serial = serial;
    like.leaf = bytes_from_string(serial);
    like.chain_pem = bytes_from_string(chain_pem);
    like.not_after = not_after;
    cr_assert_eq(store_certificate_insert(database->writer, &like, NULL, 0), STORE_OK);
    return like;
}

Test(certificates, live_chains_are_shown_by_the_leaf_that_ends_last)
{
    struct database database;
    struct certificate base;
    struct live_chain *chains;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "a.example.org", "1a");
    cr_assert_eq(
        store_certificate_load(store_reader_of(database.writer), database.arena, order.certificate_id, &base),
        STORE_OK);
    another(&database, base, "over", "over", NOW - 1);
    struct certificate revoked = another(&database, base, "revoked", "revoked", NOW + 50);
    revoked.status = CERTIFICATE_REVOKED;
    revoked.revoked_at = NOW;
    revoked.revocation_requested_at = NOW;
    cr_assert_eq(store_certificate_update(database.writer, &revoked), STORE_OK);
    another(&database, base, "2a", "one", NOW + 10);
    another(&database, base, "2c", "one", NOW + 30);
    another(&database, base, "2b", "one", NOW + 20);
    another(&database, base, "3a", NULL, NOW + 5);
    struct certificate elsewhere = base;
    elsewhere.issuer = "other";
    another(&database, elsewhere, "4a", "other", NOW + 99);
    cr_assert_eq(store_live_chains(store_reader_of(database.writer), database.arena, base.issuer, NOW,
                                   &chains, &count),
                 STORE_OK);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_string(chains[i].chain_pem, "one")) {
            cr_expect(bytes_equal_string(chains[i].leaf, "2c"));
            cr_expect_eq(chains[i].not_after, NOW + 30);
            found++;
        } else if (chains[i].chain_pem.n == 0) {
            cr_expect(bytes_equal_string(chains[i].leaf, "3a"));
            found++;
        } else {
            cr_expect(bytes_equal(chains[i].chain_pem, base.chain_pem));
        }
    }
    cr_assert_eq(found, 2);
    cr_assert_eq(
        store_live_chains(store_reader_of(database.writer), database.arena, "nobody", NOW, &chains, &count),
        STORE_OK);
    cr_assert_eq(count, 0);
    database_end(&database);
}
