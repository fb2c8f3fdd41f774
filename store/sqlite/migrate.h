/* SPDX-License-Identifier: Apache-2.0 */
/* The schema's versions, private to store/. PRAGMA user_version has the version of a file. */
#pragma once

#include "acme/base/fault.h"
#include "store/sql/migration.h"
#include "store/sqlite/session.h"

/* The first one begins with an empty file. */
struct migrations {
    const struct migration *list;
    size_t count; /* the version that this program works with */
};

/* Those of migrations/, embedded at build time. */
extern const struct migrations store_migrations;

/* Reads the version of the database at `path`. False for a file that is not acmegate's, or that a newer
 * version has written. */
[[gnu::warn_unused_result]] bool migrate_read_version(sqlite3 *db, const char *path,
                                                      const struct migrations *migrations, size_t *version,
                                                      struct fault *fault);

/* True when the database is at the program's version; else false with what to do. */
[[gnu::warn_unused_result]] bool migrate_expect_current(sqlite3 *db, const char *path,
                                                        const struct migrations *migrations,
                                                        struct fault *fault);

/*
 * Makes the file if there is none, and brings it to the program's version in one transaction. It keeps a copy
 * of an older schema beside it, PATH.schema-N.backup. The caller holds the serving lock. `report` may be
 * NULL.
 */
[[gnu::warn_unused_result]] bool migrate_file(const char *path, const struct migrations *migrations,
                                              void (*report)(const char *line), struct fault *fault);
