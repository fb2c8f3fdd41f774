/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error, for people, journald and programs that collect logs. Any thread; one write(2)
 * a line. A line is "time level words name=value…", or one JSON object with the same members (docs/logs.md).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

void log_set_level(enum log_level least);
/* Logs everything, whatever log_set_level says before or after. */
void log_be_verbose(void);
/* True when lines of this level are written. */
[[gnu::warn_unused_result]] bool log_is_on(enum log_level level);

void log_set_format(enum log_format format);

/* Puts the journal's priority in front of each line ("<6>", sd-daemon(3)), in place of the time of text, when
 * standard error is the journal: JOURNAL_STREAM, systemd.exec(5). Before other threads write. */
void log_follow_journal(void);

[[gnu::format(printf, 1, 2)]] void log_debug(const char *format, ...);
[[gnu::format(printf, 1, 2)]] void log_info(const char *format, ...);
[[gnu::format(printf, 1, 2)]] void log_warning(const char *format, ...);
[[gnu::format(printf, 1, 2)]] void log_error(const char *format, ...);

/* A fact that a line tells beside its words. A field with neither text nor a number is left out. */
struct log_field {
    const char *name; /* of letters and underscores */
    const char *text; /* NULL: the number counts */
    int64_t number;
};

/* Writes a line with fields. A line that gets too long loses the end of its words, then of its values. */
[[gnu::format(printf, 4, 5)]] void log_fields(enum log_level level, const struct log_field *fields,
                                              size_t count, const char *format, ...);
