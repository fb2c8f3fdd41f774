/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, for configuration, keys and roots. */
#pragma once

#include <stdio.h>

#include "acme/base/arena.h"

/* Reads a whole file and never waits. The bytes belong to the arena; a NUL follows them. False with errno:
 * EFBIG when the file is longer than `max_bytes`, EMEDIUMTYPE for a pipe, a device or a socket. */
[[gnu::warn_unused_result]] bool file_read(struct arena *arena, const char *path, size_t max_bytes,
                                           struct bytes *out);

/* Reads as file_read does. The bytes are cleansed when the arena is freed. */
[[gnu::warn_unused_result]] bool file_read_secret(struct arena *arena, const char *path, size_t max_bytes,
                                                  struct bytes *out);

/* Writes a new file beside the old one, syncs it and renames it over the old one. Readers see the old text or
 * the new one. False with errno. */
[[gnu::warn_unused_result]] bool file_replace(const char *path, struct bytes text, unsigned mode);

/*
 * Gives a file that root has just made to the owner and group of its folder, or of the file that it replaces.
 * A command that root runs must not take a service's own files away from it. Other users get no access. Only
 * for a file that this process has made itself (O_EXCL, mkstemp(3)): whoever owns the folder could otherwise
 * have root give any file away. False with errno.
 */
[[gnu::warn_unused_result]] bool file_adopt_owner(int fd, const char *path);

/*
 * Opens a file that the service keeps beside its own, for reading and writing. A missing one is made: mode
 * 0600, with the owner of its folder (file_adopt_owner). Root may open it in the folder of another user, so
 * no symbolic link is followed, and only a regular file is taken. `flags` of open(2) may be added. -1 with
 * errno: ELOOP for a link, EMEDIUMTYPE for another kind of file.
 */
[[gnu::warn_unused_result]] int file_open_own(const char *path, int flags);

/* Syncs the directory of `path`: a rename is durable only once its directory is. False with errno. */
[[gnu::warn_unused_result]] bool file_sync_directory_of(const char *path);

/* A file that is replaced by the text written to `stream`, whatever its length. */
struct file_replacement {
    FILE *stream;
    const char *path;
    char *temporary;
};

/* Begins a replacement. It lives in the arena; its file lives until it is finished or abandoned. False with
 * errno. */
[[gnu::warn_unused_result]] bool file_replacement_begin(struct arena *arena, const char *path, unsigned mode,
                                                        struct file_replacement *out);

/* Finishes as file_replace does. False with errno; the old file then stays. The replacement has ended in both
 * cases. */
[[gnu::warn_unused_result]] bool file_replacement_finish(struct file_replacement *replacement);

void file_replacement_abandon(struct file_replacement *replacement);
