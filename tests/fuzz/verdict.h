/* SPDX-License-Identifier: Apache-2.0 */
/* Ends a run because of a broken invariant. verdict() of surroundings.h prints the place as well. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "surroundings.h"

/* Where the run is: told with every end, and enough to repeat it. */
void verdict_is_at(uint64_t seed, size_t epoch, const char *story);
void verdict_count_step(void);
size_t verdict_steps(void);

/* A row of the security cases is broken: ends the run, unless it is accepted. */
[[gnu::format(printf, 2, 3)]] void finding(const char *rows, const char *format, ...);
/* Findings of these rows do not end the run: "S9,S12". */
void verdict_accept(const char *rows);

/* Tells the place at the end of a sanitizer or an abort, too. Once, at the start. */
void verdict_watch(void);
