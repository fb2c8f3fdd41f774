/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/buffer.h"
#include "acme/pki.h"
#include "database.h"

LEAK_CHECKED_SUITE(certificates);

/* ---- certificates ---- */

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

Test(certificates, P1_a_correction_is_due_until_it_is_settled)
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
    loaded.revocation_error = "the CA keeps the reason that it had";
    cr_assert_eq(store_certificate_correct(writer, &loaded), STORE_OK);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, certificate.id, &loaded),
                 STORE_OK);
    cr_expect(!loaded.correction_asked && loaded.revocation_reason == 0);
    cr_expect_str_eq(loaded.revocation_error, "the CA keeps the reason that it had");
    cr_assert_eq(store_revocation_queue_after(store_reader_of(writer), database.arena, 0, &queue),
                 STORE_NOT_FOUND);
    database_end(&database);
}

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

Test(certificates, S5_a_certificate_is_one_row_whatever_its_octets_and_its_issuer)
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
    cr_expect_eq(store_certificate_insert(writer, &twin, NULL, 0), STORE_NOT_FOUND);
    const struct bytes forms[] = {one.leaf, twin.leaf, pki_lengthen(database.arena, twin.leaf)};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        cr_assert_eq(
            store_certificate_by_leaf(store_reader_of(writer), database.arena, "2a", forms[i], &loaded),
            STORE_OK);
        cr_expect_eq(loaded.id, one.id);
        cr_expect(bytes_equal(loaded.leaf, one.leaf));
    }
    cr_assert_not(writer->reader.failed);
    database_end(&database);
}

Test(certificates, S5_an_import_under_another_issuer_of_the_ca_is_taken_over)
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
    const char *sql =
        arena_printf(database->arena, "UPDATE certificates SET leaf = x'%.*s' WHERE id = %lld RETURNING 0",
                     (int)buffer_bytes(&text).n, (const char *)buffer_bytes(&text).p, (long long)id);
    cr_assert_eq(database_count(database, sql), 0);
}

/* As versions before made them: the twin under another issuer, in other octets. */
Test(certificates, S5_rows_of_one_certificate_are_revoked_together_and_the_owners_is_found)
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

Test(certificates, a_certificate_is_found_by_its_own_octets)
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
    cr_assert_eq(store_certificate_insert(writer, &again, NULL, 0), STORE_NOT_FOUND);
    cr_assert_not(writer->reader.failed);
    database_end(&database);
}

Test(certificates, one_that_was_imported_first_is_taken_over_once)
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
    cr_assert_eq(store_certificate_insert(writer, &other, order.identifiers, 1), STORE_NOT_FOUND);
    cr_assert_eq(store_certificate_insert(writer, &issued, order.identifiers, 1), STORE_OK);
    cr_assert_eq(issued.id, imported.id);
    cr_assert_eq(store_certificate_load(store_reader_of(writer), database.arena, issued.id, &loaded),
                 STORE_OK);
    cr_assert_eq(loaded.order_id, order.id);
    cr_assert_eq(loaded.account_id, account.id);
    cr_assert_eq(loaded.origin, CERTIFICATE_FROM_ACME);
    cr_assert_eq(store_certificate_insert(writer, &issued, order.identifiers, 1), STORE_NOT_FOUND);
    cr_assert_not(writer->reader.failed);
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

Test(certificates, a_revocation_is_due_until_the_ca_confirmed_it)
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

/* ---- events ---- */

Test(certificates, the_timeline_of_an_order_has_its_own_and_its_authorizations_events)
{
    struct database database;
    struct event_row *rows;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    struct order order = make_issued_order(&database, &account, "www.example.org", "1a");
    make_issued_order(&database, &account, "other.example.org", "1b");
    make_event(&database, (struct event){.type = EVENT_CHALLENGE_REQUESTED,
                                         .authorization_id = order.authorization_ids[0]});
    make_event(&database, (struct event){.type = EVENT_CERTIFICATE_REVOKED,
                                         .certificate_id = order.certificate_id,
                                         .actor = "operator",
                                         .at = NOW + 1});
    cr_assert_eq(
        store_events_of_order(store_reader_of(database.writer), database.arena, order.id, &rows, &count),
        STORE_OK);
    cr_assert_eq(count, 10);
    cr_assert_eq(rows[0].event.type, EVENT_ORDER_CREATED);
    cr_assert_str_eq(rows[0].type_name, "order.created");
    cr_assert_str_eq(rows[0].event.actor, "client 192.0.2.7");
    cr_assert_str_eq(rows[0].event.detail, "profile default");
    cr_assert_eq(rows[0].event.account_id, account.id);
    cr_assert_eq(rows[0].event.order_id, order.id);
    cr_assert_eq(rows[1].event.authorization_id, order.authorization_ids[0]);
    cr_assert_null(rows[3].event.detail);
    cr_assert_eq(rows[8].event.type, EVENT_CHALLENGE_REQUESTED);
    cr_assert_eq(rows[8].event.order_id, 0);
    cr_assert_eq(rows[9].event.type, EVENT_CERTIFICATE_REVOKED);
    cr_assert_eq(rows[9].event.at, NOW + 1);
    for (size_t i = 1; i < count; i++)
        cr_expect_gt(rows[i].id, rows[i - 1].id);
    database_end(&database);
}

