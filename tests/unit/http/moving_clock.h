/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of libh2o and of the gateway, which stand still until a test moves them: no test waits for a
 * time limit. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where they stand at the start: 2026-11-26T12:00:00Z. */
#define MOVING_CLOCK_BEGIN INT64_C(1795694400)

/* Where they stand now, in seconds. */
int64_t moving_clock_s(void);

/* Takes effect in a loop's next turn (see front_pass, front.h). */
void moving_clock_move(int64_t by_ms);

/* On a loop's thread: the number of its turn. A turn waits, looks at the clock, runs messages, then what is
 * due. */
size_t moving_clock_turn(void);

/* From now on each look at a clock moves it by so much; 0: no more. */
void moving_clock_run(int64_t by_ms);
