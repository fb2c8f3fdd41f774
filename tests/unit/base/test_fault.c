/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/arena.h"
#include "acme/base/fault.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(fault);

/* `n` times the text. */
static const char *repeated(struct arena *arena, const char *text, size_t n)
{
    size_t length = strlen(text);
    char *all = arena_alloc(arena, n * length + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * length, text, length);
    return all;
}

Test(fault, is_formatted_and_says_that_it_failed)
{
    struct fault fault;
    memset(&fault, 'x', sizeof fault);
    cr_expect_not(fault_set(&fault, "%s: %d of %zu cannot be read", "/etc/roots.pem", 3, (size_t)7));
    cr_expect_str_eq(fault.message, "/etc/roots.pem: 3 of 7 cannot be read");
}

Test(fault, may_be_made_from_its_own_message)
{
    struct fault fault;
    fault_set(&fault, "no such file");
    fault_set(&fault, "the key (%s) is needed: %s", fault.message, fault.message);
    cr_expect_str_eq(fault.message, "the key (no such file) is needed: no such file");
}

Test(fault, a_prefix_stands_before_the_message)
{
    struct fault fault;
    fault_set(&fault, "100%% full");
    cr_expect_not(fault_prefix(&fault, "issuer %s: ", "one"));
    fault_prefix(&fault, "start: ");
    cr_expect_str_eq(fault.message, "start: issuer one: 100% full");
}

Test(fault, nobody_may_want_the_words)
{
    cr_expect_not(fault_set(NULL, "%s", "gone"));
    cr_expect_not(fault_prefix(NULL, "%s: ", "gone"));
}

Test(fault, texts_from_outside_become_one_clean_line)
{
    static const struct {
        const char *from, *kept;
    } cases[] = {
        {"two\nlines\r\n", "two lines  "},
        {"a\ttab", "a tab"},
        {"\x1b[31mred", "?[31mred"},
        {"\xe2\x80\xae"
         "right to left",
         "?right to left"},
        {"no UTF-8: \xff.", "no UTF-8: ?."},
        {"Zürich, 東京 and 🗝", "Zürich, 東京 and 🗝"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault set, prefixed;
        fault_set(&set, "%s", cases[i].from);
        cr_expect_str_eq(set.message, cases[i].kept);
        fault_set(&prefixed, "%s", "");
        fault_prefix(&prefixed, "%s", cases[i].from);
        cr_expect_str_eq(prefixed.message, cases[i].kept);
    }
}

/* Every length around the limit, with characters of one to four octets across it. */
Test(fault, a_long_message_is_cut_at_the_end_of_a_character)
{
    static const char *const characters[] = {"a", "ü", "東", "🗝"};
    struct arena *arena = arena_new();
    for (size_t c = 0; c < sizeof characters / sizeof characters[0]; c++) {
        size_t width = strlen(characters[c]);
        for (size_t before = FAULT_MESSAGE_BYTES - 12; before < FAULT_MESSAGE_BYTES + 4; before++) {
            const char *start = repeated(arena, "x", before);
            const char *text = arena_printf(arena, "%s%s", start, characters[c]);
            struct fault fault;
            fault_set(&fault, "%s", text);
            if (before + width < FAULT_MESSAGE_BYTES) {
                cr_expect_str_eq(fault.message, text);
                continue;
            }
            size_t room = FAULT_MESSAGE_BYTES - 1 - strlen("…");
            bool fits = before + width <= room;
            size_t kept = fits ? before + width : before < room ? before : room;
            cr_expect_str_eq(fault.message, arena_printf(arena, "%.*s…", (int)kept, text), "%zu + %zu",
                             before, width);
        }
    }
    arena_free(arena);
}

Test(fault, a_prefix_takes_its_room_from_the_end_of_the_message)
{
    struct arena *arena = arena_new();
    struct fault fault;
    const char *whole = repeated(arena, "ü", (FAULT_MESSAGE_BYTES - 1) / 2);
    fault_set(&fault, "%s", whole);
    cr_expect_str_eq(fault.message, whole);
    fault_prefix(&fault, "issuer one: ");
    cr_expect_eq(strncmp(fault.message, "issuer one: üü", 16), 0);
    cr_expect_str_eq(fault.message + strlen(fault.message) - 5, "ü…");
    cr_expect_leq(strlen(fault.message), (size_t)FAULT_MESSAGE_BYTES - 1);

    const char *longer = repeated(arena, "p", FAULT_MESSAGE_BYTES + 50);
    fault_prefix(&fault, "%s", longer);
    cr_expect_eq(strlen(fault.message), (size_t)FAULT_MESSAGE_BYTES - 1);
    cr_expect_str_eq(fault.message + strlen(fault.message) - 4, "p…");
    arena_free(arena);
}
