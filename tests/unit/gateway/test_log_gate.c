/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/runtime/log_gate.h"
#include "leaks.h"
#include "log_capture.h"

LEAK_CHECKED_SUITE(log_gate);

Test(log_gate, passes_one_line_a_while_and_counts_the_others)
{
    enum { EVERY_MS = 10000, UNTOUCHED = 77 };
    static const struct {
        int64_t now_ms;
        bool passes;
        size_t held_back;
    } cases[] = {
        {50000, true, 0},  {50000, false, 0}, {59999, false, 0}, {60000, true, 2},
        {60001, false, 0}, {75000, true, 1},  {90000, true, 0},  {1000, true, 0}, /* the clock was set back */
        {1001, false, 0},  {11000, true, 1},
    };
    struct log_gate gate = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t held_back = UNTOUCHED;
        cr_expect_eq(log_gate_passes(&gate, cases[i].now_ms, EVERY_MS, &held_back), cases[i].passes, "%zu",
                     i);
        cr_expect_eq(held_back, cases[i].passes ? cases[i].held_back : UNTOUCHED, "%zu", i);
    }
}

enum { LINES = 1000 };

static void *write_many(void *gate)
{
    for (int i = 0; i < LINES; i++)
        log_gate_write(gate, LOG_LEVEL_WARNING, "anybody asks, %d", i);
    return NULL;
}

/* Standard error is a pipe here, which holds what passes. */
Test(log_gate, S10_lines_that_anybody_can_cause_are_few_on_all_threads)
{
    enum { THREADS = 4 };
    struct log_gate gate = {0};
    pthread_t threads[THREADS];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    cr_assert(saved >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_many, &gate), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gate.closed_until_ms = 0;
    log_gate_write(&gate, LOG_LEVEL_ERROR, "the last");
    dup2(saved, STDERR_FILENO);
    close(saved);
    char text[4096] = "";
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    close(ends[0]);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    cr_expect_eq(lines, 2, "%s", text);
    cr_expect_neq(strstr(text, " warning anybody asks, 0"), NULL, "%s", text);
    cr_expect_neq(strstr(text, " error the last; "), NULL, "%s", text);
    /* A thread that lost against the first line may be counted by that line already. */
    size_t held_back = 0;
    for (const char *at = text; (at = strstr(at, "; ")) != NULL; at++)
        held_back += strtoul(at + strlen("; "), NULL, 10);
    cr_expect_eq(held_back, THREADS * LINES - 1, "%s", text);
}

/* The database's lines, as requests cause them while its disk is full. */
Test(log_gate, S10_lines_that_differ_in_digits_only_are_of_one_kind)
{
    enum { REQUESTS = 500 };
    struct log_gates gates = {0};
    log_capture_begin();
    for (int i = 0; i < REQUESTS; i++) {
        char line[128];
        snprintf(line, sizeof line, "store: a batch of %d operations could not be written", i);
        log_gate_write_by_kind(&gates, LOG_LEVEL_ERROR, line);
        log_gate_write_by_kind(&gates, LOG_LEVEL_ERROR, "store: event_insert: database or disk is full");
    }
    struct arena *arena = arena_new();
    const char *text = log_capture_end(arena);
    cr_expect_eq(count_of(text, "\n"), 2, "%s", text);
    cr_expect_not_null(strstr(text, " error store: a batch of 0 operations could not be written\n"), "%s",
                       text);
    cr_expect_not_null(strstr(text, " error store: event_insert: database or disk is full\n"), "%s", text);
    arena_free(arena);
}

/* Each of the first ones is written, the last words of a process among them. */
Test(log_gate, kinds_do_not_hold_each_other_back)
{
    struct log_gates gates = {0};
    char line[] = "the reason aa";
    char *end = line + strlen(line);
    log_capture_begin();
    for (size_t i = 0; i <= LOG_GATES; i++) {
        end[-2] = (char)('a' + i / 26);
        end[-1] = (char)('a' + i % 26);
        log_gate_write_by_kind(&gates, LOG_LEVEL_ERROR, line);
        log_gate_write_by_kind(&gates, LOG_LEVEL_ERROR, line);
    }
    struct arena *arena = arena_new();
    const char *text = log_capture_end(arena);
    cr_expect_eq(count_of(text, "the reason "), LOG_GATES, "%s", text);
    cr_expect_null(strstr(text, line), "one more than there are gates");
    arena_free(arena);
}
