/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/base/visible.h"

enum { SEQUENCE_MAX_BYTES = 4 };

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

void terminal_guard(void)
{
    stdout = guarded(&terminals[0], isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF);
    stderr = guarded(&terminals[1], _IOLBF);
}
