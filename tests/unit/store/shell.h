/* SPDX-License-Identifier: Apache-2.0 */
/* How the tests reach a database behind the store's back. */
#pragma once

#include "database.h"

struct shell {
    /* A place of its own. The text is for store_location_new, in the database's arena. */
    const char *(*begin)(struct database *database);
    void (*end)(struct database *database);
    void (*run)(const struct database *database, const char *sql);
    /* The first column of the first row, in the arena; "" for NULL. */
    const char *(*text)(const struct database *database, const char *sql);
};

extern const struct shell sqlite_shell, postgresql_shell;
