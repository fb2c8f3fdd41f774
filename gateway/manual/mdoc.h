/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the language of manual pages, mdoc(7). */
#pragma once

#include <stdio.h>

/* Writes prose on lines of its own: one sentence begins a line, and lines fit in 60 columns beside the
 * escapes. Of Markdown it knows `code`, which becomes bold, and [text](link), which becomes the text. */
void mdoc_text(FILE *out, const char *text);

/* Writes one argument of a macro, after a space. */
void mdoc_argument(FILE *out, const char *text);
