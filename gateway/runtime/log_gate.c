/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/log_gate.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "gateway/runtime/clock.h"

enum { WORDS_MAX_BYTES = 1536 }; /* the end of the line has the count: it must fit into what the log writes */

/* A clock that was set back by more than `every_ms` opens the gate as well. */
static bool is_closed(int64_t closed_until_ms, int64_t now_ms, int64_t every_ms)
{
    return now_ms < closed_until_ms && closed_until_ms - now_ms <= every_ms;
}

bool log_gate_passes(struct log_gate *gate, int64_t now_ms, int64_t every_ms, size_t *held_back)
{
    int64_t closed_until_ms = atomic_load_explicit(&gate->closed_until_ms, memory_order_relaxed);
    /* Of several threads that find the gate open at once, one passes. */
    if (is_closed(closed_until_ms, now_ms, every_ms) ||
        !atomic_compare_exchange_strong(&gate->closed_until_ms, &closed_until_ms, now_ms + every_ms)) {
        atomic_fetch_add_explicit(&gate->held_back, 1, memory_order_relaxed);
        return false;
    }
    *held_back = atomic_exchange_explicit(&gate->held_back, 0, memory_order_relaxed);
    return true;
}

static void write_line(enum log_level level, const char *words, size_t held_back)
{
    static void (*const write_at[])(const char *format, ...) = {
        [LOG_LEVEL_DEBUG] = log_debug,
        [LOG_LEVEL_INFO] = log_info,
        [LOG_LEVEL_WARNING] = log_warning,
        [LOG_LEVEL_ERROR] = log_error,
    };
    if (held_back == 0)
        write_at[level]("%s", words);
    else
        write_at[level]("%s; %zu more such lines were held back before this one", words, held_back);
}

void log_gate_write(struct log_gate *gate, enum log_level level, const char *format, ...)
{
    size_t held_back;
    if (!log_gate_passes(gate, clock_now_ms(), LOG_GATE_EVERY_MS, &held_back))
        return;
    char words[WORDS_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (n >= 0)
        write_line(level, words, held_back);
}

/* Never 0. */
static uint32_t kind_of(const char *line)
{
    uint32_t hash = 2166136261; /* FNV-1a */
    for (const char *at = line; *at != '\0'; at++)
        if (!isdigit((unsigned char)*at))
            hash = (hash ^ (unsigned char)*at) * 16777619;
    return hash == 0 ? 1 : hash;
}

/* Two threads with one new kind may take two gates: then one line more is written. */
static bool take_open_gate(struct log_gates *gates, size_t i, uint32_t kind, int64_t now_ms)
{
    uint_fast32_t former = atomic_load_explicit(&gates->kinds[i], memory_order_relaxed);
    if (is_closed(atomic_load_explicit(&gates->gates[i].closed_until_ms, memory_order_relaxed), now_ms,
                  LOG_GATE_EVERY_MS) ||
        !atomic_compare_exchange_strong(&gates->kinds[i], &former, kind))
        return false;
    atomic_store_explicit(&gates->gates[i].held_back, 0, memory_order_relaxed);
    return true;
}

static struct log_gate *gate_of(struct log_gates *gates, uint32_t kind, int64_t now_ms)
{
    for (size_t i = 0; i < LOG_GATES; i++)
        if (atomic_load_explicit(&gates->kinds[i], memory_order_relaxed) == kind)
            return &gates->gates[i];
    for (size_t i = 0; i < LOG_GATES; i++)
        if (take_open_gate(gates, i, kind, now_ms))
            return &gates->gates[i];
    return &gates->gates[kind % LOG_GATES];
}

void log_gate_write_by_kind(struct log_gates *gates, enum log_level level, const char *line)
{
    log_gate_write(gate_of(gates, kind_of(line), clock_now_ms()), level, "%s", line);
}
