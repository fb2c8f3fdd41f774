/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the lines of a stream in bounded memory, whatever their length. */
#pragma once

#include <stdio.h>

#include "acme/base/arena.h"

enum line_result {
    LINE_READ,
    LINE_TOO_LONG, /* longer than the maximum; skipped to its end */
    LINE_END,
    LINE_FAILED, /* errno */
};

struct line_reader {
    FILE *file; /* borrowed */
    uint8_t *text;
    size_t max_bytes;
    size_t number; /* number of the last line, from 1 */
};

/* Starts reading `file`. The buffer of `max_bytes` is in the arena. */
void line_reader_init(struct line_reader *reader, struct arena *arena, FILE *file, size_t max_bytes);

/* Reads the next line, without its newline (and carriage return). It is valid until the next call. The last
 * line may lack its newline. */
[[gnu::warn_unused_result]] enum line_result line_reader_next(struct line_reader *reader, struct bytes *line);
