/* SPDX-License-Identifier: Apache-2.0 */
#include "odd.h"

#include <stdio.h>
#include <stdlib.h>

#include "dice.h"
#include "verdict.h"

enum { CORPUS_MAX = 256, LINE_BYTES = 4096, MEMBERS_MAX = 1200, TEXT_MAX = 6000 };

static char *corpus[CORPUS_MAX];
static size_t corpus_count;

static const char *const numbers[] = {"0",
                                      "-0",
                                      "0.0",
                                      "-0.0",
                                      "1",
                                      "-1",
                                      "1e999",
                                      "-1e999",
                                      "1e-999",
                                      "1E+400",
                                      "1.7976931348623159e308",
                                      "5e-324",
                                      "0e0",
                                      "2147483647",
                                      "2147483648",
                                      "4294967296",
                                      "9007199254740993",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "123456789012345678901234567890",
                                      "0.1",
                                      "1e1",
                                      "-1e-1",
                                      "1.0e5"};

static const char *const strings[] = {"\"\"",
                                      "\"null\"",
                                      "\"\\u0000\"",
                                      "\"a\\u0000b\"",
                                      "\"\\u001b[31m\"",
                                      "\"\\u009b31m\"",
                                      "\"\xc2\x9b"
                                      "31m\"",
                                      "\"\xe2\x80\xae"
                                      "txt\"",
                                      "\"\\u202e\\u2066\"",
                                      "\"\\ud800\"",
                                      "\"\\ud83d\\ude00\"",
                                      "\"\xf0\x9f\x98\x80\"",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"valid\"",
                                      "\"deactivated\"",
                                      "\"dns\"",
                                      "\"ip\"",
                                      "\"2026-11-26T00:00:00Z\"",
                                      "\"9999-12-31T23:59:60Z\"",
                                      "\"-1\"",
                                      "\"https://acme.test/\"",
                                      "\"\\/\\b\\f\\n\\r\\t\"",
                                      "\"*.\"",
                                      "\"*.*.a.test\"",
                                      "\"a.test.\"",
                                      "\"A.TEST\"",
                                      "\"xn--\"",
                                      "\"..\"",
                                      "\"%00\"",
                                      "\"mailto:a@a.test\"",
                                      "\"' OR 1=1 --\""};

static const char *const texts[] = {"plain",
                                    "\x1b[31mred",
                                    "\xc2\x9b"
                                    "31m",
                                    "\xe2\x80\xae"
                                    "gnp",
                                    "\xe2\x81\xa6"
                                    "x\xe2\x81\xa9",
                                    "\xe2\x80\x8f",
                                    "\x07"
                                    "bell",
                                    "a\x7f"
                                    "b",
                                    "\xd8\x9c"
                                    "alm",
                                    "\xef\xbb\xbf"
                                    "bom",
                                    "\xff\xfe",
                                    "caf\xc3\xa9",
                                    "\xc2\x85next",
                                    "line\r\nbreak"};

void odd_read_corpus(const char *path)
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        verdict("the corpus %s cannot be read", path);
    while (corpus_count < CORPUS_MAX && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && (corpus[corpus_count++] = strdup(line)) == NULL)
            abort();
    }
    fclose(file);
}

/* ---- JSON ---- */

static void nest(struct buffer *out, size_t depth)
{
    bool array = dice_chance(50);
    for (size_t i = 0; i < depth; i++)
        buffer_append_string(out, array ? "[" : "{\"a\":");
    buffer_append_string(out, "1");
    for (size_t i = 0; i < depth; i++)
        buffer_append_string(out, array ? "]" : "}");
}

static void widen(struct buffer *out, size_t count)
{
    bool array = dice_chance(50);
    buffer_append_string(out, array ? "[" : "{");
    for (size_t i = 0; i < count; i++) {
        if (array)
            buffer_printf(out, "%s%zu", i == 0 ? "" : ",", i);
        else
            buffer_printf(out, "%s\"m%zu\":0", i == 0 ? "" : ",", i);
    }
    buffer_append_string(out, array ? "]" : "}");
}

static void lengthen(struct buffer *out, size_t count)
{
    buffer_append_string(out, "\"");
    for (size_t i = 0; i < count; i++)
        buffer_append_string(out, "x");
    buffer_append_string(out, "\"");
}

