/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as text. Times are unix seconds, 0 meaning "not set"; durations are whole seconds. */
#pragma once

#include "acme/base/bytes.h"

enum { TIME_TEXT_BYTES = 21, DURATION_TEXT_BYTES = 32 };

/* Writes "2026-01-02T03:04:05Z" (RFC 3339), NUL-terminated. */
void time_format(char out[static TIME_TEXT_BYTES], int64_t unix_seconds);

/* Reads RFC 3339 with any offset. Fractions of a second are dropped. False leaves `out` unchanged. */
[[gnu::warn_unused_result]] bool time_parse(int64_t *out, struct bytes text);

/* Reads a Go duration such as "1h30m", "24h", "500ms" or "90s", as step-ca and our configuration write it;
 * also "14d". It is rounded down to whole seconds. Negative durations, empty text and overflow are
 * refused. */
[[gnu::warn_unused_result]] bool duration_parse(int64_t *out_seconds, struct bytes text);

/* Writes the Go form without zero parts: "24h", "1h30m", "45s", "0s". */
void duration_format(char out[static DURATION_TEXT_BYTES], int64_t seconds);
