/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of octets. Everything from outside travels in this form until it is validated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}

/* `text` may be NULL, which is the empty run. The bytes are borrowed from it. */
static inline struct bytes bytes_from_string(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bytes_equal_string(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_from_string(text));
}

/* Compares without regard to ASCII case. Other octets are compared as they are. */
bool bytes_equal_ignore_case(struct bytes a, struct bytes b);

/* True when `a` equals one of the texts. */
static inline bool bytes_equal_any(struct bytes a, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal_string(a, texts[i]))
            return true;
    return false;
}

static inline bool bytes_has_prefix(struct bytes a, struct bytes prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* True when no octet is NUL, so that the run can become a C string without loss. */
static inline bool bytes_is_text(struct bytes a)
{
    return a.n == 0 || memchr(a.p, 0, a.n) == NULL;
}

/* The length of the UTF-8 sequence that begins at `at` (RFC 3629: no overlong forms, no surrogates); 0 for
 * none. */
size_t bytes_utf8_sequence(struct bytes text, size_t at);

bool bytes_is_utf8(struct bytes text);
