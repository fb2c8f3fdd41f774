/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer in an arena, with a declared maximum. A call that goes over the maximum does not fail. It
 * marks the buffer, and everything after it is dropped. The caller checks buffer_overflowed() once, at the
 * end.
 */
#pragma once

#include "acme/base/arena.h"

struct buffer {
    struct arena *arena;
    uint8_t *p;
    size_t n;
    size_t capacity;
    size_t max_bytes;
    bool overflowed;
};

void buffer_init(struct buffer *buffer, struct arena *arena, size_t max_bytes);
void buffer_append(struct buffer *buffer, struct bytes more);
void buffer_append_string(struct buffer *buffer, const char *text);
[[gnu::format(printf, 2, 3)]] void buffer_printf(struct buffer *buffer, const char *format, ...);

static inline bool buffer_overflowed(const struct buffer *buffer)
{
    return buffer->overflowed;
}

/* The octets written so far, borrowed from the arena. A NUL follows them. */
struct bytes buffer_bytes(struct buffer *buffer);
const char *buffer_string(struct buffer *buffer);
