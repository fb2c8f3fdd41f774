/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a connection's database for damage, private to store/. */
#pragma once

#include <sqlite3.h>

#include "acme/base/fault.h"

/* As store_check. `fault` ends with what to do about the worst that was found. */
[[gnu::warn_unused_result]] bool check_database(sqlite3 *db, const char *path,
                                                void (*report)(const char *line), struct fault *fault);
