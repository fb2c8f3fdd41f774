/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/certificates.h"
#include "store/waiting.h"

LEAK_CHECKED_SUITE(certificate_revocations);

Test(certificate_revocations, a_revocation_is_due_until_the_ca_confirmed_it)
{
    struct database database;
    struct certificate certificate, loaded;
    int64_t ids[2];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "a.example.org", "1a");
    struct revocation_queue queue;
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue),
                 STORE_NOT_FOUND);
    cr_assert_eq(
        store_certificate_load(store_reader_of(writer), database.arena, order.certificate_id, &certificate),
        STORE_OK);
    certificate.revocation_requested_at = NOW;
    certificate.revocation_reason = 4;
    certificate.revocation_requested_by = "account";
    certificate.revocation_next_attempt_at = NOW + 3;
    certificate.revocation_attempt_count = 2;
    certificate.revocation_error = "the CA is away";
    cr_assert_eq(store_certificate_update(writer, &certificate), STORE_OK);
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue), STORE_OK);
    cr_assert_str_eq(queue.issuer, certificate.issuer);
    cr_assert_eq(store_revocations_due(store_reader_of(writer), queue.identity_id, NOW, ids, 2, &count),
                 STORE_OK);
    cr_assert_eq(count, 0);
    cr_assert_eq(store_revocations_due(store_reader_of(writer), queue.identity_id, NOW + 3, ids, 2, &count),
                 STORE_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(ids[0], certificate.id);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, certificate.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, CERTIFICATE_GOOD);
    cr_assert_eq(loaded.revocation_requested_at, NOW);
    cr_assert_eq(loaded.revocation_reason, 4);
    cr_assert_str_eq(loaded.revocation_requested_by, "account");
    cr_assert_eq(loaded.revocation_attempt_count, 2);
    cr_assert_str_eq(loaded.revocation_error, "the CA is away");
    certificate.status = CERTIFICATE_REVOKED;
    certificate.revoked_at = NOW + 4;
    certificate.revocation_error = NULL;
    cr_assert_eq(store_certificate_update(writer, &certificate), STORE_OK);
    cr_assert_eq(store_certificate_update(writer, &certificate), STORE_LOST_RACE);
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue),
                 STORE_NOT_FOUND);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, certificate.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.status, CERTIFICATE_REVOKED);
    cr_assert_eq(loaded.revoked_at, NOW + 4);
    database_end(&database);
}

Test(certificate_revocations, P1_a_correction_is_due_until_it_is_settled)
{
    struct database database;
    struct certificate certificate, loaded;
    struct revocation_queue queue;
    int64_t ids[2];
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "a.example.org", "1a");
    cr_assert_eq(
        store_certificate_load(store_reader_of(writer), database.arena, order.certificate_id, &certificate),
        STORE_OK);
    certificate.correction_asked = true;
    cr_expect_eq(store_certificate_correct(writer, &certificate), STORE_LOST_RACE, "it is not revoked");
    certificate.status = CERTIFICATE_REVOKED;
    certificate.revocation_requested_at = certificate.revoked_at = NOW;
    certificate.revocation_reason = 8;
    cr_assert_eq(store_certificate_update(writer, &certificate), STORE_OK);
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue),
                 STORE_NOT_FOUND);

    certificate.correction_reason = 0; /* unspecified is a reason that revokes */
    cr_assert_eq(store_certificate_correct(writer, &certificate), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, certificate.id, &loaded),
                 STORE_OK);
    cr_expect(loaded.correction_asked && loaded.correction_reason == 0 && loaded.revocation_reason == 8);
    cr_expect_eq(loaded.revoked_at, NOW);
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue), STORE_OK);
    cr_assert_eq(store_revocations_due(store_reader_of(writer), queue.identity_id, NOW, ids, 2, &count),
                 STORE_OK);
    cr_expect_eq(count, 1);
    int64_t waiting = 0;
    cr_assert_eq(store_revocations_waiting(store_reader_of(writer), "main", &waiting), STORE_OK);
    cr_expect_eq(waiting, 1);

    loaded.revocation_reason = 0;
    loaded.correction_asked = false;
    loaded.revocation_error = "the CA keeps its old reason";
    cr_assert_eq(store_certificate_correct(writer, &loaded), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, certificate.id, &loaded),
                 STORE_OK);
    cr_expect(!loaded.correction_asked && loaded.revocation_reason == 0);
    cr_expect_str_eq(loaded.revocation_error, "the CA keeps its old reason");
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue),
                 STORE_NOT_FOUND);
    database_end(&database);
}
