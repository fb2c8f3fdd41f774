/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the database as files, private to store/: back-ups, and the copies that a migration keeps. */
#pragma once

#include "acme/base/fault.h"
#include "store/sqlite/session.h"

/* Makes the file, or opens it with `flags` of open(2), readable by its owner only. SQLite would use the
 * umask. */
[[gnu::warn_unused_result]] bool backup_create_private(const char *path, int flags, struct fault *fault);

/* Makes a new file: an existing one, or a link, is removed first. */
[[gnu::warn_unused_result]] bool backup_begin(const char *path, struct fault *fault);

/* Copies the state of the database at one moment into an existing file; writers continue meanwhile. It is on
 * the disk when this returns. */
[[gnu::warn_unused_result]] bool backup_copy(sqlite3 *from, const char *path, struct fault *fault);
