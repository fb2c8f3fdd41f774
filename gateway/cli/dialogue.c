/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/dialogue.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

/* A line of standard input, cleansed by its owner. */
struct line {
    char octets[LINE_MAX_BYTES];
    size_t n;
};

bool dialogue_is_possible(void)
{
    return isatty(STDIN_FILENO) == 1;
}

/* Octet by octet: nothing after the line is taken. What does not fit is dropped. */
static bool read_line(struct line *line)
{
    char octet;
    line->n = 0;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, &octet, 1);
        if (got == -1 && errno == EINTR)
            continue;
        if (got != 1)
            return false;
        if (octet == '\n')
            return true;
        if (line->n < sizeof line->octets)
            line->octets[line->n++] = octet;
    }
}

static struct bytes trimmed(const struct line *line)
{
    struct bytes text = bytes_of(line->octets, line->n);
    while (text.n > 0 && isspace(text.p[text.n - 1]))
        text.n--;
    while (text.n > 0 && isspace(text.p[0])) {
        text.p++;
        text.n--;
    }
    return text;
}

static void prompt(const char *question, const char *fallback)
{
    if (fallback == NULL)
        fprintf(stderr, "%s: ", question);
    else
        fprintf(stderr, "%s [%s]: ", question, fallback);
    fflush(stderr);
}

const char *dialogue_ask(struct arena *arena, const char *question, const char *fallback)
{
    struct line line;
    prompt(question, fallback);
    if (!read_line(&line)) {
        fputc('\n', stderr);
        return NULL;
    }
    struct bytes answer = trimmed(&line);
    return answer.n == 0 && fallback != NULL ? fallback : arena_string(arena, answer);
}

/* ---- without echo ---- */

static const int ending_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { ENDING_SIGNALS = sizeof ending_signals / sizeof *ending_signals };

static struct termios before;

/* Any thread may run it: tcsetattr and raise may be called in a handler. */
static void restore_and_end(int signal_number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    raise(signal_number); /* the handler is gone by SA_RESETHAND */
}

static void handle_ending_signals(struct sigaction *former)
{
    struct sigaction action = {.sa_handler = restore_and_end, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaction(ending_signals[i], &action, &former[i]);
}

/* Asks only once nothing is shown: what is typed at the question's sight is not seen. */
static bool ask_hidden(const char *question, struct line *line)
{
    struct sigaction former[ENDING_SIGNALS];
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    struct termios hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    handle_ending_signals(former);
    bool good = tcsetattr(STDIN_FILENO, TCSANOW, &hidden) == 0;
    if (good) {
        prompt(question, NULL);
        good = read_line(line);
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaction(ending_signals[i], &former[i], NULL);
    return good;
}

bool dialogue_ask_secret(struct arena *arena, const char *question, struct bytes *out)
{
    struct line line;
    bool good = ask_hidden(question, &line);
    fputc('\n', stderr); /* the one that was typed is not shown */
    if (good)
        *out = arena_copy_secret(arena, bytes_of(line.octets, line.n));
    explicit_bzero(&line, sizeof line);
    return good;
}
