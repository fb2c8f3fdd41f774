/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/local/revoked_register.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/base/file.h"

enum {
    REGISTER_MAX_BYTES = 256 * 1024 * 1024, /* about four million revocations */
    LINE_MAX_BYTES = 128,
};
#define BLANKS " \t\r"

struct revoked_register {
    int file;
    off_t length;
    struct revoked_serial *serials; /* sorted */
    size_t count;
    size_t capacity;
};

static int compare_serials(const void *a, const void *b)
{
    return strcmp(((const struct revoked_serial *)a)->serial, ((const struct revoked_serial *)b)->serial);
}

static int compare_entries(const void *a, const void *b)
{
    const struct revoked_serial *one = a, *other = b;
    int order = compare_serials(a, b);
    return order != 0 ? order : (one->line > other->line) - (one->line < other->line);
}

/* The last line of each serial number counts. */
static void sort_entries(struct revoked_register *revoked)
{
    size_t kept = 0;
    if (revoked->count == 0) {
        return;
    }
    qsort(revoked->serials, revoked->count, sizeof *revoked->serials, compare_entries);
    for (size_t i = 1; i < revoked->count; i++) {
        kept += compare_serials(&revoked->serials[kept], &revoked->serials[i]) != 0;
        revoked->serials[kept] = revoked->serials[i];
    }
    revoked->count = kept + 1;
}

static bool reserve(struct revoked_register *revoked, size_t count)
{
    if (count <= revoked->capacity) {
        return true;
    }
    size_t capacity = revoked->capacity < 64 ? 64 : 2 * revoked->capacity;
    struct revoked_serial *serials = reallocarray(revoked->serials, capacity, sizeof *serials);
    if (serials == NULL) {
        return false;
    }
    revoked->serials = serials;
    revoked->capacity = capacity;
    return true;
}

/* ---- reading ---- */

