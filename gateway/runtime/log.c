/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "gateway/runtime/clock.h"

/* Longer lines are cut. One write(2) of at most PIPE_BUF octets stays whole among those of other threads, and
 * no memory is needed. */
enum { LINE_MAX_BYTES = 4096, WORDS_MAX_BYTES = 2048, VALUE_MAX_BYTES = 1024 };

static atomic_int least_level = LOG_LEVEL_INFO;
static atomic_int line_format = LOG_FORMAT_TEXT;
static atomic_bool is_verbose;
static bool to_journal;

static const struct {
    const char *name;
    char priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_WARNING] = {"warning", '4'},
    [LOG_LEVEL_ERROR] = {"error", '3'},
};

void log_set_level(enum log_level least)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

void log_be_verbose(void)
{
    atomic_store_explicit(&is_verbose, true, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed) ||
           atomic_load_explicit(&is_verbose, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
    atomic_store_explicit(&line_format, (int)format, memory_order_relaxed);
}

void log_follow_journal(void)
{
    struct stat file;
    uintmax_t device, inode;
    const char *stream = getenv("JOURNAL_STREAM");
    to_journal = stream != NULL && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &file) == 0 && file.st_dev == device && file.st_ino == inode;
}

/* ---- a line ---- */

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

enum { LINE_END_BYTES = 3 }; /* "\"}\n" */

static size_t room_of(const struct line *line)
{
    size_t end = sizeof line->text - LINE_END_BYTES;
    return line->n < end ? end - line->n : 0;
}

/* Takes back the beginning of a character that was cut. */
static void trim(struct line *line)
{
    line->n -= visible_unfinished(bytes_of(line->text, line->n));
}

static void put(struct line *line, const char *text, size_t n)
{
    size_t room = room_of(line);
    size_t fits = n < room ? n : room;
    memcpy(line->text + line->n, text, fits);
    line->n += fits;
    if (fits < n)
        trim(line);
}

static void put_string(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Puts clean text with a backslash before quotes and backslashes; a pair is never cut. */
static void put_escaped(struct line *line, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char pair[] = {'\\', text[i]};
        bool escape = text[i] == '"' || text[i] == '\\';
        if (room_of(line) < (escape ? 2 : 1)) {
            trim(line);
            return;
        }
        put(line, escape ? pair : pair + 1, escape ? 2 : 1);
    }
}

/* The closing quote may stand in the room that is kept for a line's end. */
static void put_quoted(struct line *line, const char *text, size_t n)
{
    put(line, "\"", 1);
    put_escaped(line, text, n);
    line->text[line->n++] = '"';
}

static bool needs_quotes(const char *text, size_t n)
{
    return n == 0 || memchr(text, ' ', n) != NULL || memchr(text, '"', n) != NULL;
}

/* Cuts text to `max` octets, not within a character, and cleans it: a line stays one line, whatever a client
 * or a CA wrote. */
static size_t clean_copy(char *out, const char *text, size_t max)
{
    size_t n = strnlen(text, max);
    memmove(out, text, n);
    if (n == max)
        n -= visible_unfinished(bytes_of(out, n));
    return visible_clean(out, n, VISIBLE_ONE_LINE);
}

static void put_field(struct line *line, const struct log_field *field, bool is_json)
{
    char value[VALUE_MAX_BYTES];
    size_t n = field->text == NULL ? (size_t)snprintf(value, sizeof value, "%" PRId64, field->number)
                                   : clean_copy(value, field->text, sizeof value);
    /* A field without room for a part of its value is left out as a whole. */
    if (room_of(line) < strlen(field->name) + sizeof ",\"\":\"\"" + 24)
        return;
    put_string(line, is_json ? ",\"" : " ");
    put_string(line, field->name);
    put_string(line, is_json ? "\":" : "=");
    if (field->text != NULL && (is_json || needs_quotes(value, n)))
        put_quoted(line, value, n);
    else
        put(line, value, n);
}

[[gnu::format(printf, 4, 0)]] static void put_beginning(struct line *line, enum log_level level, bool is_json,
                                                        const char *format, va_list arguments)
{
    char words[WORDS_MAX_BYTES], now[TIME_TEXT_BYTES];
    if (vsnprintf(words, sizeof words, format, arguments) < 0)
        words[0] = '\0';
    size_t n = clean_copy(words, words, sizeof words - 1);
    time_format(now, clock_now());
    if (to_journal) {
        const char priority[] = {'<', levels[level].priority, '>'};
        put(line, priority, sizeof priority);
    }
    if (is_json) {
        put_string(line, "{\"time\":\"");
        put_string(line, now);
        put_string(line, "\",\"level\":\"");
        put_string(line, levels[level].name);
        put_string(line, "\",\"message\":");
        put_quoted(line, words, n);
        return;
    }
    if (!to_journal) {
        put_string(line, now);
        put_string(line, " ");
    }
    put_string(line, levels[level].name);
    put_string(line, " ");
    put(line, words, n);
}

[[gnu::format(printf, 4, 0)]] static void write_line(enum log_level level, const struct log_field *fields,
                                                     size_t count, const char *format, va_list arguments)
{
    if (!log_is_on(level))
        return;
    bool is_json = atomic_load_explicit(&line_format, memory_order_relaxed) == LOG_FORMAT_JSON;
    struct line line = {.n = 0};
    put_beginning(&line, level, is_json, format, arguments);
    for (size_t i = 0; i < count; i++)
        if (fields[i].text != NULL || fields[i].number != 0)
            put_field(&line, &fields[i], is_json);
    if (is_json)
        line.text[line.n++] = '}';
    line.text[line.n++] = '\n';
    /* A failure cannot be reported anywhere. */
    ssize_t ignored = write(STDERR_FILENO, line.text, line.n);
    (void)ignored;
}

void log_fields(enum log_level level, const struct log_field *fields, size_t count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(level, fields, count, format, arguments);
    va_end(arguments);
}

#define LOG_FUNCTION(name, level) \
    void name(const char *format, ...) \
    { \
        va_list arguments; \
        va_start(arguments, format); \
        write_line(level, NULL, 0, format, arguments); \
        va_end(arguments); \
    }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