void odd_json_value(struct buffer *out)
{
    static const size_t depths[] = {2, 6, 7, 8, 9, 16, 64, 3000};
    switch (dice_below(10)) {
    case 0:
    case 1:
    case 2:
        buffer_append_string(out, DICE_TEXT(numbers));
        return;
    case 3:
    case 4:
        buffer_append_string(out, DICE_TEXT(strings));
        return;
    case 5:
        buffer_append_string(out, dice_chance(60) ? "null" : dice_chance(50) ? "true" : "false");
        return;
    case 6:
        nest(out, depths[dice_below(sizeof depths / sizeof depths[0])]);
        return;
    case 7:
        widen(out, dice_below(dice_chance(80) ? 8 : MEMBERS_MAX));
        return;
    case 8:
        lengthen(out, dice_below(dice_chance(80) ? 300 : TEXT_MAX));
        return;
    default:
        buffer_append_string(out, corpus_count == 0 ? "{}" : corpus[dice_below(corpus_count)]);
        return;
    }
}

/* Behind a string that begins at `at`. */
static const char *skip_string(const char *at)
{
    for (++at; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* Behind the value that begins at `at`. */
static const char *skip_value(const char *at)
{
    size_t depth = 0;
    if (*at == '"')
        return skip_string(at);
    for (; *at != '\0'; at++) {
        if (*at == '"') {
            at = skip_string(at) - 1;
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && depth-- <= 1)
            return depth == (size_t)-1 ? at : at + 1;
        else if (*at == ',' && depth == 0)
            return at;
    }
    return at;
}

static void add_member(struct buffer *out)
{
    static const char *const names[] = {"x",
                                        "",
                                        "status",
                                        "type",
                                        "value",
                                        "\\u0000",
                                        "__proto__",
                                        "\xc2\x9b",
                                        "subdomainAuthAllowed",
                                        "profile",
                                        "replaces",
                                        "notAfter",
                                        "a b",
                                        "ancestorDomain",
                                        "onlyReturnExisting"};
    buffer_printf(out, "\"%s\":", DICE_TEXT(names));
    odd_json_value(out);
}

char *odd_json_bend(struct arena *arena, const char *object)
{
    struct buffer out;
    buffer_init(&out, arena, 1024 * 1024);
    for (const char *at = object; *at != '\0';) {
        if (*at == '{' && dice_chance(20)) {
            buffer_append_string(&out, "{");
            add_member(&out);
            at++;
            if (*at != '}')
                buffer_append_string(&out, ",");
            continue;
        }
        if ((*at == ':' || *at == '[') && at[1] != ']' && dice_chance(12)) {
            buffer_append(&out, bytes_of(at, 1));
            odd_json_value(&out);
            at = skip_value(at + 1);
            continue;
        }
        const char *end = *at == '"' ? skip_string(at) : at + 1;
        buffer_append(&out, bytes_of(at, (size_t)(end - at)));
        if (*at == ',' && dice_chance(4)) {
            add_member(&out);
            buffer_append_string(&out, ",");
        }
        at = end;
    }
    return arena_string(arena, buffer_bytes(&out));
}

/* ---- texts and octets ---- */

const char *odd_text(void)
{
    return DICE_TEXT(texts);
}

struct bytes odd_octets(struct arena *arena, struct bytes from)
{
    uint8_t *copy = arena_alloc(arena, from.n + 1);
    if (from.n == 0)
        return from;
    memcpy(copy, from.p, from.n);
    for (size_t i = 0, n = 1 + dice_below(4); i < n; i++)
        copy[dice_below(from.n)] = (uint8_t)dice_next();
    return bytes_of(copy, dice_chance(20) ? dice_below(from.n) : from.n);
}

static bool is_bidi(uint32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

bool odd_is_unfit_for_people(struct bytes text, bool lines)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (lines && (c == '\n' || c == '\t' || c == '\r'))
            continue;
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < text.n && text.p[i + 1] < 0xa0)
            return true;
        if (c == 0xd8 && i + 1 < text.n && text.p[i + 1] == 0x9c)
            return true;
        if (c == 0xe2 && i + 2 < text.n &&
            is_bidi((uint32_t)(0x2000 | (text.p[i + 1] & 0x3f) << 6 | (text.p[i + 2] & 0x3f))))
            return true;
    }
    return false;
}
