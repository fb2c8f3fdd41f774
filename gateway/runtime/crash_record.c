/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/crash_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/base/arena.h"
#include "acme/base/file.h"

/* A line is "crashed ID\n". Only the newest few hundred are of use. */
enum { RECORDS_MAX = 256, LINE_BYTES = 32, FILE_READ_BYTES = RECORDS_MAX * LINE_BYTES };
#define LINE_HEAD "crashed "

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { FAULTS = sizeof faults / sizeof faults[0] };

static _Thread_local int64_t owner;

static struct {
    int file;
    int64_t id[RECORDS_MAX]; /* one entry a fault */
    size_t count;
    struct sigaction before[FAULTS];
} record = {.file = -1};

int64_t crash_record_owner(void)
{
    return owner;
}

int64_t crash_record_set_owner(int64_t id)
{
    int64_t before = owner;
    owner = id;
    return before;
}

/* ---- the handler: it must not wait, allocate or lock ---- */

static size_t format_line(char out[static LINE_BYTES], int64_t id)
{
    char digits[LINE_BYTES];
    size_t n = sizeof(LINE_HEAD) - 1, count = 0;
    memcpy(out, LINE_HEAD, n);
    for (; id > 0; id /= 10)
        digits[count++] = (char)('0' + id % 10);
    while (count > 0)
        out[n++] = digits[--count];
    out[n++] = '\n';
    return n;
}

static const struct sigaction *action_before(int number)
{
    size_t i = 0;
    while (i < FAULTS - 1 && faults[i] != number)
        i++;
    return &record.before[i];
}

/* True for a fault of the thread itself: one raised by the kernel, or an abort. A signal that somebody sent
 * (kill, a watchdog) and an end for want of memory say nothing about the work in progress. */
static bool is_of_the_work(const siginfo_t *info)
{
    if (info->si_code > 0)
        return true;
    return info->si_code == SI_TKILL && info->si_pid == getpid() && !ends_without_resource();
}

/* Restores the default action. A fault then occurs again by itself; a signal that was sent is sent again. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    char line[LINE_BYTES];
    int error = errno;
    (void)context;
    if (owner > 0 && is_of_the_work(info)) {
        ssize_t written = write(record.file, line, format_line(line, owner));
        (void)written;
    }
    sigaction(number, action_before(number), NULL);
    if (info->si_code <= 0)
        raise(number);
    errno = error;
}

static void watch(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &action, &record.before[i]);
}

/* ---- the file ---- */

static void add_record(int64_t id)
{
    if (record.count == RECORDS_MAX)
        memmove(record.id, record.id + 1, --record.count * sizeof record.id[0]);
    record.id[record.count++] = id;
}

/* False for a line that on_fault did not write. */
static bool read_line(const char *line, int64_t *id)
{
    char *end;
    const char *digits = line + sizeof LINE_HEAD - 1;
    if (strncmp(line, LINE_HEAD, sizeof LINE_HEAD - 1) != 0 || *digits < '1' || *digits > '9')
        return false;
    errno = 0;
    *id = strtoll(digits, &end, 10);
    return errno == 0 && (*end == '\n' || *end == '\0');
}

static void read_records(const char *text)
{
    for (const char *line = text; line != NULL;) {
        int64_t id;
        if (read_line(line, &id))
            add_record(id);
        const char *end = strchr(line, '\n');
        line = end == NULL ? NULL : end + 1;
    }
}

static void write_records(void)
{
    bool good = ftruncate(record.file, 0) == 0;
    for (size_t i = 0; good && i < record.count; i++) {
        char line[LINE_BYTES];
        size_t n = format_line(line, record.id[i]);
        good = write(record.file, line, n) == (ssize_t)n;
    }
}

/* Reads the newest records when the file is longer than any useful one. */
static bool read_file(void)
{
    char text[FILE_READ_BYTES + 1];
    off_t size = lseek(record.file, 0, SEEK_END);
    off_t from = size > FILE_READ_BYTES ? size - FILE_READ_BYTES : 0;
    ssize_t n = pread(record.file, text, FILE_READ_BYTES, from);
    if (size < 0 || n < 0)
        return false;
    text[n] = '\0';
    read_records(text);
    if (from != 0)
        write_records();
    return true;
}

bool crash_record_open(const char *database, struct fault *fault)
{
    char name[PATH_MAX];
    record.count = 0;
    if (snprintf(name, sizeof name, "%s.crashes", database) >= PATH_MAX)
        return fault_set(fault, "the path is too long: %s", database);
    record.file = file_open_own(name, O_APPEND);
    if (record.file < 0 || !read_file()) {
        fault_set(fault, "%s: cannot be opened: %s", name, strerror(errno));
        if (record.file >= 0)
            close(record.file);
        record.file = -1;
        return false;
    }
    watch();
    return true;
}

void crash_record_close(void)
{
    if (record.file < 0)
        return;
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &record.before[i], NULL);
    close(record.file);
    record.file = -1;
}

size_t crash_record_count(int64_t id)
{
    size_t count = 0;
    for (size_t i = 0; i < record.count; i++)
        count += record.id[i] == id;
    return count;
}

void crash_record_forget(int64_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < record.count; i++)
        if (record.id[i] != id)
            record.id[kept++] = record.id[i];
    if (kept == record.count)
        return;
    record.count = kept;
    write_records();
}
