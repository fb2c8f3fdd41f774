/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleans text that people will see in a log, a problem, a database or a terminal. It removes what could
 * deceive them there: control characters (C0, DEL, C1), characters that change the direction of text, lines
 * that begin without a line feed, everything invisible (zero width, joiners, tags, variation selectors,
 * fillers), private characters, noncharacters, and octets that are not UTF-8. Each of these becomes one '?'.
 * Letters of all scripts stay.
 */
#pragma once

#include "acme/base/arena.h"

enum visible_layout {
    VISIBLE_ONE_LINE, /* tabs and line ends become spaces */
    VISIBLE_LINES,    /* line feeds and tabs stay */
};

/* True when visible_clean would change nothing. */
bool visible_is_clean(struct bytes text, enum visible_layout layout);

/* Cleans `n` octets in place. Returns the new number of octets, which is never larger. No NUL is written. */
size_t visible_clean(char *text, size_t n, enum visible_layout layout);

/* Returns a clean copy of one line. NULL stays NULL. */
const char *visible_copy(struct arena *arena, const char *text);

/* Counts the octets at the end that may be the beginning of an incomplete UTF-8 sequence: 0 to 3. */
size_t visible_unfinished(struct bytes text);
