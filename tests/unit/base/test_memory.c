/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas, buffers and runs of octets. */
#include "acme/base/buffer.h"
#include "leaks.h"

#include <stdalign.h>

LEAK_CHECKED_SUITE(arena);
LEAK_CHECKED_SUITE(buffer);
LEAK_CHECKED_SUITE(bytes);

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 70000, 1 << 20};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *p = arena_alloc(arena, sizes[i]);
        cr_assert_not_null(p);
        cr_expect_eq((uintptr_t)p % alignof(max_align_t), 0, "%zu", sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert_eq(p[at], 0, "%zu at %zu", sizes[i], at);
        memset(p, 0xff, sizes[i]);
    }
    arena_free(arena);
}

Test(arena, pieces_do_not_overlap)
{
    struct arena *arena = arena_new();
    uint8_t *pieces[1000];
    for (size_t i = 0; i < 1000; i++) {
        pieces[i] = arena_alloc(arena, i % 100 + 1);
        memset(pieces[i], (int)(i % 251), i % 100 + 1);
    }
    for (size_t i = 0; i < 1000; i++)
        for (size_t at = 0; at <= i % 100; at++)
            cr_assert_eq(pieces[i][at], i % 251, "piece %zu", i);
    arena_free(arena);
}

Test(arena, copies_end_with_a_nul_that_does_not_count)
{
    struct arena *arena = arena_new();
    struct bytes copy = arena_copy(arena, bytes_of("a\0b", 3));
    cr_expect_eq(copy.n, 3);
    cr_expect_eq(copy.p[3], 0);
    cr_expect(bytes_equal(copy, bytes_of("a\0b", 3)));
    cr_expect_str_eq(arena_string(arena, BYTES_LITERAL("text")), "text");
    cr_expect_str_eq(arena_string(arena, (struct bytes){0}), "");
    cr_expect_str_eq(arena_printf(arena, "%s-%d", "x", 7), "x-7");
    arena_free(arena);
}

struct trace {
    char order[8];
    size_t n;
};

struct traced {
    struct trace *trace;
    char name;
};

static void note(void *object)
{
    struct traced *traced = object;
    traced->trace->order[traced->trace->n++] = traced->name;
}

Test(arena, texts_are_joined)
{
    static const char *const texts[] = {"a", "", "bc"};
    struct arena *arena = arena_new();
    cr_expect_str_eq(arena_join(arena, texts, 0, ", "), "");
    cr_expect_str_eq(arena_join(arena, texts, 1, ", "), "a");
    cr_expect_str_eq(arena_join(arena, texts, 3, ", "), "a, , bc");
    arena_free(arena);
}

Test(arena, releases_run_last_first)
{
    struct trace trace = {0};
    struct traced first = {&trace, 'a'}, second = {&trace, 'b'};
    struct arena *arena = arena_new();
    arena_on_free(arena, note, &first);
    arena_on_free(arena, note, &second);
    arena_free(arena);
    cr_expect_str_eq(trace.order, "ba");
    arena_free(NULL);
}

Test(arena, text_from_outside_is_made_printable_and_cut)
{
    static const struct {
        const char *from;
        size_t max;
        const char *expected;
    } cases[] = {
        {"", 10, ""},
        {"certbot/2.1 (x; y)", 50, "certbot/2.1 (x; y)"},
        {"a\033[31mb\nc\177d\xc3\xa9", 50, "a?[31mb?c?d??"},
        {"0123456789", 10, "0123456789"},
        {"0123456789a", 10, "0123456789..."},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(arena_printable(arena, bytes_from_string(cases[i].from), cases[i].max),
                         cases[i].expected);
    arena_free(arena);
}

Test(buffer, grows_up_to_its_maximum_and_then_says_so)
{
    struct arena *arena = arena_new();
    struct buffer buffer;
    buffer_init(&buffer, arena, 1000);
    cr_expect_str_eq(buffer_string(&buffer), "");
    for (int i = 0; i < 100; i++)
        buffer_printf(&buffer, "%09d\n", i);
    cr_expect_not(buffer_overflowed(&buffer));
    cr_expect_eq(buffer_bytes(&buffer).n, 1000);
    cr_expect_eq(strlen(buffer_string(&buffer)), 1000);
    buffer_append_string(&buffer, "");
    cr_expect_not(buffer_overflowed(&buffer));
    buffer_append_string(&buffer, "x");
    cr_expect(buffer_overflowed(&buffer));
    buffer_append_string(&buffer, "");
    cr_expect(buffer_overflowed(&buffer), "it stays marked");
    cr_expect_eq(buffer_bytes(&buffer).n, 1000);
    arena_free(arena);
}

Test(buffer, what_does_not_fit_is_dropped_as_a_whole)
{
    struct arena *arena = arena_new();
    struct buffer buffer;
    buffer_init(&buffer, arena, 4);
    buffer_append_string(&buffer, "abc");
    buffer_printf(&buffer, "%s", "de");
    cr_expect(buffer_overflowed(&buffer));
    cr_expect_str_eq(buffer_string(&buffer), "abc");
    arena_free(arena);
}

Test(bytes, comparisons)
{
    static const struct {
        const char *a, *b;
        bool equal, equal_ignoring_case;
    } cases[] = {
        {"", "", true, true},           {"abc", "abc", true, true},  {"abc", "ABC", false, true},
        {"abc", "abd", false, false},   {"abc", "ab", false, false}, {"[", "{", false, false},
        {"\xc3", "\xe3", false, false}, {"@", "`", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes a = bytes_from_string(cases[i].a), b = bytes_from_string(cases[i].b);
        cr_expect_eq(bytes_equal(a, b), cases[i].equal, "%s %s", cases[i].a, cases[i].b);
        cr_expect_eq(bytes_equal_ignore_case(a, b), cases[i].equal_ignoring_case, "%s %s", cases[i].a,
                     cases[i].b);
    }
    cr_expect(bytes_equal((struct bytes){0}, BYTES_LITERAL("")));
    cr_expect(bytes_is_text(BYTES_LITERAL("text")));
    cr_expect_not(bytes_is_text(bytes_of("a\0b", 3)));
    cr_expect(bytes_has_prefix(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
    cr_expect_not(bytes_has_prefix(BYTES_LITERAL("a"), BYTES_LITERAL("ab")));
}
