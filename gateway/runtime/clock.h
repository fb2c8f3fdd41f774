/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock, on which alone the gateway's decisions depend. Orders, certificates, health and log stamps
 * read it here, so that a test program can link its own clock. Waits use the monotonic clock instead.
 */
#pragma once

#include <stdint.h>

/* Unix time in seconds. Any thread. */
int64_t clock_now(void);
/* The same in milliseconds. */
int64_t clock_now_ms(void);
