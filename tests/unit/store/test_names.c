/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/certificates.h"
#include "store/names.h"

LEAK_CHECKED_SUITE(names);

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

Test(names, names_are_read_page_by_page_in_order_without_rejected_certificates)
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
Test(names, the_view_of_the_migration_decides_as_the_program_does)
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