/* ---- ids ---- */

Test(certificates, ids_follow_the_clock_and_never_go_back)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    int64_t first = store_next_id(database.writer, NOW * 1000);
    cr_assert_eq(first, (NOW - 1767225600) * 1000 * 4096);
    cr_assert_eq(store_next_id(database.writer, NOW * 1000), first + 1);
    cr_assert_eq(store_next_id(database.writer, (NOW - 3600) * 1000), first + 2);
    cr_assert_eq(store_next_id(database.writer, NOW * 1000 + 1), first + 4096);
    cr_assert_lt(store_next_id(database.writer, (NOW + INT64_C(60) * 365 * 86400) * 1000), INT64_C(1) << 53);
    database_end(&database);
}

/* A busy server hands out thousands in a second, which objects are numbered by. */
Test(certificates, ids_of_a_command_are_apart_from_those_of_a_server_in_the_same_second)
{
    struct database database;
    struct fault fault;
    database_begin(&database);
    database_connect(&database);
    struct store_command *command = store_command_open(database.path, &fault);
    cr_assert_not_null(command, "%s", fault.message);
    int64_t commands = store_next_id(command->writer, NOW * 1000), servers = 0;
    for (size_t i = 0; i < 100000; i++)
        servers = store_next_id(database.writer, NOW * 1000);
    cr_expect_gt(commands, servers);
    cr_expect_lt(store_next_id(command->writer, NOW * 1000) + 100000,
                 store_next_id(database.writer, (NOW + 1) * 1000));
    store_command_close(command);
    database_end(&database);
}

Test(certificates, ids_continue_after_the_highest_of_any_table)
{
    static const char *const tables[] = {"events", "certificates",   "attempts",
                                         "orders", "authorizations", "accounts"};
    struct database database;
    database_begin(&database);
    database_connect(&database);
    struct account account = make_account(&database, "thumbprint");
    make_issued_order(&database, &account, "www.example.org", "1a");
    long long highest = (long long)store_next_id(database.writer, NOW * 1000 + 86400000);
    database_run(&database, "INSERT INTO events (id, at, kind, who) VALUES (1, 0, 'x', 'y')");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        database_disconnect(&database);
        highest += 1000;
        database_run(&database, arena_printf(database.arena,
                                             "UPDATE %s SET id = %lld WHERE id = (SELECT max(id) FROM %s)",
                                             tables[i], highest, tables[i]));
        database_connect(&database);
        cr_expect_eq(store_next_id(database.writer, NOW * 1000), highest + 1, "%s", tables[i]);
    }
    database_end(&database);
}

/* ---- names ---- */

static struct certificate make_of(struct database *database, enum certificate_origin origin,
                                  const char *serial, const char *const *names, int64_t not_before)
{
    struct identifier identifiers[3];
    size_t count = 0;
    for (; names[count] != NULL; count++)
        identifiers[count] = dns(names[count]);
    struct certificate certificate = {
        .issuer = "main",
        .root_fingerprint = "root",
        .serial = serial,
        .leaf = bytes_from_string(serial),
        .key_hash = BYTES_LITERAL("key"),
        .not_before = not_before,
        .not_after = not_before + 86400,
        .status = CERTIFICATE_GOOD,
        .origin = origin,
        .created_at = NOW,
    };
    cr_assert_eq(store_certificate_insert(database->writer, &certificate, identifiers, count), STORE_OK);
    return certificate;
}

