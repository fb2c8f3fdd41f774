/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/visible.h"

struct range {
    uint32_t first, last;
};

/* Sorted. The categories Cc, Cf, Zl, Zp and Co of Unicode, its default ignorable code points and its
 * noncharacters. The noncharacters at the end of each plane are checked apart. */
static const struct range invisible[] = {
    {0x00, 0x1f},        /* C0 */
    {0x7f, 0x9f},        /* DEL, C1 */
    {0xad, 0xad},        /* soft hyphen */
    {0x34f, 0x34f},      /* combining grapheme joiner */
    {0x600, 0x605},      /* Arabic number signs */
    {0x61c, 0x61c},      /* Arabic letter mark: direction */
    {0x6dd, 0x6dd},      /* Arabic end of ayah */
    {0x70f, 0x70f},      /* Syriac abbreviation mark */
    {0x890, 0x891},      /* Arabic pound and piastre marks */
    {0x8e2, 0x8e2},      /* Arabic disputed end of ayah */
    {0x115f, 0x1160},    /* Hangul fillers */
    {0x17b4, 0x17b5},    /* Khmer inherent vowels */
    {0x180b, 0x180f},    /* Mongolian selectors and vowel separator */
    {0x200b, 0x200f},    /* zero width, and direction */
    {0x2028, 0x202e},    /* line and paragraph separators, direction */
    {0x2060, 0x206f},    /* word joiner, invisible operators, direction */
    {0x3164, 0x3164},    /* Hangul filler */
    {0xe000, 0xf8ff},    /* private */
    {0xfdd0, 0xfdef},    /* noncharacters */
    {0xfe00, 0xfe0f},    /* variation selectors */
    {0xfeff, 0xfeff},    /* byte order mark */
    {0xffa0, 0xffa0},    /* Hangul filler of half width */
    {0xfff0, 0xfffb},    /* unassigned ignorable, interlinear annotations */
    {0x110bd, 0x110bd},  /* Kaithi number sign */
    {0x110cd, 0x110cd},  /* Kaithi number sign above */
    {0x13430, 0x1343f},  /* controls of Egyptian hieroglyphs */
    {0x1bca0, 0x1bca3},  /* controls of shorthand */
    {0x1d173, 0x1d17a},  /* controls of musical notation */
    {0xe0000, 0xe0fff},  /* tags, variation selectors */
    {0xf0000, 0x10ffff}, /* private */
};

static bool is_visible(uint32_t code_point)
{
    if ((code_point & 0xfffe) == 0xfffe)
        return false;
    size_t low = 0, high = sizeof invisible / sizeof invisible[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > invisible[middle].last)
            low = middle + 1;
        else if (code_point < invisible[middle].first)
            high = middle;
        else
            return false;
    }
    return true;
}

static uint32_t decode(const uint8_t *p, size_t length)
{
    static const uint8_t lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code_point = p[0] & lead_mask[length];
    for (size_t i = 1; i < length; i++)
        code_point = code_point << 6 | (p[i] & 0x3f);
    return code_point;
}

/* Returns the octet that replaces the sequence of `length` octets at `at`; 0 when the sequence may stay. */
static char replacement(struct bytes text, size_t at, enum visible_layout layout, size_t *length)
{
    uint8_t c = text.p[at];
    if (c >= ' ' && c <= '~') { /* nearly all text */
        *length = 1;
        return 0;
    }
    *length = bytes_utf8_sequence(text, at);
    if (*length == 0) {
        *length = 1;
        return '?';
    }
    if (c == '\n' || c == '\t')
        return layout == VISIBLE_LINES ? 0 : ' ';
    if (c == '\r' && layout == VISIBLE_ONE_LINE)
        return ' ';
    return is_visible(decode(text.p + at, *length)) ? 0 : '?';
}

bool visible_is_clean(struct bytes text, enum visible_layout layout)
{
    size_t length;
    for (size_t at = 0; at < text.n; at += length)
        if (replacement(text, at, layout, &length) != 0)
            return false;
    return true;
}

size_t visible_clean(char *text, size_t n, enum visible_layout layout)
{
    size_t length, kept = 0;
    for (size_t at = 0; at < n; at += length) {
        char instead = replacement(bytes_of(text, n), at, layout, &length);
        if (instead != 0) {
            text[kept++] = instead;
        } else {
            memmove(text + kept, text + at, length);
            kept += length;
        }
    }
    return kept;
}

const char *visible_copy(struct arena *arena, const char *text)
{
    char *copy = arena_duplicate(arena, text);
    if (copy != NULL)
        copy[visible_clean(copy, strlen(copy), VISIBLE_ONE_LINE)] = '\0';
    return copy;
}

size_t visible_unfinished(struct bytes text)
{
    for (size_t n = 1; n <= 3 && n <= text.n; n++) {
        uint8_t c = text.p[text.n - n];
        size_t length = c >= 0xf0 && c <= 0xf4 ? 4 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xc2 && c <= 0xdf ? 2 : 1;
        if (length > n)
            return n;
        if ((c & 0xc0) != 0x80)
            return 0;
    }
    return 0;
}
