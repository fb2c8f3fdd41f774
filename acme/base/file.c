/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNTOLD_BYTES = 4096 };

/* Until the buffer is full or the file ends. */
static bool read_on(int fd, uint8_t *p, size_t size, size_t *length)
{
    while (*length < size) {
        ssize_t got = read(fd, p + *length, size - *length);
        if (got == -1 && errno == EINTR)
            continue;
        if (got == -1)
            return false;
        if (got == 0)
            return true;
        *length += (size_t)got;
    }
    return true;
}

/* A secret may be in it: nothing stays where it was. */
static bool grow(uint8_t **buffer, size_t length, size_t size)
{
    uint8_t *larger = malloc(size);
    if (larger == NULL)
        return false;
    if (*buffer != NULL) {
        memcpy(larger, *buffer, length);
        explicit_bzero(*buffer, length);
        free(*buffer);
    }
    *buffer = larger;
    return true;
}

/* `most` octets at most, in a buffer that grows from `size` on: a limit is not what a file takes. */
static bool read_growing(int fd, size_t size, size_t most, uint8_t **buffer, size_t *length)
{
    for (;; size = size < most / 2 ? 2 * size : most) {
        if (!grow(buffer, *length, size) || !read_on(fd, *buffer, size, length))
            return false;
        if (*length < size || size == most)
            return true;
    }
}

static bool read_file(const char *path, size_t max_bytes, uint8_t **buffer, size_t *length)
{
    bool good = false;
    *buffer = NULL;
    *length = 0;
    /* A pipe without a writer must not block the caller, and a terminal must not become its own. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1)
        return false;
    struct stat status;
    if (fstat(fd, &status) != 0)
        goto out;
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EMEDIUMTYPE;
        goto out;
    }
    if (status.st_size > 0 && (uintmax_t)status.st_size > max_bytes) {
        errno = EFBIG;
        goto out;
    }
    /* One octet more than allowed detects a file that grew. Files below /proc report no size. */
    size_t first = status.st_size > 0 ? (size_t)status.st_size + 1 : UNTOLD_BYTES;
    if (!read_growing(fd, first < max_bytes + 1 ? first : max_bytes + 1, max_bytes + 1, buffer, length))
        goto out;
    if (*length > max_bytes) {
        errno = EFBIG;
        goto out;
    }
    good = true;
out:;
    int saved = errno;
    close(fd);
    errno = saved;
    return good;
}

static bool read_into_arena(struct arena *arena, const char *path, size_t max_bytes, struct bytes *out,
                            struct bytes (*copy)(struct arena *arena, struct bytes from))
{
    uint8_t *buffer = NULL;
    size_t length = 0;
    bool good = read_file(path, max_bytes, &buffer, &length);
    int saved = errno;
    if (good)
        *out = copy(arena, bytes_of(buffer, length));
    if (buffer != NULL)
        explicit_bzero(buffer, length);
    free(buffer);
    errno = saved;
    return good;
}

bool file_read(struct arena *arena, const char *path, size_t max_bytes, struct bytes *out)
{
    return read_into_arena(arena, path, max_bytes, out, arena_copy);
}

bool file_read_secret(struct arena *arena, const char *path, size_t max_bytes, struct bytes *out)
{
    return read_into_arena(arena, path, max_bytes, out, arena_copy_secret);
}

static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL   ? "."
           : slash == path ? "/"
                           : arena_string(arena, bytes_of(path, (size_t)(slash - path)));
}

bool file_adopt_owner(int fd, const char *path)
{
    if (geteuid() != 0)
        return true;
    struct stat own, other;
    struct arena *arena = arena_new();
    bool good = fstat(fd, &own) == 0;
    bool replaces =
        good && stat(path, &other) == 0 && (own.st_dev != other.st_dev || own.st_ino != other.st_ino);
    good = good && (replaces || stat(directory_of(arena, path), &other) == 0) &&
           fchown(fd, other.st_uid, other.st_gid) == 0;
    int saved = errno;
    arena_free(arena);
    errno = saved;
    return good;
}

static int fail_and_close(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

static int make_own(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    if (fd == -1 || file_adopt_owner(fd, path))
        return fd;
    int error = errno;
    unlink(path);
    return fail_and_close(fd, error);
}

int file_open_own(const char *path, int flags)
{
    struct stat status;
    flags |= O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags);
    if (fd == -1 && errno == ENOENT)
        fd = make_own(path, flags);
    /* Another process has just made it. */
    if (fd == -1 && errno == EEXIST)
        fd = open(path, flags);
    if (fd == -1)
        return -1;
    if (fstat(fd, &status) != 0)
        return fail_and_close(fd, errno);
    return S_ISREG(status.st_mode) ? fd : fail_and_close(fd, EMEDIUMTYPE);
}

bool file_sync_directory_of(const char *path)
{
    struct arena *arena = arena_new();
    const char *directory = directory_of(arena, path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    arena_free(arena);
    if (fd == -1)
        return false;
    bool good = fsync(fd) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return good;
}

bool file_replacement_begin(struct arena *arena, const char *path, unsigned mode,
                            struct file_replacement *out)
{
    *out = (struct file_replacement){.path = path, .temporary = arena_printf(arena, "%s.XXXXXX", path)};
    int fd = mkostemp(out->temporary, O_CLOEXEC);
    if (fd == -1)
        return false;
    if (fchmod(fd, (mode_t)mode) == 0 && file_adopt_owner(fd, path))
        out->stream = fdopen(fd, "w");
    if (out->stream != NULL)
        return true;
    int saved = errno;
    close(fd);
    unlink(out->temporary);
    errno = saved;
    return false;
}

static bool close_written(FILE *stream)
{
    bool good = ferror(stream) == 0 && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
    int saved = errno;
    if (fclose(stream) != 0 && good) {
        good = false;
        saved = errno;
    }
    errno = saved;
    return good;
}

bool file_replacement_finish(struct file_replacement *replacement)
{
    if (close_written(replacement->stream) && rename(replacement->temporary, replacement->path) == 0)
        return file_sync_directory_of(replacement->path);
    int saved = errno;
    unlink(replacement->temporary);
    errno = saved;
    return false;
}

void file_replacement_abandon(struct file_replacement *replacement)
{
    fclose(replacement->stream);
    unlink(replacement->temporary);
}

bool file_replace(const char *path, struct bytes text, unsigned mode)
{
    struct arena *arena = arena_new();
    struct file_replacement replacement;
    bool good = file_replacement_begin(arena, path, mode, &replacement);
    if (good) {
        fwrite(text.p, 1, text.n, replacement.stream);
        good = file_replacement_finish(&replacement);
    }
    int saved = errno;
    arena_free(arena);
    errno = saved;
    return good;
}
