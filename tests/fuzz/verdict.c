/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FOUND = 3, PLACE_BYTES = 256 };

static char place[PLACE_BYTES] = "fuzz: before the first story\n";
static uint64_t seed_now;
static size_t epoch_now, steps;
static const char *story_now = "";
static time_t began;
static const char *accepted = "";

void verdict_count_step(void)
{
    steps++;
}

size_t verdict_steps(void)
{
    return steps;
}

void verdict_is_at(uint64_t seed, size_t epoch, const char *story)
{
    seed_now = seed;
    epoch_now = epoch;
    story_now = story;
}

/* Only what a signal handler may call. */
static void tell_place(void)
{
    int n = snprintf(place, sizeof place,
                     "fuzz: found after %zu requests, %ld s and %ld s of CPU, in the story \"%s\"; repeat it "
                     "with --seed %llu "
                     "--epoch %zu\n",
                     steps, (long)(time(NULL) - began), (long)(clock() / CLOCKS_PER_SEC), story_now,
                     (unsigned long long)seed_now, epoch_now);
    long ignored = syscall(SYS_write, STDERR_FILENO, place, n < PLACE_BYTES ? (size_t)n : PLACE_BYTES - 1);
    (void)ignored;
}

static void on_abort(int signal_number)
{
    tell_place();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* Memory is reused sooner, which halves the time; what was freed is still watched for a thousand requests. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=24:malloc_context_size=12";
}

/* So that UBSan's finds end here as well. */
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:abort_on_error=1";
}

/* As <sanitizer/common_interface_defs.h> declares it, but it may be missing. */
[[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)(void));

void verdict_watch(void)
{
    began = time(NULL);
    if (__sanitizer_set_death_callback != NULL) /* a build without sanitizers has none */
        __sanitizer_set_death_callback(tell_place);
    signal(SIGABRT, on_abort);
}

[[gnu::noreturn, gnu::format(printf, 2, 0)]] static void end(const char *rows, const char *format,
                                                             va_list arguments)
{
    fflush(stdout);
    fprintf(stderr, "fuzz: VIOLATION: %s%s", rows, rows[0] == '\0' ? "" : ": ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    tell_place();
    _exit(EXIT_FOUND);
}

void verdict(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end("", format, arguments);
}

void verdict_accept(const char *rows)
{
    accepted = rows;
}

/* "S5, S6" is accepted where one of them is. */
static bool is_accepted(const char *rows)
{
    size_t n = strcspn(rows, ",");
    for (const char *at = accepted; (at = strstr(at, "S")) != NULL; at++)
        if (strncmp(at, rows, n) == 0 && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

void finding(const char *rows, const char *format, ...)
{
    va_list arguments;
    if (is_accepted(rows))
        return;
    va_start(arguments, format);
    end(rows, format, arguments);
}