Test(certificates, names_are_read_page_by_page_in_order_without_rejected_certificates)
{
    static const char *const both[] = {"a.example.org", "b.example.org", NULL};
    static const char *const one[] = {"b.example.org", NULL};
    static const char *const expected[] = {"a.example.org 1", "b.example.org 1", "b.example.org 2"};
    struct database database;
    database_begin(&database);
    database_connect(&database);
    int64_t ids[] = {make_of(&database, CERTIFICATE_EXTERNAL, "1", both, NOW).id,
                     make_of(&database, CERTIFICATE_IMPORTED, "2", one, NOW + 1).id,
                     make_of(&database, CERTIFICATE_FROM_ACME, "3", one, NOW + 2).id};
    database_run(&database, "UPDATE certificates SET status = 'rejected' WHERE serial = '3'");
    for (size_t page = 1; page <= 4; page++) {
        struct name_certificate rows[4], last = {0};
        size_t count = 0, seen = 0;
        do {
            cr_assert_eq(store_name_certificates(store_reader_of(database.writer), database.arena,
                                                 seen == 0 ? NULL : &last, rows, page, &count),
                         STORE_OK);
            for (size_t i = 0; i < count; i++) {
                cr_assert_lt(seen, 3);
                const char *found =
                    arena_printf(database.arena, "%s %d", rows[i].name, rows[i].id == ids[0] ? 1 : 2);
                cr_expect_str_eq(found, expected[seen++]);
                cr_expect_eq(rows[i].origin,
                             rows[i].id == ids[0] ? CERTIFICATE_EXTERNAL : CERTIFICATE_IMPORTED);
                cr_expect_eq(rows[i].not_before, rows[i].id == ids[0] ? NOW : NOW + 1);
                cr_expect_eq(rows[i].not_after, rows[i].not_before + 86400);
                cr_expect_eq(rows[i].created_at, NOW);
                last = rows[i];
            }
        } while (count == page);
        cr_expect_eq(seen, 3, "pages of %zu", page);
    }
    database_end(&database);
}

/* The view says what acme/migration.c says. */
Test(certificates, the_view_of_the_migration_decides_as_the_program_does)
{
    static const struct {
        enum certificate_origin first, second;
        int64_t first_ago, second_ago;
        const char *state, *path;
    } cases[] = {
        {CERTIFICATE_IMPORTED, 0, 100, 0, "old way", "imported"},
        {CERTIFICATE_EXTERNAL, 0, 100, 0, "old way", "external"},
        {CERTIFICATE_FROM_ACME, 0, 100, 0, "moved", "acme"},
        {CERTIFICATE_FROM_ACME, CERTIFICATE_IMPORTED, 100, 200, "moved", "acme"},
        {CERTIFICATE_FROM_ACME, CERTIFICATE_IMPORTED, 200, 100, "went back", "imported"},
        {CERTIFICATE_IMPORTED, CERTIFICATE_FROM_ACME, 90000, 90100, "over", "imported"},
    };
    static const char *const names[] = {"www.example.org", NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database database;
        database_begin(&database);
        database_connect(&database);
        int64_t now = database_count(&database, "SELECT unixepoch()");
        struct name_certificate rows[2];
        struct name_history history = {0};
        size_t count = 0;
        make_of(&database, cases[i].first, "1", names, now - cases[i].first_ago);
        if (cases[i].second != 0)
            make_of(&database, cases[i].second, "2", names, now - cases[i].second_ago);
        cr_expect_str_eq(
            database_text(&database, "SELECT state || ' ' || path || ' ' || name FROM v_migration"),
            arena_printf(database.arena, "%s %s www.example.org", cases[i].state, cases[i].path));
        cr_assert_eq(
            store_name_certificates(store_reader_of(database.writer), database.arena, NULL, rows, 2, &count),
            STORE_OK);
        for (size_t j = 0; j < count; j++)
            name_history_add(&history, &rows[j]);
        cr_expect_str_eq(migration_state_name(migration_state_of(&history, now)), cases[i].state);
        database_end(&database);
    }
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

/* A row without a type would say nothing. */
Test(certificates, an_event_has_a_type)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    const struct event event = {.at = NOW, .actor = "test"};
    cr_expect_neq(store_event_insert(database.writer, &event), STORE_OK);
    cr_expect_eq(database_count(&database, "SELECT count(*) FROM events"), 0);
    database_end(&database);
}
