/* Whole files, for configuration, keys and roots. */
#pragma once

#include "acme/base/arena.h"

/* False with errno set (EFBIG when longer than `max_bytes`). The bytes belong to the arena, NUL after them.
 */
[[gnu::warn_unused_result]] bool file_read(struct arena *arena, const char *path, size_t max_bytes,
                                           struct bytes *out);

/* As file_read, and the bytes are cleansed when the arena goes. */
[[gnu::warn_unused_result]] bool file_read_secret(struct arena *arena, const char *path, size_t max_bytes,
                                                  struct bytes *out);

/* Writes beside the file, syncs and renames over it: readers see the old text or the new one. False with
 * errno. */
[[gnu::warn_unused_result]] bool file_replace(const char *path, struct bytes text, unsigned mode);
