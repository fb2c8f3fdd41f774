/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": finds the known word that is nearest to a misspelt one. */
#pragma once

#include <stddef.h>

/*
 * Finds the known word that takes the fewest insertions, deletions, replacements and swaps of neighbours. The
 * limit is a third of the word's length, and four. NULL when no word is that near, and for words of more than
 * 64 octets.
 */
const char *nearest_word(const char *word, const char *const *known, size_t count);
