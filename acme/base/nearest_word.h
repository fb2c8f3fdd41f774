/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": the known word that a misspelt one is near to. */
#pragma once

#include <stddef.h>

/*
 * The known word that takes the fewest insertions, deletions, replacements and swaps of neighbours, at most a
 * third of the word's length and four. NULL when none is that near. Words of more than 64 octets are near to
 * none.
 */
const char *nearest_word(const char *word, const char *const *known, size_t count);
