/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"
#include "store/issuer_overrides.h"

LEAK_CHECKED_SUITE(issuer_overrides);

static void put(struct database *database, const char *issuer, const char *sealed, int64_t changed_at)
{
    const struct issuer_override override = {.issuer = issuer,
                                             .sealed = bytes_from_string(sealed),
                                             .changed_at = changed_at,
                                             .changed_by = "operator"};
    cr_assert_eq(store_issuer_override_put(database->writer, &override), STORE_OK);
}

/* "id sealed changed_at changed_by;" of each, in their order. */
static const char *all(struct database *database)
{
    struct issuer_override *found = NULL;
    size_t count = 99;
    cr_assert_eq(store_issuer_overrides(store_reader_of(database->writer), database->arena, &found, &count),
                 STORE_OK);
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(database->arena, "%s%s %.*s %lld %s;", text, found[i].issuer,
                            (int)found[i].sealed.n, (const char *)found[i].sealed.p,
                            (long long)found[i].changed_at - NOW, found[i].changed_by);
    return text;
}

Test(issuer_overrides, one_is_kept_for_each_issuer)
{
    struct database database;
    database_begin(&database);
    database_connect(&database);
    cr_expect_str_eq(all(&database), "");
    put(&database, "spare", "first", NOW);
    put(&database, "main", "second", NOW + 1);
    cr_expect_str_eq(all(&database), "main second 1 operator;spare first 0 operator;");
    put(&database, "spare", "third", NOW + 2);
    cr_expect_str_eq(all(&database), "main second 1 operator;spare third 2 operator;");
    cr_expect_eq(store_issuer_override_delete(database.writer, "main"), STORE_OK);
    cr_expect_eq(store_issuer_override_delete(database.writer, "main"), STORE_NOT_FOUND);
    cr_expect_str_eq(all(&database), "spare third 2 operator;");
    database_end(&database);
}
