/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "acme/base/buffer.h"
#include "acme/base/line_reader.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(line_reader);

enum { MAX_BYTES = 8 };

static const struct {
    const char *text;
    const char *expected; /* each line between brackets, "!" for one that is too long */
} cases[] = {
    {"", ""},
    {"\n", "[]"},
    {"a\nb\n", "[a][b]"},
    {"a\n\nb", "[a][][b]"},
    {"a\r\nb\r", "[a][b]"},
    {"12345678\n1234567\r\n", "[12345678][1234567]"},
    {"123456789\nb\n", "![b]"},
    {"b\n1234567890123456789012345678901234567890", "[b]!"},
};

Test(line_reader, lines_are_read_within_their_maximum)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        struct line_reader reader;
        struct bytes line;
        struct buffer found;
        enum line_result result;
        size_t lines = 0;
        FILE *file = tmpfile();
        cr_assert(fputs(cases[i].text, file) >= 0);
        rewind(file);
        buffer_init(&found, arena, 1024);
        line_reader_init(&reader, arena, file, MAX_BYTES);
        while ((result = line_reader_next(&reader, &line)) != LINE_END) {
            cr_assert_neq(result, LINE_FAILED);
            cr_expect_eq(reader.number, ++lines);
            if (result == LINE_TOO_LONG)
                buffer_append_string(&found, "!");
            else
                buffer_printf(&found, "[%.*s]", (int)line.n, (const char *)line.p);
        }
        cr_expect_str_eq(buffer_string(&found), cases[i].expected, "%s", cases[i].text);
        fclose(file);
        arena_free(arena);
    }
}

Test(line_reader, what_cannot_be_read_is_no_end)
{
    struct arena *arena = arena_new();
    struct line_reader reader;
    struct bytes line;
    FILE *file = fopen("/", "r");
    cr_assert_not_null(file);
    line_reader_init(&reader, arena, file, MAX_BYTES);
    cr_expect_eq(line_reader_next(&reader, &line), LINE_FAILED);
    cr_expect_eq(errno, EISDIR);
    fclose(file);
    arena_free(arena);
}
