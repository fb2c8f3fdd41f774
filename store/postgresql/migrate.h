/* SPDX-License-Identifier: Apache-2.0 */
/* The schema's versions, private to store/postgresql/. The table schema_version has the version of a
 * database. */
#pragma once

#include <libpq-fe.h>

#include "store/sql/engine.h"

/* True when the database is at the program's version; else false with what to do. */
[[gnu::warn_unused_result]] bool schema_expect_current(PGconn *connection, const char *name,
                                                       struct fault *fault);

/* Reads the version; 0 for a database without tables. False for one that is not acmegate's, or that a newer
 * version has written. */
[[gnu::warn_unused_result]] bool schema_read_version(PGconn *connection, const char *name, size_t *version,
                                                     struct fault *fault);

/* Brings the schema to the program's version in one transaction, while no other gateway does. */
[[gnu::warn_unused_result]] bool schema_migrate(PGconn *connection, const char *name,
                                                void (*report)(const char *line), struct fault *fault);
