/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "acme/base/time_text.h"
#include "acme/base/visible.h"
#include "gateway/runtime/clock.h"

/* Longer lines are cut. One write(2) then stays whole among those of other threads, and no memory is
 * needed. */
enum { LINE_MAX_BYTES = 2048 };

static atomic_int least_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

void log_set_level(enum log_level least)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

[[gnu::format(printf, 2, 0)]] static void write_line(enum log_level level, const char *format,
                                                     va_list arguments)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    char line[LINE_MAX_BYTES];
    char now[TIME_TEXT_BYTES];
    time_format(now, clock_now());
    size_t n = (size_t)snprintf(line, sizeof line, "%s %s ", now, level_names[level]);
    int written = vsnprintf(line + n, sizeof line - n, format, arguments);
    size_t room = sizeof line - n - 1;
    size_t text = written < 0 ? 0 : (size_t)written < room ? (size_t)written : room;
    /* A line stays one line, whatever text a client or a CA put into it. */
    text = visible_clean(line + n, text, VISIBLE_ONE_LINE);
    line[n + text] = '\n';
    /* A failure cannot be reported anywhere. */
    ssize_t ignored = write(STDERR_FILENO, line, n + text + 1);
    (void)ignored;
}

#define LOG_FUNCTION(name, level) \
    void name(const char *format, ...) \
    { \
        va_list arguments; \
        va_start(arguments, format); \
        write_line(level, format, arguments); \
        va_end(arguments); \
    }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
