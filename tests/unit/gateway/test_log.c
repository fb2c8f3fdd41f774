/* SPDX-License-Identifier: Apache-2.0 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/json.h"
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
    cr_assert(n > 2000 && n <= 4096);
    cr_assert_eq(text[n - 1], '\n');
    cr_assert_eq(strchr(text, '\n'), text + n - 1);
    arena_free(arena);
}

/* ---- fields ---- */

static const struct log_field some_fields[] = {
    {"event", "order.valid", 0}, {"order", NULL, 71},
    {"account", NULL, 0},        {"names", "a.example, b.example", 0},
    {"client", "", 0},           {"detail", "a \"b\" \\c", 0},
    {"serial", NULL, 0},
};

static void write_fields(void)
{
    log_fields(LOG_LEVEL_INFO, some_fields, sizeof some_fields / sizeof *some_fields, "say \"%s\"", "it");
}

Test(log, fields_follow_the_words)
{
    struct arena *arena = arena_new();
    assert_matches(written(arena, write_fields),
                   "^" TIME
                   "info say \"it\" event=order.valid order=71 names=\"a.example, b.example\" client=\"\""
                   " detail=\"a \\\\\"b\\\\\" \\\\\\\\c\"\n$");
    arena_free(arena);
}

static const struct json *parsed_line(struct arena *arena, const char *text)
{
    struct fault fault;
    const struct json *line = json_parse(arena, bytes_from_string(text), &json_limits_request, &fault);
    cr_assert_neq(line, NULL, "%s: %s", fault.message, text);
    return line;
}

static void assert_member(const struct json *line, const char *name, const char *expected)
{
    struct bytes text = {0};
    cr_assert(json_member_string(line, name, &text), "%s", name);
    cr_expect(bytes_equal_string(text, expected), "%s: %.*s", name, (int)text.n, (const char *)text.p);
}

Test(log, a_line_can_be_a_json_object)
{
    struct arena *arena = arena_new();
    log_set_format(LOG_FORMAT_JSON);
    const struct json *line = parsed_line(arena, written(arena, write_fields));
    int64_t order;
    assert_member(line, "level", "info");
    assert_member(line, "message", "say \"it\"");
    assert_member(line, "event", "order.valid");
    assert_member(line, "detail", "a \"b\" \\c");
    cr_assert(json_member_integer(line, "order", &order) && order == 71);
    cr_assert_eq(json_member(line, "account"), NULL);
    cr_assert_eq(json_member(line, "serial"), NULL);
    arena_free(arena);
}

/* Fields of `value` that do not fit in one line. */
static void write_too_much(const char *value)
{
    const struct log_field fields[] = {{"a", value, 0}, {"b", value, 0}, {"c", value, 0}, {"d", value, 0}};
    log_fields(LOG_LEVEL_INFO, fields, sizeof fields / sizeof *fields, "%s", value);
}

static void write_quotes(void)
{
    char text[3000];
    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_too_much(text);
}

static void write_letters(void)
{
    char text[3000];
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = "\xc3\xa9"[i % 2];
    text[sizeof text - 1] = '\0';
    write_too_much(text);
}

Test(log, a_line_that_is_too_long_is_json_still)
{
    static void (*const writers[])(void) = {write_quotes, write_letters, write_long_line};
    struct arena *arena = arena_new();
    log_set_format(LOG_FORMAT_JSON);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        const char *text = written(arena, writers[i]);
        cr_assert_leq(strlen(text), 4096);
        cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
        parsed_line(arena, text);
    }
    arena_free(arena);
}

/* ---- the journal ---- */

static void write_each_to_journal(void)
{
    struct stat file;
    char stream[64];
    cr_assert_eq(fstat(STDERR_FILENO, &file), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_follow_journal();
    log_set_level(LOG_LEVEL_DEBUG);
    write_each();
}

Test(log, the_journal_gets_priorities_and_no_time)
{
    struct arena *arena = arena_new();
    cr_assert_str_eq(written(arena, write_each_to_journal),
                     "<7>debug first 1\n<6>info second 2\n<4>warning third 3\n<3>error fourth 4\n");
    arena_free(arena);
}

static void write_each_elsewhere(void)
{
    static const char *const streams[] = {"", "1", "1:", "1:1", "8:x"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        setenv("JOURNAL_STREAM", streams[i], 1);
        log_follow_journal();
        log_error("%zu", i);
    }
    unsetenv("JOURNAL_STREAM");
    log_follow_journal();
    log_error("5");
}

Test(log, another_stream_is_not_the_journal)
{
    struct arena *arena = arena_new();
    assert_matches(written(arena, write_each_elsewhere), "^(" TIME "error [0-5]\n){6}$");
    arena_free(arena);
}
