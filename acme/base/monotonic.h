/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, for durations and pauses: a step of the wall clock does not move it. Any thread. */
#pragma once

#include <stdint.h>

/* Returns microseconds, or milliseconds, since a moment that is the same for the whole process. */
int64_t monotonic_us(void);
int64_t monotonic_ms(void);
