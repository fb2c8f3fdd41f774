#include <stdarg.h>
#include <stdio.h>

#include "fakes.h"
#include "gateway/log.h"

static bool shown;
static void (*listen_to)(const char *line);

void fake_log_to_stderr(bool wanted)
{
    shown = wanted;
}

void fake_log_listen(void (*listener)(const char *line))
{
    listen_to = listener;
}

void log_set_level(enum log_level least)
{
    (void)least;
}

[[gnu::format(printf, 1, 0)]] static void take(const char *format, va_list arguments)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, arguments);
    if (shown)
        fprintf(stderr, "  | %s\n", line);
    if (listen_to != NULL)
        listen_to(line);
}

#define LOG_FUNCTION(name) \
    void name(const char *format, ...) \
    { \
        va_list arguments; \
        va_start(arguments, format); \
        take(format, arguments); \
        va_end(arguments); \
    }

LOG_FUNCTION(log_debug)
LOG_FUNCTION(log_info)
LOG_FUNCTION(log_warning)
LOG_FUNCTION(log_error)
