/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock. The gateway decides by it alone: orders, certificates, health and log stamps read it here,
 * so that a program of the tests can link a clock of its own. Waits use the monotonic clock instead.
 */
#pragma once

#include <stdint.h>

/* Unix time in seconds. Any thread. */
int64_t clock_now(void);
/* The same in milliseconds. */
int64_t clock_now_ms(void);
