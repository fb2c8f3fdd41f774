/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "acme/base/visible.h"

static const char ellipsis[] = "…";

/* Stores the message. A text that fills the room was cut, or has to be. */
static void keep(struct fault *fault, const char *text)
{
    size_t n = strlen(text);
    bool whole = n < FAULT_MESSAGE_BYTES;
    if (!whole) {
        n = FAULT_MESSAGE_BYTES - sizeof ellipsis;
        n -= visible_unfinished(bytes_of(text, n));
    }
    memcpy(fault->message, text, n);
    n = visible_clean(fault->message, n, VISIBLE_ONE_LINE);
    memcpy(fault->message + n, whole ? "" : ellipsis, whole ? 1 : sizeof ellipsis);
}

bool fault_set(struct fault *fault, const char *format, ...)
{
    char text[FAULT_MESSAGE_BYTES + 1]; /* one more octet, so that a cut text is recognized */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (fault != NULL)
        keep(fault, text);
    return false;
}

bool fault_prefix(struct fault *fault, const char *format, ...)
{
    if (fault == NULL)
        return false;
    char text[2 * FAULT_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, FAULT_MESSAGE_BYTES + 1, format, arguments);
    va_end(arguments);
    size_t n = strlen(text);
    memcpy(text + n, fault->message, strlen(fault->message) + 1);
    keep(fault, text);
    return false;
}
