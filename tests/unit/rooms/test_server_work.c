/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a running server tell each other. */
#include "acme/base/file.h"
#include "acme/pki/certificate.h"
#include "gateway/kept/own_certificate.h"
#include "server_place.h"
#include "store/certificates.h"

LEAK_CHECKED_SUITE(server_work);

enum { FILE_BYTES = 64 * 1024, MINUTE_MS = 60 * 1000 };

/* An order that its job ends at once: what was stored as its request is none. */
Test(server_work, whoever_waits_for_an_order_is_woken_when_it_ends)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    struct order order = server_place_order("default", "a.test", NOW);
    fakes_pass(5000);
    cr_expect_str_eq(
        database_text(&house.database, arena_printf(house.arena, "SELECT status FROM orders WHERE id = %lld",
                                                    (long long)order.id)),
        "invalid");
    cr_expect_eq(fake_server_woken(HOUSE_HTTP), order.id);
    cr_expect_eq(fake_server_woken(HOUSE_PKI), 0, "nobody waits there");
    server_place_stop();
    server_place_end();
}

/* The own certificate, as a certificate in the database whose revocation is due. */
static void revoke_own_certificate(void)
{
    struct bytes pem, *chain;
    size_t count;
    struct certificate_facts facts;
    cr_assert(file_read(house.arena, own_certificate_path(house.arena, house.config), FILE_BYTES, &pem));
    cr_assert(certificates_from_pem(house.arena, pem, &chain, &count) && count > 1);
    cr_assert(certificate_read_facts(house.arena, chain[0], &facts));
    struct account account = make_account(&house.database, "one");
    struct certificate certificate = {
        .account_id = account.id,
        .issuer = "local",
        .root_fingerprint = issuers_find(house.server->issuers, "local")->root_fingerprint,
        .serial = facts.serial,
        .leaf = chain[0],
        .chain_pem = certificates_to_pem(house.arena, chain + 1, count - 1),
        .key_hash = bytes_of(facts.key_hash, sizeof facts.key_hash),
        .not_before = facts.not_before,
        .not_after = facts.not_after,
        .status = CERTIFICATE_GOOD,
        .origin = CERTIFICATE_FROM_ACME,
        .created_at = NOW,
        .revocation_requested_at = NOW,
        .revocation_requested_by = "account",
        .revocation_next_attempt_at = NOW,
    };
    cr_assert_eq(store_certificate_insert(house.database.writer, &certificate, facts.identifiers,
                                          facts.identifier_count),
                 STORE_OK);
    cr_assert_eq(store_certificate_update(house.database.writer, &certificate), STORE_OK);
}

Test(server_work, a_revocation_changes_the_list_and_replaces_the_own_certificate)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    cr_expect_str_eq(server_place_metric("acmegate_crl_entries{issuer=\"local\"}"), "0");
    revoke_own_certificate();
    fakes_pass(5 * MINUTE_MS);
    cr_expect_str_eq(server_place_metric("acmegate_revocations_confirmed_total{issuer=\"local\"}"), "1");
    cr_expect_str_eq(server_place_metric("acmegate_crl_entries{issuer=\"local\"}"), "1");
    cr_expect_eq(fake_server_certificates(HOUSE_HTTP), 2);
    cr_expect_eq(fake_server_certificates(HOUSE_ADMIN), 2);
    server_place_stop();
    server_place_end();
}

/* Clients wait for as long as the front ends do; what they wait for has half of that. */
Test(server_work, a_stop_hurries_what_is_asked_outside)
{
    server_place_begin();
    server_place_start(NULL, NULL);
    cr_expect_eq(fake_outbound_hurried_ms(), 0);
    server_place_stop();
    cr_expect_eq(fake_outbound_hurried_ms(), HTTP_DRAIN_MS / 2);
    server_place_end();
}
