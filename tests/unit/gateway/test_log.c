/* SPDX-License-Identifier: Apache-2.0 */
#include <regex.h>
#include <stdio.h>
#include <unistd.h>

#include "acme/base/arena.h"
#include "gateway/runtime/log.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(log);

/* Returns the lines that `write_lines` writes to standard error. */
static const char *written(struct arena *arena, void (*write_lines)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    cr_assert(file != NULL && saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    write_lines();
    dup2(saved, STDERR_FILENO);
    close(saved);
    char *text = arena_alloc(arena, 8192);
    rewind(file);
    cr_assert_lt(fread(text, 1, 8191, file), 8191);
    fclose(file);
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    cr_assert_eq(result, 0, "%s", text);
}

#define TIME "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "

static void write_each(void)
{
    log_debug("first %d", 1);
    log_info("second %d", 2);
    log_warning("third %d", 3);
    log_error("fourth %d", 4);
}

Test(log, a_line_is_time_level_and_text)
{
    struct arena *arena = arena_new();
    assert_matches(written(arena, write_each),
                   "^" TIME "info second 2\n" TIME "warning third 3\n" TIME "error fourth 4\n$");
    arena_free(arena);
}

Test(log, the_level_says_what_is_written)
{
    struct arena *arena = arena_new();
    log_set_level(LOG_LEVEL_DEBUG);
    assert_matches(written(arena, write_each), "^" TIME "debug first 1\n" TIME "info ");
    log_set_level(LOG_LEVEL_ERROR);
    assert_matches(written(arena, write_each), "^" TIME "error fourth 4\n$");
    arena_free(arena);
}

static void write_control_characters(void)
{
    log_info("%s", "one\n2026-01-01T00:00:00Z error two\r\x1b[31m\x7f");
}

Test(log, foreign_text_cannot_begin_another_line)
{
    struct arena *arena = arena_new();
    assert_matches(written(arena, write_control_characters),
                   "^" TIME "info one 2026-01-01T00:00:00Z error two \\?\\[31m\\?\n$");
    arena_free(arena);
}

static void write_long_line(void)
{
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
}

Test(log, a_long_line_is_cut_and_still_ends)
{
    struct arena *arena = arena_new();
    const char *text = written(arena, write_long_line);
    size_t n = strlen(text);
    cr_assert(n > 1000 && n <= 2048);
    cr_assert_eq(text[n - 1], '\n');
    cr_assert_eq(strchr(text, '\n'), text + n - 1);
    arena_free(arena);
}
