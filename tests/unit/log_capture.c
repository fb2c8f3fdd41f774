/* SPDX-License-Identifier: Apache-2.0 */
#include "log_capture.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOG_MAX_BYTES = 256 * 1024 };

static int saved, kept;

void log_capture_begin(void)
{
    kept = memfd_create("log", MFD_CLOEXEC);
    saved = dup(STDERR_FILENO);
    cr_assert(kept != -1 && saved != -1 && dup2(kept, STDERR_FILENO) != -1);
}

const char *log_capture_end(struct arena *arena)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    char *text = arena_alloc(arena, LOG_MAX_BYTES);
    cr_assert_lt(pread(kept, text, LOG_MAX_BYTES - 1, 0), LOG_MAX_BYTES - 1);
    close(kept);
    return text;
}

size_t count_of(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
        count++;
    return count;
}
