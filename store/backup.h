/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the database as files, private to store/: back-ups, and what a migration keeps. */
#pragma once

#include "acme/base/fault.h"
#include "store/session.h"

/* Makes the file, or opens it with `flags` of open(2), readable by its owner alone: SQLite would go by the
 * umask. */
[[gnu::warn_unused_result]] bool backup_create_private(const char *path, int flags, struct fault *fault);

/* Makes a file that nothing else has had: what lies there, a link too, is removed. */
[[gnu::warn_unused_result]] bool backup_begin(const char *path, struct fault *fault);

/* What the database holds as of one moment, into a file that exists; writers go on meanwhile. On the disk
 * when it returns. */
[[gnu::warn_unused_result]] bool backup_copy(sqlite3 *from, const char *path, struct fault *fault);
