/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/mdoc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "acme/base/arena.h"

enum { LINE_MAX_COLUMNS = 60 };

/* Reads one character of UTF-8, which the tables hold, and returns its length. */
static size_t read_character(const char *at, uint32_t *out)
{
    const unsigned char *octets = (const unsigned char *)at;
    size_t more = octets[0] < 0xc0 ? 0 : octets[0] < 0xe0 ? 1 : octets[0] < 0xf0 ? 2 : 3;
    *out = more == 0 ? octets[0] : octets[0] & (0x3fU >> more);
    for (size_t i = 1; i <= more; i++)
        *out = *out << 6 | (octets[i] & 0x3fU);
    return more + 1;
}

/* A hyphen of a manual page must be a minus sign, so that what is copied from it can be typed. */
static void put_character(FILE *out, uint32_t character)
{
    if (character == '\\')
        fprintf(out, "\\e");
    else if (character == '-')
        fprintf(out, "\\-");
    else if (character == '\'')
        fprintf(out, "\\(aq");
    else if (character == '^')
        fprintf(out, "\\(ha");
    else if (character == '~')
        fprintf(out, "\\(ti");
    else if (character < 0x80)
        fputc((int)character, out);
    else
        fprintf(out, "\\[u%04X]", (unsigned)character);
}

static void put_characters(FILE *out, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t character;
        at += read_character(text + at, &character);
        put_character(out, character);
    }
}

/* Turns each [text](link) into its text, in place. */
static void drop_links(char *text)
{
    char *to = text;
    for (char *at = text; *at != '\0';) {
        char *middle = *at == '[' ? strstr(at, "](") : NULL;
        char *end = middle == NULL ? NULL : strchr(middle, ')');
        if (end == NULL) {
            *to++ = *at++;
            continue;
        }
        size_t n = (size_t)(middle - at) - 1;
        memmove(to, at + 1, n);
        to += n;
        at = end + 1;
    }
    *to = '\0';
}

/* A word of prose; `code` says whether code goes on from the word before. */
static void put_word(FILE *out, const char *text, size_t n, bool *code)
{
    for (size_t at = 0; at < n;) {
        uint32_t character;
        at += read_character(text + at, &character);
        if (character != '`') {
            put_character(out, character);
            continue;
        }
        *code = !*code;
        fprintf(out, *code ? "\\fB" : "\\fP");
    }
}

static bool ends_sentence(const char *word, size_t n)
{
    return strchr(".?!", word[n - 1]) != NULL || (n > 1 && word[n - 1] == ')' && word[n - 2] == '.');
}

static void put_lines(FILE *out, const char *text)
{
    size_t column = 0;
    bool code = false, begins = true;
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (!begins && column + 1 + n > LINE_MAX_COLUMNS) {
            fputc('\n', out);
            begins = true;
        }
        if (begins) {
            column = 0;
            /* a control character at the beginning of a line is a macro */
            fprintf(out, *at == '.' || *at == '\'' ? "\\&" : "");
        } else {
            column += (size_t)fprintf(out, " ");
        }
        put_word(out, at, n, &code);
        column += n;
        begins = n != 0 && !code && ends_sentence(at, n) && at[n] != '\0';
        if (begins)
            fputc('\n', out);
        at += n + (at[n] == ' ');
    }
    fputc('\n', out);
}

void mdoc_text(FILE *out, const char *text)
{
    struct arena *arena = arena_new();
    char *plain = arena_duplicate(arena, text);
    drop_links(plain);
    put_lines(out, plain);
    arena_free(arena);
}

/* "\&" keeps a word from being the name of a macro, or punctuation. A quote within quotes is doubled. */
void mdoc_argument(FILE *out, const char *text)
{
    bool quoted = strchr(text, ' ') != NULL;
    fprintf(out, quoted ? " \"\\&" : " \\&");
    for (const char *at = text; *at != '\0';) {
        size_t n = quoted && *at != '"' ? strcspn(at, "\"") : quoted ? 1 : strlen(at);
        fprintf(out, quoted && *at == '"' ? "\"" : "");
        put_characters(out, at, n);
        at += n;
    }
    fprintf(out, quoted ? "\"" : "");
}
