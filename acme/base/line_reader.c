/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/line_reader.h"

void line_reader_init(struct line_reader *reader, struct arena *arena, FILE *file, size_t max_bytes)
{
    *reader =
        (struct line_reader){.file = file, .text = arena_alloc(arena, max_bytes), .max_bytes = max_bytes};
}

enum line_result line_reader_next(struct line_reader *reader, struct bytes *line)
{
    size_t n = 0;
    bool too_long = false;
    int c;
    while ((c = getc_unlocked(reader->file)) != EOF && c != '\n') {
        if (n == reader->max_bytes)
            too_long = true;
        else
            reader->text[n++] = (uint8_t)c;
    }
    if (c == EOF && ferror_unlocked(reader->file))
        return LINE_FAILED;
    if (c == EOF && n == 0)
        return LINE_END;
    reader->number++;
    if (too_long)
        return LINE_TOO_LONG;
    *line = bytes_of(reader->text, n != 0 && reader->text[n - 1] == '\r' ? n - 1 : n);
    return LINE_READ;
}
