/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the database as files, private to store/: back-ups, and the copies that a migration keeps. */
#pragma once

#include "acme/base/fault.h"
#include "store/sqlite/session.h"

/* Makes a new file, readable by its owner only. SQLite would use the umask. It is still the caller's own,
 * also when root makes it (file_adopt_owner). Nothing is overwritten, and no link is followed. Returns its
 * descriptor, or -1 with `fault` and errno. */
[[gnu::warn_unused_result]] int backup_make(const char *path, struct fault *fault);

/* Makes a new file for backup_copy: an existing one, or a link, is removed first. */
[[gnu::warn_unused_result]] bool backup_begin(const char *path, struct fault *fault);

/* Copies the state of the database at one moment into an existing file; writers continue meanwhile. It is on
 * the disk when this returns. */
[[gnu::warn_unused_result]] bool backup_copy(sqlite3 *from, const char *path, struct fault *fault);
