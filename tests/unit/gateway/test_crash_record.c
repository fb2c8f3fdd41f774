/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/base/buffer.h"
#include "acme/base/file.h"
#include "gateway/runtime/crash_record.h"
#include "leaks.h"
#include "local_files.h"

LEAK_CHECKED_SUITE(crash_record);

static void remove_directory(void *directory)
{
    scratch_directory_remove(directory);
}

/* In a directory of its own, which goes with the arena. */
static const char *database_in(struct arena *arena)
{
    const char *directory = scratch_directory_new(arena);
    arena_on_free(arena, remove_directory, (void *)(uintptr_t)directory);
    return arena_printf(arena, "%s/acmegate.db", directory);
}

static void open_record(const char *database)
{
    struct fault fault = {0};
    cr_assert(crash_record_open(database, &fault), "%s", fault.message);
}

/* Opens the record again, as the next start does. */
static size_t count_after(const char *database, int64_t id)
{
    open_record(database);
    size_t count = crash_record_count(id);
    crash_record_close();
    return count;
}

/* Ways to end that no signal's number says. */
enum { CLEAN = 0, WITHOUT_MEMORY = -1, KILLED = -100 /* -100 - n: by signal n, as kill(1) sends it */ };

static void end_by(int way)
{
    if (way <= KILLED) {
        kill(getpid(), KILLED - way);
        pause();
    } else if (way == WITHOUT_MEMORY)
        end_without("memory");
    else if (way == SIGSEGV)
        *(volatile int *)8 = 1;
    else if (way == SIGABRT)
        abort();
    else if (way != CLEAN)
        raise(way);
}

/* A sanitizer reports what a child process does. */
static void be_silent(void)
{
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
}

/* A process that works for `owner` and ends by `way`, a signal or one of the above; true when it ended badly.
 */
