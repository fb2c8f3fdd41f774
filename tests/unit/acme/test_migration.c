/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "acme/migration.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(migration);

enum { NOW = 1000 };

#define ACME(begin, end) {.origin = CERTIFICATE_FROM_ACME, .not_before = begin, .not_after = end, .id = begin}
#define NATIVE(begin, end) \
    {.origin = CERTIFICATE_EXTERNAL, .not_before = begin, .not_after = end, .id = begin}
#define IMPORTED(begin, end) \
    {.origin = CERTIFICATE_IMPORTED, .not_before = begin, .not_after = end, .id = begin}

static const struct {
    const char *story;
    struct name_certificate certificates[3];
    enum migration_state expected;
    size_t newest;
    int64_t last_acme;
} cases[] = {
    {"ordered here", {ACME(900, 1100)}, MIGRATION_MOVED, 0, 900},
    {"signed by the CA", {NATIVE(900, 1100)}, MIGRATION_OLD_WAY, 0, 0},
    {"imported", {IMPORTED(900, 1100)}, MIGRATION_OLD_WAY, 0, 0},
    {"moved", {IMPORTED(800, 1100), ACME(900, 1100)}, MIGRATION_MOVED, 1, 900},
    {"moved, and what was before was imported later",
     {ACME(900, 1100), IMPORTED(800, 1100)},
     MIGRATION_MOVED,
     0,
     900},
    {"went back", {ACME(800, 1100), ACME(850, 1100), NATIVE(900, 1100)}, MIGRATION_WENT_BACK, 2, 850},
    {"went back and forth", {ACME(800, 1100), IMPORTED(850, 1100), ACME(900, 1100)}, MIGRATION_MOVED, 2, 900},
    {"over", {IMPORTED(800, 900)}, MIGRATION_OVER, 0, 0},
    {"over, though it had moved", {IMPORTED(700, 900), ACME(800, 999)}, MIGRATION_OVER, 1, 800},
    {"good to this very second", {ACME(800, NOW)}, MIGRATION_MOVED, 0, 800},
    {"of two of the same second the one that lasts longer",
     {ACME(900, 1100), IMPORTED(900, 1200)},
     MIGRATION_WENT_BACK,
     1,
     900},
    {"of two alike the later",
     {IMPORTED(900, 1100),
      {.origin = CERTIFICATE_FROM_ACME, .not_before = 900, .not_after = 1100, .id = 901}},
     MIGRATION_MOVED,
     1,
     900},
};

Test(migration, the_newest_certificate_tells_the_way)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct name_history history = {0};
        size_t count = 0;
        while (count < 3 && cases[i].certificates[count].origin != 0)
            name_history_add(&history, &cases[i].certificates[count++]);
        cr_expect_eq(migration_state_of(&history, NOW), cases[i].expected, "%s", cases[i].story);
        cr_expect_eq(history.newest.id, cases[i].certificates[cases[i].newest].id, "%s", cases[i].story);
        cr_expect_eq(history.last_acme, cases[i].last_acme, "%s", cases[i].story);
        cr_expect_eq(history.certificates, (int64_t)count, "%s", cases[i].story);
    }
}

Test(migration, every_state_has_a_name)
{
    for (enum migration_state state = MIGRATION_MOVED; state < MIGRATION_STATE_END; state++)
        cr_expect_not_null(migration_state_name(state));
}
