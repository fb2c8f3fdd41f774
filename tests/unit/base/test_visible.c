/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/buffer.h"
#include "acme/base/visible.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(visible);

static struct bytes encode(struct arena *arena, uint32_t c)
{
    uint8_t *p = arena_alloc(arena, 4);
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        p[i] = (uint8_t)(0x80 | (c & 0x3f));
    p[0] = (uint8_t)(lead[n] | c);
    return bytes_of(p, n);
}

/* "a" and "b" around the character, cleaned. */
static const char *cleaned(struct arena *arena, struct bytes character, enum visible_layout layout)
{
    struct buffer text;
    buffer_init(&text, arena, 16);
    buffer_append_string(&text, "a");
    buffer_append(&text, character);
    buffer_append_string(&text, "b");
    size_t n = visible_clean((char *)text.p, text.n, layout);
    cr_expect(visible_is_clean(bytes_of(text.p, n), layout));
    return arena_string(arena, bytes_of(text.p, n));
}

/* Every control, bidirectional, separating, invisible and private character. */
Test(visible, S12_what_could_deceive_becomes_a_question_mark)
{
    static const struct {
        uint32_t first, last;
    } bad[] = {
        {0x00, 0x08},       {0x0b, 0x0c},     {0x0e, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},
        {0x34f, 0x34f},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f},   {0xe000, 0xf8ff}, {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
        {0xfff9, 0xfffb},   {0xfffe, 0xffff}, {0x1fffe, 0x1ffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
        {0x1d173, 0x1d17a},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct arena *arena = arena_new();
        /* The ends of a large range, and each of a small one. */
        uint32_t step = bad[i].last - bad[i].first > 10000 ? bad[i].last - bad[i].first : 1;
        for (uint32_t c = bad[i].first; c <= bad[i].last; c += step) {
            struct bytes character = encode(arena, c);
            cr_expect_str_eq(cleaned(arena, character, VISIBLE_ONE_LINE), "a?b", "U+%04X", c);
            cr_expect_str_eq(cleaned(arena, character, VISIBLE_LINES), "a?b", "U+%04X", c);
            cr_expect_not(visible_is_clean(character, VISIBLE_ONE_LINE), "U+%04X", c);
        }
        arena_free(arena);
    }
}

Test(visible, S12_octets_that_are_no_utf8_become_one_question_mark_each)
{
    static const struct {
        struct bytes octets;
        const char *cleaned;
    } cases[] = {
        {{(const uint8_t *)"\x9b", 1}, "a?b"},           /* CSI of an 8-bit terminal */
        {{(const uint8_t *)"\xc0\xaf", 2}, "a??b"},      /* overlong */
        {{(const uint8_t *)"\xed\xa0\x80", 3}, "a???b"}, /* surrogate */
        {{(const uint8_t *)"\xf4\x90\x80\x80", 4}, "a????b"},
        {{(const uint8_t *)"\xe2\x80", 2}, "a??b"},
        {{(const uint8_t *)"\xff", 1}, "a?b"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(cleaned(arena, cases[i].octets, VISIBLE_ONE_LINE), cases[i].cleaned, "case %zu", i);
    arena_free(arena);
}

Test(visible, letters_of_all_scripts_stay)
{
    static const char *const texts[] = {
        "",
        "plain ASCII ~",
        "\xc2\xa0\xc3\xa4\xc3\x9f",                         /* no-break space, ä, ß */
        "e\xcc\x81",                                        /* a combining accent */
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",                 /* Hebrew */
        "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85",                 /* Arabic */
        "\xe0\xa4\xa8\xe0\xa4\xae",                         /* Devanagari */
        "\xe8\xaf\x81\xe4\xb9\xa6",                         /* Chinese */
        "\xe2\x80\x94\xe2\x80\xa6\xe2\x82\xac\xef\xbf\xbd", /* dash, ellipsis, euro, replacement character */
        "\xf0\x9f\x94\x92",                                 /* a lock */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect(visible_is_clean(bytes_from_string(texts[i]), VISIBLE_ONE_LINE), "%s", texts[i]);
}

Test(visible, white_space_is_kept_or_becomes_a_space)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(cleaned(arena, BYTES_LITERAL("\t\r\n"), VISIBLE_ONE_LINE), "a   b");
    cr_expect_str_eq(cleaned(arena, BYTES_LITERAL("\t\r\n"), VISIBLE_LINES), "a\t?\nb");
    cr_expect_str_eq(visible_copy(arena, "x\x1b[2J\xe2\x80\xaey"), "x?[2J?y");
    cr_expect_null(visible_copy(arena, NULL));
    arena_free(arena);
}

Test(visible, a_sequence_that_is_cut_is_told_from_one_that_is_wrong)
{
    static const struct {
        const char *text;
        size_t unfinished;
    } cases[] = {
        {"", 0},
        {"a", 0},
        {"\xc3\xa4", 0},
        {"a\xc3", 1},
        {"a\xe2", 1},
        {"a\xe2\x80", 2},
        {"a\xe2\x80\xae", 0},
        {"\xf0\x9f\x94", 3},
        {"\xf0\x9f\x94\x92", 0},
        {"a\x80\x80", 0},
        {"a\xff", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(visible_unfinished(bytes_from_string(cases[i].text)), cases[i].unfinished, "case %zu",
                     i);
}
