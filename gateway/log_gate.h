/*
 * Keeps lines that strangers can cause at will from filling the log: one passes each `every_ms`, and says how
 * many were held back before it. Zeroed, it has let none pass yet. For one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_gate {
    int64_t closed_until_ms;
    size_t held_back;
};

/* True when a line may be written at `now_ms`; `held_back` is how many were not since the one before it. */
[[gnu::warn_unused_result]] bool log_gate_passes(struct log_gate *gate, int64_t now_ms, int64_t every_ms,
                                                 size_t *held_back);
