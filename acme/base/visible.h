/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that people will see in a log, a problem, a database or a terminal, without what could deceive them
 * there: control characters (C0, DEL, C1), characters that change the direction of text, lines that begin
 * without a line feed, everything invisible (zero width, joiners, tags, variation selectors, fillers),
 * private characters, noncharacters, and octets that are not UTF-8. Each of these becomes one '?'; letters of
 * all scripts stay.
 */
#pragma once

#include "acme/base/arena.h"

enum visible_layout {
    VISIBLE_ONE_LINE, /* tabs and the ends of lines become spaces */
    VISIBLE_LINES,    /* line feeds and tabs stay */
};

/* True when visible_clean would change nothing. */
bool visible_is_clean(struct bytes text, enum visible_layout layout);

/* Cleans `n` octets in place. How many they are now: never more. No NUL is written. */
size_t visible_clean(char *text, size_t n, enum visible_layout layout);

/* A clean copy of one line; NULL stays NULL. */
const char *visible_copy(struct arena *arena, const char *text);

/* How many octets at the end may be the beginning of a UTF-8 sequence whose rest is still to come; 3 at most.
 */
size_t visible_unfinished(struct bytes text);
