/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer in an arena, with a declared maximum. Going over the maximum does not fail at each call:
 * it marks the buffer, everything after is dropped, and whoever finishes it asks buffer_overflowed() once.
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

/* What was written, borrowed from the arena; a NUL stands after it. */
struct bytes buffer_bytes(struct buffer *buffer);
const char *buffer_string(struct buffer *buffer);
