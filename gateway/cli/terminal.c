/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/visible.h"

enum { SEQUENCE_MAX_BYTES = 4, LINE_MAX_BYTES = 8192 };

struct terminal {
    int file;
    char pending[SEQUENCE_MAX_BYTES]; /* the beginning of a character whose rest has not been printed yet */
    size_t pending_bytes;
};

static struct terminal terminals[] = {{.file = STDOUT_FILENO}, {.file = STDERR_FILENO}};

static bool write_all(int file, const char *text, size_t n)
{
    while (n != 0) {
        ssize_t written = write(file, text, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        n -= (size_t)written;
    }
    return true;
}

/* As fopencookie has it: the count that was taken, 0 for an error. */
static ssize_t print(void *cookie, const char *text, size_t n)
{
    struct terminal *terminal = cookie;
    size_t all = terminal->pending_bytes + n;
    char *room = malloc(all + 1);
    if (room == NULL)
        end_without("memory");
    memcpy(room, terminal->pending, terminal->pending_bytes);
    memcpy(room + terminal->pending_bytes, text, n);
    terminal->pending_bytes = visible_unfinished(bytes_of(room, all));
    size_t whole = all - terminal->pending_bytes;
    memcpy(terminal->pending, room + whole, terminal->pending_bytes);
    bool written = write_all(terminal->file, room, visible_clean(room, whole, VISIBLE_LINES));
    free(room);
    return written ? (ssize_t)n : 0;
}

static FILE *guarded(struct terminal *terminal, int mode)
{
    FILE *stream = fopencookie(terminal, "w", (cookie_io_functions_t){.write = print});
    if (stream == NULL)
        end_without("memory");
    setvbuf(stream, NULL, mode, BUFSIZ);
    return stream;
}

static bool is_screen;

void terminal_guard(void)
{
    is_screen = isatty(STDOUT_FILENO) == 1;
    stdout = guarded(&terminals[0], is_screen ? _IOLBF : _IOFBF);
    stderr = guarded(&terminals[1], _IOLBF);
}

void say(const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line[visible_clean(line, strlen(line), VISIBLE_ONE_LINE)] = '\0';
    puts(line);
}

bool terminal_is_screen(void)
{
    return is_screen;
}

void terminal_clear(void)
{
    static const char sequence[] = "\x1b[H\x1b[2J"; /* ECMA-48: CUP, ED */
    fflush(stdout);
    (void)write_all(STDOUT_FILENO, sequence, sizeof sequence - 1);
}
