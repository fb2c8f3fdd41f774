/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides when to warn that a certificate ends: once each when a third, a sixth and a twelfth of its life are
 * left, and every hour after its end. Times in unix seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum expiry_stage { EXPIRY_FAR, EXPIRY_THIRD, EXPIRY_SIXTH, EXPIRY_TWELFTH, EXPIRY_OVER };

enum { EXPIRY_REPEAT_S = 3600 };

enum expiry_stage expiry_stage(int64_t not_before, int64_t not_after, int64_t now);

/* The warnings already given for one certificate; it begins as {0}. Another end means another certificate. */
struct expiry_watch {
    int64_t not_after;
    enum expiry_stage told;
    int64_t told_at;
};

/* True when a warning is due now; it then counts as given. When a clock is set back, only the hourly warning
 * repeats. */
bool expiry_watch_is_due(struct expiry_watch *watch, int64_t not_before, int64_t not_after, int64_t now);

/*
 * True when a certificate that renews itself is due. It is due from `at` on, when a third of its life is
 * left. It is also due before its life begins, because the clock was then set back. CAs begin a life a minute
 * early, for clocks that are behind. That minute does not count, so that lives of seconds work.
 */
bool expiry_renewal_is_due(int64_t not_before, int64_t not_after, int64_t now, int64_t *at);

/* Writes "3.5 days", "36 minutes" or "over for 2.0 hours". */
enum { EXPIRY_TEXT_BYTES = 48 };
void expiry_format(char out[static EXPIRY_TEXT_BYTES], int64_t not_after, int64_t now);
