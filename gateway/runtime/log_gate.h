/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps lines that strangers can cause at will from filling the log. One line passes in each `every_ms`; it
 * says how many were held back before it. A zeroed gate has let no line pass yet. Any thread, without a lock.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/runtime/log.h"

enum { LOG_GATE_EVERY_MS = 10 * 1000 };

struct log_gate {
    atomic_int_least64_t closed_until_ms;
    atomic_size_t held_back;
};

/* True when a line may be written at `now_ms`. `held_back` is the number of lines held back since the last
 * one. */
[[gnu::warn_unused_result]] bool log_gate_passes(struct log_gate *gate, int64_t now_ms, int64_t every_ms,
                                                 size_t *held_back);

/* Writes the line, at most once each LOG_GATE_EVERY_MS, followed by the number of lines held back. All lines
 * of one gate are of one kind; their words may differ. */
[[gnu::format(printf, 3, 4)]] void log_gate_write(struct log_gate *gate, enum log_level level,
                                                  const char *format, ...);

enum { LOG_GATES = 64 };

/* Gates for kinds of lines that are not known before. Zeroed at first. */
struct log_gates {
    struct log_gate gates[LOG_GATES];
    atomic_uint_fast32_t kinds[LOG_GATES]; /* the kind that has the gate; 0: none */
};

/* Writes a line whose words the caller does not know: lines that differ in digits only are of one kind, and
 * have one gate. A kind holds another one back only when LOG_GATES others were written within
 * LOG_GATE_EVERY_MS. */
void log_gate_write_by_kind(struct log_gates *gates, enum log_level level, const char *line);
