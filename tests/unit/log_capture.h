/* SPDX-License-Identifier: Apache-2.0 */
/* Captures standard error, for a test that reads it. */
#pragma once

#include "acme/base/arena.h"

void log_capture_begin(void);
/* Returns the text since log_capture_begin, and gives standard error back to the process. */
const char *log_capture_end(struct arena *arena);

/* How often `words` are in the text. */
size_t count_of(const char *text, const char *words);