static bool die(const char *database, int64_t owner, int way)
{
    pid_t child = fork();
    if (child == 0) {
        struct fault fault;
        be_silent();
        if (!crash_record_open(database, &fault))
            _exit(99);
        int64_t before = crash_record_set_owner(owner);
        end_by(way);
        crash_record_set_owner(before);
        crash_record_close();
        _exit(0);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 99);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

Test(crash_record, S2_a_fault_is_counted_against_whom_the_thread_worked_for)
{
    static const struct {
        int64_t owner;
        int way;
        size_t count;
    } cases[] = {
        {7, SIGSEGV, 1},         {7, SIGABRT, 1},        {7, SIGBUS, 1},           {7, SIGFPE, 1},
        {7, SIGILL, 1},          {7, SIGKILL, 0},        {7, SIGTERM, 0},          {7, CLEAN, 0},
        {0, SIGSEGV, 0},         {8, SIGSEGV, 0},        {7, KILLED - SIGABRT, 0}, {7, KILLED - SIGSEGV, 0},
        {7, KILLED - SIGBUS, 0}, {7, WITHOUT_MEMORY, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *database = database_in(arena);
        cr_expect_eq(die(database, cases[i].owner, cases[i].way), cases[i].way != CLEAN, "case %zu", i);
        cr_expect_eq(count_after(database, 7), cases[i].count, "case %zu", i);
    }
    arena_free(arena);
}

/* A handler that was there before: a sanitizer's, or one that a library set. */
static void end_with_number(int number)
{
    exit(number);
}

static int exit_status_of(const char *database, int64_t owner, int way)
{
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    struct fault fault;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        be_silent();
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            signal(numbers[i], end_with_number);
        if (crash_record_open(database, &fault))
            crash_record_set_owner(owner);
        end_by(way);
        exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the kernel did not send, another process may have: only a fault of the thread's own is counted. */
Test(crash_record, S2_the_handler_that_was_there_before_runs_in_any_case)
{
    static const struct {
        int64_t owner;
        int way, number;
        size_t count;
    } cases[] = {
        {7, SIGSEGV, SIGSEGV, 1},        {7, SIGABRT, SIGABRT, 1}, {7, SIGBUS, SIGBUS, 1},
        {7, SIGFPE, SIGFPE, 1},          {7, SIGILL, SIGILL, 1},   {0, SIGSEGV, SIGSEGV, 0},
        {0, SIGFPE, SIGFPE, 0},          {-7, SIGFPE, SIGFPE, 0},  {7, KILLED - SIGBUS, SIGBUS, 0},
        {7, WITHOUT_MEMORY, SIGABRT, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *database = database_in(arena);
        cr_expect_eq(exit_status_of(database, cases[i].owner, cases[i].way), cases[i].number, "case %zu", i);
        struct bytes text;
        cr_assert(file_read(arena, arena_printf(arena, "%s.crashes", database), 1024, &text));
        cr_expect(bytes_equal_string(text, cases[i].count == 0 ? "" : "crashed 7\n"), "case %zu", i);
    }
    arena_free(arena);
}

Test(crash_record, the_handlers_that_were_there_before_come_back)
{
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    struct arena *arena = arena_new();
    struct sigaction action;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_IGN);
    open_record(database_in(arena));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cr_assert_eq(sigaction(numbers[i], NULL, &action), 0);
        cr_expect_neq(action.sa_handler, SIG_IGN, "%d", numbers[i]);
    }
    crash_record_close();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cr_assert_eq(sigaction(numbers[i], NULL, &action), 0);
        cr_expect_eq(action.sa_handler, SIG_IGN, "%d", numbers[i]);
    }
    arena_free(arena);
}

Test(crash_record, S2_faults_add_up_until_they_are_forgotten)
{
    struct arena *arena = arena_new();
    const char *database = database_in(arena);
    const int64_t large = INT64_C(1) << 52;
    for (size_t i = 1; i <= 3; i++) {
        die(database, large, SIGSEGV);
        cr_expect_eq(count_after(database, large), i);
    }
    die(database, 8, SIGABRT);
    open_record(database);
    crash_record_forget(large);
    cr_expect_eq(crash_record_count(large), 0);
    crash_record_close();
    cr_expect_eq(count_after(database, large), 0);
    cr_expect_eq(count_after(database, 8), 1);
    arena_free(arena);
}

/* Other lines in the file are ignored, and it does not grow for ever. */
Test(crash_record, reads_its_own_lines_only_and_the_newest)
{
    struct arena *arena = arena_new();
    const char *database = database_in(arena);
    const char *path = arena_printf(arena, "%s.crashes", database);
    static const char *const others[] = {"crashed\n7\n", "crashed -7\n", "crashed x\n",
                                         "\n",           "nonsense 7\n", "crashed 7 7\n",
                                         "crashed  7\n", "crashed 7x\n", "crashed 07\n"};
    const char *text = "crashed 7\n", *most = "crashed 9223372036854775807\ncrashed 9223372036854775808\n";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        text = arena_printf(arena, "%s%s", text, others[i]);
    text = arena_printf(arena, "%s%scrashed 7", text, most);
    cr_assert(file_replace(path, bytes_from_string(text), 0600));
    cr_expect_eq(count_after(database, 7), 2);
    cr_expect_eq(count_after(database, INT64_MAX), 1);
    struct buffer many;
    buffer_init(&many, arena, 1024 * 1024);
    for (int i = 1; i <= 20000; i++)
        buffer_printf(&many, "crashed %d\n", i);
    cr_assert(file_replace(path, buffer_bytes(&many), 0600));
    cr_expect_eq(count_after(database, 20000), 1);
    cr_expect_eq(count_after(database, 1), 0);
    struct bytes kept;
    cr_assert(file_read(arena, path, 1024 * 1024, &kept));
    cr_expect_leq(kept.n, 16 * 1024);
    arena_free(arena);
}

Test(crash_record, says_who_was_before)
{
    cr_expect_eq(crash_record_set_owner(1), 0);
    cr_expect_eq(crash_record_set_owner(2), 1);
    cr_expect_eq(crash_record_owner(), 2);
    cr_expect_eq(crash_record_set_owner(0), 2);
}

/* `database` with so much "./" in it that its record's path has `n` octets. */
static const char *lengthened(struct arena *arena, const char *database, size_t n)
{
    size_t more = n - strlen(database) - strlen(".crashes");
    const char *name = strrchr(database, '/') + 1;
    char *path = arena_alloc(arena, n + 1);
    size_t at = (size_t)(name - database);
    memcpy(path, database, at);
    for (size_t i = 0; i < more; i++)
        path[at + i] = i % 2 == 0 && i + 1 < more ? '.' : '/';
    strcpy(path + at + more, name);
    return path;
}

static int next_descriptor(void)
{
    int next = dup(STDERR_FILENO);
    close(next);
    return next;
}

Test(crash_record, a_record_that_cannot_be_kept_is_told)
{
    struct arena *arena = arena_new();
    const char *database = database_in(arena), *pipe = database_in(arena);
    cr_assert_eq(mkfifo(arena_printf(arena, "%s.crashes", pipe), 0600), 0);
    const struct {
        const char *database, *words; /* NULL: it is kept */
    } cases[] = {
        {"/nonexistent/acmegate.db",
         "/nonexistent/acmegate.db.crashes: cannot be opened: No such file or directory"},
        {pipe, "acmegate.db.crashes: cannot be opened: Wrong medium type"},
        {lengthened(arena, database, PATH_MAX - 1), NULL},
        {lengthened(arena, database, PATH_MAX), "the path is too long: /tmp/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {0};
        int next = next_descriptor();
        cr_assert_eq(crash_record_open(cases[i].database, &fault), cases[i].words == NULL, "case %zu: %s", i,
                     fault.message);
        cr_expect(cases[i].words == NULL || strstr(fault.message, cases[i].words) != NULL, "case %zu: %s", i,
                  fault.message);
        crash_record_close();
        cr_expect_eq(next_descriptor(), next, "case %zu: the file is closed", i);
    }
    arena_free(arena);
}
