/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/revocation_lists.h"

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

Test(revocation_lists, one_is_kept_for_each_identity_and_the_newest_comes_first)
{
    struct database database;
    struct revocation_list_row *loaded;
    size_t count;
    database_begin(&database);
    database_connect(&database);
    struct store_writer *writer = database.writer;
    struct arena *arena = database.arena;
    struct revocation_list_row row = make_row("main", "root", BYTES_LITERAL("first"));
    struct revocation_list_row other = make_row("main", "another root", BYTES_LITERAL("other"));
    struct revocation_list_row foreign = make_row("foreign", "root", BYTES_LITERAL("foreign"));
    other.fetched_at = NOW - 1;
    cr_assert_eq(store_revocation_lists_load(store_reader_of(writer), arena, "main", &loaded, &count),
                 STORE_OK);
    cr_expect_eq(count, 0);
    cr_assert_eq(store_revocation_list_save(writer, &row), STORE_OK);
    cr_assert_eq(store_revocation_list_save(writer, &other), STORE_OK);
    cr_assert_eq(store_revocation_list_save(writer, &foreign), STORE_OK);
    row.crl = BYTES_LITERAL("second");
    row.next_update = NOW + 7200;
    cr_assert_eq(store_revocation_list_save(writer, &row), STORE_OK);
    cr_assert_eq(store_revocation_lists_load(store_reader_of(writer), arena, "main", &loaded, &count),
                 STORE_OK);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(loaded[0].root_fingerprint, "root");
    cr_expect(bytes_equal(loaded[0].crl, row.crl));
    cr_expect(bytes_equal(loaded[0].chain_pem, row.chain_pem));
    cr_expect_eq(loaded[0].fetched_at, NOW);
    cr_expect_eq(loaded[0].next_update, NOW + 7200);
    cr_expect_str_eq(loaded[1].root_fingerprint, "another root");
    cr_expect(bytes_equal(loaded[1].crl, other.crl));
    other.fetched_at = NOW + 1;
    cr_assert_eq(store_revocation_list_save(writer, &other), STORE_OK);
    cr_assert_eq(store_revocation_lists_load(store_reader_of(writer), arena, "main", &loaded, &count),
                 STORE_OK);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(loaded[0].root_fingerprint, "another root");
    database_end(&database);
}
