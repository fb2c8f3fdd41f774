/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/nearest_word.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX_BYTES = 64, DISTANCE_MAX = 4 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The edit distance. Two neighbours that changed places count once: it is the commonest slip of the hand. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX_BYTES + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n > WORD_MAX_BYTES || m > WORD_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j] + 1, least(row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

const char *nearest_word(const char *word, const char *const *known, size_t count)
{
    const char *nearest = NULL;
    size_t best = least(strlen(word) / 3 + 1, DISTANCE_MAX) + 1;
    for (size_t i = 0; i < count; i++) {
        size_t far = distance(word, known[i]);
        if (far < best) {
            best = far;
            nearest = known[i];
        }
    }
    return nearest;
}
