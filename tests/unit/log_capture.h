/* SPDX-License-Identifier: Apache-2.0 */
/* What is written on standard error, kept for the test that looks. */
#pragma once

#include "acme/base/arena.h"

void log_capture_begin(void);
/* What came since. Standard error is the process's again. */
const char *log_capture_end(struct arena *arena);

/* How often `words` are in the text. */
size_t count_of(const char *text, const char *words);
