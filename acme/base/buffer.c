/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAPACITY_BYTES = 256 };

void buffer_init(struct buffer *buffer, struct arena *arena, size_t max_bytes)
{
    *buffer = (struct buffer){.arena = arena, .max_bytes = max_bytes};
}

/* Makes room for `more` octets and a NUL behind them. */
static bool make_room(struct buffer *buffer, size_t more)
{
    if (buffer->overflowed || more > buffer->max_bytes - buffer->n) {
        buffer->overflowed = true;
        return false;
    }
    size_t needed = buffer->n + more + 1;
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY_BYTES : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *p = arena_alloc(buffer->arena, capacity);
    if (buffer->n != 0)
        memcpy(p, buffer->p, buffer->n);
    buffer->p = p;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(struct buffer *buffer, struct bytes more)
{
    if (!make_room(buffer, more.n) || more.n == 0)
        return;
    memcpy(buffer->p + buffer->n, more.p, more.n);
    buffer->n += more.n;
    buffer->p[buffer->n] = 0;
}

void buffer_append_string(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, bytes_from_string(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && make_room(buffer, (size_t)length)) {
        vsnprintf((char *)buffer->p + buffer->n, (size_t)length + 1, format, again);
        buffer->n += (size_t)length;
    }
    va_end(again);
}

struct bytes buffer_bytes(struct buffer *buffer)
{
    return bytes_of(buffer_string(buffer), buffer->n);
}

const char *buffer_string(struct buffer *buffer)
{
    return buffer->p == NULL ? "" : (const char *)buffer->p;
}
