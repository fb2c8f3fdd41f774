/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a stream in bounded memory, whatever their length. */
#pragma once

#include <stdio.h>

#include "acme/base/arena.h"

enum line_result {
    LINE_READ,
    LINE_TOO_LONG, /* over the maximum: passed over to its end */
    LINE_END,
    LINE_FAILED, /* errno */
};

struct line_reader {
    FILE *file; /* borrowed */
    uint8_t *text;
    size_t max_bytes;
    size_t number; /* of the last line, from 1 */
};

/* The buffer of `max_bytes` is in the arena. */
void line_reader_init(struct line_reader *reader, struct arena *arena, FILE *file, size_t max_bytes);

/* The next line without its newline (and carriage return), good until the next call. A last line may lack its
 * newline. */
[[gnu::warn_unused_result]] enum line_result line_reader_next(struct line_reader *reader, struct bytes *line);
