/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, for configuration, keys and roots. */
#pragma once

#include <stdio.h>

#include "acme/base/arena.h"

/* False with errno set: EFBIG when longer than `max_bytes`, EMEDIUMTYPE for a pipe, device or socket. Never
 * waits. The bytes belong to the arena, NUL after them.
 */
[[gnu::warn_unused_result]] bool file_read(struct arena *arena, const char *path, size_t max_bytes,
                                           struct bytes *out);

/* As file_read, and the bytes are cleansed when the arena goes. */
[[gnu::warn_unused_result]] bool file_read_secret(struct arena *arena, const char *path, size_t max_bytes,
                                                  struct bytes *out);

/* Writes beside the file, syncs and renames over it: readers see the old text or the new one. False with
 * errno. */
[[gnu::warn_unused_result]] bool file_replace(const char *path, struct bytes text, unsigned mode);

/*
 * A file that root has just made goes to the owner and group of its folder, or of the file that it is to
 * replace: a command that root runs must not leave a service without its own files. Nothing for other users.
 * False with errno.
 */
[[gnu::warn_unused_result]] bool file_adopt_owner(int fd, const char *path);

/* A rename is only safe on disk once its directory is. False with errno. */
[[gnu::warn_unused_result]] bool file_sync_directory_of(const char *path);

/* A file that is replaced by what is written to `stream`, however long. */
struct file_replacement {
    FILE *stream;
    const char *path;
    char *temporary;
};

/* False with errno. The replacement lives in the arena, and its file until it is finished or abandoned. */
[[gnu::warn_unused_result]] bool file_replacement_begin(struct arena *arena, const char *path, unsigned mode,
                                                        struct file_replacement *out);

/* As file_replace. False with errno, and the old file stays; it is over either way. */
[[gnu::warn_unused_result]] bool file_replacement_finish(struct file_replacement *replacement);

void file_replacement_abandon(struct file_replacement *replacement);
