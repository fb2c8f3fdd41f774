/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of causes, and docs/troubleshooting.md, which holds the same table for people. */
#include "acme/cause.h"

#include <criterion/criterion.h>

#include "acme/base/buffer.h"
#include "acme/base/file.h"
#include "acme/problem.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(cause);

enum { SENTENCE_MAX_WORDS = 25, STEP_MAX_BYTES = 260 };

Test(cause, every_one_has_a_name_of_its_own_a_turn_and_a_step)
{
    for (enum cause cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        const struct cause_info *info = cause_info(cause);
        cr_assert_not_null(info, "%d", (int)cause);
        cr_expect_eq(strspn(info->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(info->name), "%s", info->name);
        cr_expect_eq(cause_find(bytes_from_string(info->name)), cause, "%s appears twice", info->name);
        cr_expect(info->turn >= TURN_CLIENT && info->turn <= TURN_NOBODY, "%s", info->name);
        cr_expect_eq(info->next_step[strlen(info->next_step) - 1], '.', "%s", info->name);
        cr_expect_leq(strlen(info->next_step), STEP_MAX_BYTES, "%s", info->name);
    }
    cr_expect_null(cause_info(CAUSE_NONE));
    cr_expect_null(cause_info(CAUSE_COUNT));
    cr_expect_null(cause_name(CAUSE_NONE));
    cr_expect_eq(cause_find(BYTES_LITERAL("no-such-cause")), CAUSE_NONE);
    cr_expect_eq(cause_find(BYTES_LITERAL("")), CAUSE_NONE);
}

Test(cause, sentences_are_short)
{
    for (enum cause cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        size_t words = 1;
        for (const char *c = cause_info(cause)->next_step; *c != '\0'; c++) {
            words += *c == ' ';
            if ((c[0] == '.' || c[0] == ':' || c[0] == ';') && c[1] == ' ')
                words = 0;
            cr_expect_leq(words, SENTENCE_MAX_WORDS, "%s", cause_name(cause));
        }
    }
}

Test(cause, every_type_of_problem_has_one)
{
    struct arena *arena = arena_new();
    for (enum problem_type type = PROBLEM_ACCOUNT_DOES_NOT_EXIST; type <= PROBLEM_USER_ACTION_REQUIRED;
         type++) {
        struct problem *problem = problem_new(arena, type, "no");
        cr_expect_not_null(cause_info(problem->cause), "%s", problem_type_name(type));
    }
    arena_free(arena);
}

/* ---- docs/troubleshooting.md ---- */

static const char *documentation(struct arena *arena)
{
    struct bytes text;
    int folder = (int)(strrchr(__FILE__, '/') - __FILE__);
    const char *path = arena_printf(arena, "%.*s/../../../docs/troubleshooting.md", folder, __FILE__);
    cr_assert(file_read(arena, path, 1 << 20, &text), "%s cannot be read", path);
    return arena_string(arena, text);
}

Test(cause, the_document_has_every_one_with_its_turn_and_step)
{
    struct arena *arena = arena_new();
    const char *text = documentation(arena);
    for (enum cause cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        const struct cause_info *info = cause_info(cause);
        const char *row = strstr(text, arena_printf(arena, "\n| `%s` | ", info->name));
        const char *rest = arena_printf(arena, " | %s | %s |\n", turn_name(info->turn), info->next_step);
        cr_expect_not_null(row, "docs/troubleshooting.md has no row for %s", info->name);
        const char *end = row == NULL ? NULL : strchr(row + 1, '\n');
        cr_expect(end != NULL && (size_t)(end + 1 - row) > strlen(rest) + strlen(info->name) + 7 &&
                      strncmp(end + 1 - strlen(rest), rest, strlen(rest)) == 0,
                  "the row of %s in docs/troubleshooting.md should end with%s", info->name, rest);
    }
    arena_free(arena);
}

Test(cause, the_document_has_no_other)
{
    static const char begin[] = "\n| `";
    struct arena *arena = arena_new();
    size_t rows = 0;
    for (const char *at = documentation(arena); (at = strstr(at, begin)) != NULL; rows++) {
        at += sizeof begin - 1;
        struct bytes name = bytes_of((const uint8_t *)at, strcspn(at, "`"));
        cr_expect_neq(cause_find(name), CAUSE_NONE, "%.*s is no cause", (int)name.n, at);
    }
    cr_expect_eq(rows, CAUSE_COUNT - 1);
    arena_free(arena);
}
