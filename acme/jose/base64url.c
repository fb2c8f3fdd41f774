/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/jose/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character; 0xff for what is not in the alphabet. */
static uint8_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '-' ? 62 : c == '_' ? 63 : 0xff;
}

bool base64url_decode(struct arena *arena, struct bytes text, struct bytes *out)
{
    if (text.n % 4 == 1)
        return false;
    uint8_t *data = arena_alloc(arena, text.n / 4 * 3 + 3);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; ++i) {
        uint8_t value = value_of(text.p[i]);
        if (value == 0xff)
            return false;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            data[n++] = (uint8_t)(bits >> held);
        }
    }
    /* Spare bits that are not zero would give one value two spellings. */
    if ((bits & ((1U << held) - 1)) != 0)
        return false;
    *out = bytes_of(data, n);
    return true;
}

char *base64url_encode(struct arena *arena, struct bytes data)
{
    char *text = arena_alloc(arena, data.n / 3 * 4 + 5);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < data.n; ++i) {
        bits = bits << 8 | data.p[i];
        for (held += 8; held >= 6;) {
            held -= 6;
            text[n++] = alphabet[bits >> held & 0x3f];
        }
    }
    if (held != 0)
        text[n++] = alphabet[bits << (6 - held) & 0x3f];
    text[n] = '\0';
    return text;
}
