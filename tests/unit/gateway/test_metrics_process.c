/* SPDX-License-Identifier: Apache-2.0 */
/* What the metrics tell of the process, beside what the system says by other ways. */
#include "gateway/metrics/metrics_process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "leaks.h"

LEAK_CHECKED_SUITE(metrics_process);

enum { FILES_MOST = 200, BLOCK_BYTES = 32 * 1024 * 1024, DRIFT_BYTES = 4 * 1024 * 1024 };

static struct arena *arena;

static double value_of(enum metric metric)
{
    struct metric_gauges gauges = {.arena = arena};
    metrics_read_process(&gauges);
    cr_assert_not_null(gauges.values[metric]);
    return gauges.values[metric][0];
}

static void begin(void)
{
    arena = arena_new();
}

static void end(void)
{
    arena_free(arena);
}

static double cpu_seconds(void)
{
    struct timespec used;
    cr_assert_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

Test(metrics_process, the_processor_time_is_that_of_user_and_system)
{
    const double burnt_s = 0.2, tick_s = 0.05;
    begin();
    double begun = cpu_seconds();
    while (cpu_seconds() < begun + burnt_s)
        (void)getppid();
    double told = value_of(METRIC_PROCESS_CPU);
    cr_expect(told >= begun + burnt_s - tick_s && told <= cpu_seconds() + tick_s, "%f", told);
    end();
}

Test(metrics_process, the_limit_of_files_is_the_one_in_force)
{
    begin();
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = FILES_MOST;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(value_of(METRIC_PROCESS_MAX_FILES), FILES_MOST);
    end();
}

static int open_files(void)
{
    int count = 0;
    for (int file = 0; file < 1024; file++)
        count += fcntl(file, F_GETFD) != -1;
    return count;
}

Test(metrics_process, open_files_are_counted_without_the_one_that_counts)
{
    begin();
    int before = open_files();
    cr_expect_eq(value_of(METRIC_PROCESS_OPEN_FILES), before);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_expect_eq(value_of(METRIC_PROCESS_OPEN_FILES), before + 2);
    close(ends[0]);
    close(ends[1]);
    cr_expect_eq(value_of(METRIC_PROCESS_OPEN_FILES), before);
    end();
}

struct pages {
    double whole, resident;
};

/* proc(5): /proc/self/statm, in pages. */
static struct pages memory(void)
{
    unsigned long whole, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    cr_assert(file != NULL && fscanf(file, "%lu %lu", &whole, &resident) == 2);
    fclose(file);
    double page = (double)sysconf(_SC_PAGESIZE);
    return (struct pages){(double)whole * page, (double)resident * page};
}

static void expect_about(const char *what, double told, double known)
{
    cr_expect(told >= known - DRIFT_BYTES && told <= known + DRIFT_BYTES, "%s: %f, not %f", what, told,
              known);
}

/* The second field of /proc/self/stat is the name, which may look like others. */
Test(metrics_process, memory_is_that_of_the_process_whatever_its_name)
{
    static const char *const names[] = {"plain", "a b c", ") 1 2 3 (", "(1) (2)"};
    begin();
    void *block =
        mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    cr_assert_neq(block, MAP_FAILED);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(prctl(PR_SET_NAME, names[i]), 0);
        cr_expect_gt(memory().resident, BLOCK_BYTES);
        expect_about(names[i], value_of(METRIC_PROCESS_VIRTUAL), memory().whole);
        expect_about(names[i], value_of(METRIC_PROCESS_RESIDENT), memory().resident);
    }
    munmap(block, BLOCK_BYTES);
    end();
}

/* Each test is a process of its own, begun a moment ago. */
Test(metrics_process, the_start_is_when_the_process_began)
{
    enum { MOMENT_S = 60 };
    struct timespec now, boot;
    begin();
    cr_assert(clock_gettime(CLOCK_REALTIME, &now) == 0 && clock_gettime(CLOCK_BOOTTIME, &boot) == 0);
    double told = value_of(METRIC_PROCESS_START);
    cr_expect(told > (double)(now.tv_sec - MOMENT_S) && told < (double)(now.tv_sec + 2), "%f", told);
    cr_expect_gt(told, (double)(now.tv_sec - boot.tv_sec) - 2, "the system began before it");
    end();
}
