/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The last two characters of an alphabet: base64 and base64url differ in these only. */
struct last_two {
    uint8_t value_62, value_63;
};

/* The six bits of a character; 0xff for a character outside the alphabet. */
static uint8_t value_of(uint8_t c, struct last_two last)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == last.value_62 ? 62 : c == last.value_63 ? 63 : 0xff;
}

/* Decodes `text`, which has no padding. */
static bool decode(struct arena *arena, struct bytes text, struct last_two last, struct bytes *out)
{
    if (text.n % 4 == 1)
        return false;
    uint8_t *data = arena_alloc(arena, text.n / 4 * 3 + 3);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t value = value_of(text.p[i], last);
        if (value == 0xff)
            return false;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            data[n++] = (uint8_t)(bits >> held);
        }
    }
    /* Spare bits other than zero would give one value two spellings. */
    if ((bits & ((1U << held) - 1)) != 0)
        return false;
    *out = bytes_of(data, n);
    return true;
}

bool base64_decode(struct arena *arena, struct bytes text, enum base64_padding padding, struct bytes *out)
{
    size_t padded = text.n;
    while (text.n != 0 && padded - text.n < 2 && text.p[text.n - 1] == '=')
        text.n--;
    bool has_padding = padded != text.n;
    if ((has_padding || padding == BASE64_PADDED) && padded % 4 != 0)
        return false;
    return decode(arena, text, (struct last_two){'+', '/'}, out);
}

bool base64url_decode(struct arena *arena, struct bytes text, struct bytes *out)
{
    return decode(arena, text, (struct last_two){'-', '_'}, out);
}

char *base64url_encode(struct arena *arena, struct bytes data)
{
    char *text = arena_alloc(arena, data.n / 3 * 4 + 5);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < data.n; i++) {
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
