/* SPDX-License-Identifier: Apache-2.0 */
/* The real log, whose lines go to a listener before standard error (linked in by --wrap). */
#include <stdio.h>
#include <unistd.h>

#include "fakes.h"

static bool shown;
static void (*listen_to)(struct bytes line);

void fake_log_to_stderr(bool wanted)
{
    shown = wanted;
}

void fake_log_listen(void (*listener)(struct bytes line))
{
    listen_to = listener;
}

ssize_t __wrap_write(int file, const void *octets, size_t n);
ssize_t __real_write(int file, const void *octets, size_t n);

ssize_t __wrap_write(int file, const void *octets, size_t n)
{
    if (file == STDERR_FILENO && listen_to != NULL)
        listen_to(bytes_of(octets, n));
    return file == STDERR_FILENO && !shown ? (ssize_t)n : __real_write(file, octets, n);
}