static bool serial_is_canonical(struct bytes serial)
{
    if (serial.n == 0 || serial.n >= SERIAL_HEX_BYTES || (serial.n > 1 && serial.p[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < serial.n; i++) {
        if (memchr("0123456789abcdef", serial.p[i], 16) == NULL) {
            return false;
        }
    }
    return true;
}

/* A whole number with blanks before it, at `*at`, which moves behind it. */
static bool take_number(const char **at, int64_t least, int64_t most, int64_t *out)
{
    const char *begin = *at + strspn(*at, BLANKS);
    char *end = NULL;
    errno = 0;
    long long number = strtoll(begin, &end, 10);
    bool good = begin != *at && end != begin && errno == 0 && number >= least && number <= most;
    *at = end;
    *out = number;
    return good;
}

static bool at_end(const char *at)
{
    return at[strspn(at, BLANKS)] == '\0';
}

static bool read_entry(const char *text, struct revoked_serial *entry)
{
    size_t n = strcspn(text, BLANKS);
    const char *at = text + n;
    int64_t reason;
    if (!serial_is_canonical(bytes_of(text, n)))
        return false;
    memcpy(entry->serial, text, n);
    if (!take_number(&at, INT64_MIN, INT64_MAX, &entry->revoked_at) ||
        !take_number(&at, INT_MIN, INT_MAX, &reason))
        return false;
    entry->reason = (int)reason;
    return at_end(at) || (take_number(&at, INT64_MIN, INT64_MAX, &entry->not_after) && at_end(at));
}

static bool read_line(struct revoked_register *revoked, struct bytes line)
{
    char text[LINE_MAX_BYTES];
    struct revoked_serial entry = {.line = revoked->count};
    if (line.n >= sizeof text || !bytes_is_text(line)) {
        return false;
    }
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    if (!read_entry(text, &entry) || !reserve(revoked, revoked->count + 1)) {
        return false;
    }
    revoked->serials[revoked->count++] = entry;
    return true;
}

static bool read_lines(struct revoked_register *revoked, const char *path, struct bytes text,
                       struct fault *fault)
{
    size_t line_number = 0;
    size_t at = 0;
    while (at < text.n) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        if (end == NULL) {
            break;
        }
        line_number++;
        if (!read_line(revoked, bytes_of(text.p + at, (size_t)(end - text.p) - at)))
            return fault_set(fault, "%s, line %zu: not \"serial revoked-at reason not-after\"", path,
                             line_number);
        at = (size_t)(end - text.p) + 1;
    }
    revoked->length = (off_t)at;
    sort_entries(revoked);
    return true;
}

static bool load(struct revoked_register *revoked, const char *path, struct fault *fault)
{
    revoked->file = file_open_own(path, 0);
    struct arena *arena = arena_new();
    struct bytes text;
    bool good = revoked->file >= 0 && file_read(arena, path, REGISTER_MAX_BYTES, &text);
    if (!good) {
        fault_set(fault, "%s: %s", path, strerror(errno));
    }
    good = good && read_lines(revoked, path, text, fault);
    arena_free(arena);
    return good;
}

struct revoked_register *revoked_register_open(const char *path, struct fault *fault)
{
    struct revoked_register *revoked = calloc(1, sizeof *revoked);
    if (revoked == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    revoked->file = -1;
    if (!load(revoked, path, fault)) {
        revoked_register_close(revoked);
        return NULL;
    }
    return revoked;
}

void revoked_register_close(struct revoked_register *revoked)
{
    if (revoked == NULL) {
        return;
    }
    if (revoked->file >= 0) {
        close(revoked->file);
    }
    free(revoked->serials);
    free(revoked);
}

/* ---- look-ups and additions ---- */

const struct revoked_serial *revoked_register_all(const struct revoked_register *revoked, size_t *count)
{
    *count = revoked->count;
    return revoked->serials;
}

static struct revoked_serial *find(const struct revoked_register *revoked, const char *serial_hex)
{
    struct revoked_serial key;
    if (revoked->count == 0 || strlen(serial_hex) >= sizeof key.serial) {
        return NULL;
    }
    snprintf(key.serial, sizeof key.serial, "%s", serial_hex);
    return bsearch(&key, revoked->serials, revoked->count, sizeof key, compare_serials);
}

const struct revoked_serial *revoked_register_find(const struct revoked_register *revoked,
                                                   const char *serial_hex)
{
    return find(revoked, serial_hex);
}

static void insert(struct revoked_register *revoked, const struct revoked_serial *entry)
{
    size_t at = revoked->count;
    while (at > 0 && compare_serials(&revoked->serials[at - 1], entry) > 0) {
        at--;
    }
    memmove(&revoked->serials[at + 1], &revoked->serials[at],
            (revoked->count - at) * sizeof *revoked->serials);
    revoked->serials[at] = *entry;
    revoked->count++;
}

static bool append(struct revoked_register *revoked, const char *line, size_t n)
{
    if (ftruncate(revoked->file, revoked->length) != 0) {
        return false;
    }
    ssize_t written = pwrite(revoked->file, line, n, revoked->length);
    if (written == (ssize_t)n && fdatasync(revoked->file) == 0) {
        revoked->length += (off_t)n;
        return true;
    }
    int error = written >= 0 && written < (ssize_t)n ? ENOSPC : errno;
    /* The next addition overwrites the same place. This only keeps a torn line out of the file until then. */
    if (ftruncate(revoked->file, revoked->length) != 0) {
        error = errno;
    }
    errno = error;
    return false;
}

bool revoked_register_add(struct revoked_register *revoked, const struct revoked_serial *entry)
{
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%s %lld %d %lld\n", entry->serial, (long long)entry->revoked_at,
                     entry->reason, (long long)entry->not_after);
    if (!serial_is_canonical(bytes_from_string(entry->serial)) || n <= 0 || (size_t)n >= sizeof line) {
        errno = EINVAL;
        return false;
    }
    if (!reserve(revoked, revoked->count + 1)) {
        errno = ENOMEM;
        return false;
    }
    if (!append(revoked, line, (size_t)n)) {
        return false;
    }
    struct revoked_serial *present = find(revoked, entry->serial);
    if (present != NULL) {
        *present = *entry;
    } else {
        insert(revoked, entry);
    }
    return true;
}
