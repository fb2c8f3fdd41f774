/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "store/sql/engine.h"

static void (*log_to)(const char *message);

void store_set_log(void (*log)(const char *message))
{
    log_to = log;
}

static void (*notify)(const char *message);

void store_set_notice(void (*notice)(const char *message))
{
    notify = notice;
}

void store_notice(const char *message)
{
    if (notify != NULL)
        notify(message);
}

void store_log(const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (log_to != NULL)
        log_to(message);
    else
        fprintf(stderr, "%s\n", message);
}
