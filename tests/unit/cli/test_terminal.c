/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of standard output and standard error. */
#include <stdio.h>
#include <unistd.h>

#include "gateway/cli/terminal.h"
#include "shell.h"

LEAK_CHECKED_SUITE(terminal);

/* What comes out when the pieces are printed to stdout, each flushed. */
static const char *printed(const char *const *pieces)
{
    const char *path = shell_path("out");
    int kept = dup(STDOUT_FILENO);
    FILE *out = stdout, *err = stderr, *file = fopen(path, "we");
    cr_assert(kept >= 0 && file != NULL && dup2(fileno(file), STDOUT_FILENO) >= 0);
    terminal_guard();
    for (size_t i = 0; pieces[i] != NULL; i++) {
        fputs(pieces[i], stdout);
        cr_expect_eq(fflush(stdout), 0);
    }
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    dup2(kept, STDOUT_FILENO);
    close(kept);
    fclose(file);
    return shell_read(path);
}

Test(terminal, control_characters_do_not_reach_it)
{
    static const struct {
        const char *pieces[4], *wanted;
    } cases[] = {
        {{"plain\n\ttext"}, "plain\n\ttext"},
        {{"red \033[31m\a"}, "red ?[31m?"},
        {{"Zürich \342\202\254"}, "Zürich \342\202\254"},
        /* a character in two writes, and in three */
        {{"a\342\202", "\254b"}, "a\342\202\254b"},
        {{"a\342", "\202", "\254b"}, "a\342\202\254b"},
        {{"a\342\202", "b"}, "a??b"},
        {{"\302", "\233x"}, "?x"},
    };
    shell_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = printed(cases[i].pieces);
        cr_expect_str_eq(found, cases[i].wanted, "case %zu: '%s'", i, found);
    }
    shell_end();
}

Test(terminal, standard_error_is_guarded_and_comes_line_by_line)
{
    static char octets[64];
    shell_begin();
    int ends[2], kept = dup(STDERR_FILENO);
    FILE *out = stdout, *err = stderr;
    cr_assert(pipe(ends) == 0 && kept >= 0);
    fake_log_to_stderr(true);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    terminal_guard();
    fprintf(stderr, "a\033b\n");
    ssize_t n = read(ends[0], octets, sizeof octets);
    dup2(kept, STDERR_FILENO);
    cr_expect_eq(n, 4, "a line is written at once");
    cr_expect_eq(memcmp(octets, "a?b\n", 4), 0);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    close(ends[0]);
    close(ends[1]);
    close(kept);
    shell_end();
}

Test(terminal, a_failure_to_write_reaches_the_caller)
{
    shell_begin();
    int kept = dup(STDOUT_FILENO);
    FILE *out = stdout, *err = stderr, *full = fopen("/dev/full", "we");
    cr_assert(kept >= 0 && full != NULL && dup2(fileno(full), STDOUT_FILENO) >= 0);
    terminal_guard();
    fputs("text", stdout);
    int flushed = fflush(stdout);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    dup2(kept, STDOUT_FILENO);
    close(kept);
    fclose(full);
    cr_expect_eq(flushed, EOF);
    shell_end();
}
