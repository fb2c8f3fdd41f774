/* SPDX-License-Identifier: Apache-2.0 */
/* Work that bytes from outside cause grows with their number, not with its square. */
#pragma once

#include <stddef.h>

enum { GROWTH_FACTOR = 16 };

/* How many times the processor time of work(context, n) GROWTH_FACTOR × n costs, the least of several tries
 * each. About 16 for linear work and 20 for a sort; 256 for a square. */
double growth_of(void (*work)(void *context, size_t n), void *context, size_t n);

/* Between a sort and a square. */
#define GROWTH_MOST 80.0
