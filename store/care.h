/* SPDX-License-Identifier: Apache-2.0 */
/* Care for a database that no server has: a back-up takes its place, it is made smaller, or it is copied. */
#pragma once

#include <limits.h>

#include "store/store.h"

/*
 * Puts a copy of the file `from` in the database's place. The copy is complete, checked for damage and on the
 * disk before anything is replaced. It may have an older schema, which store_open updates, and a write-ahead
 * log beside it. Refused while a server has the database. The database that was there stays beside it, with
 * its log; its name has the time `now`, and `kept` gets its path ("" when there was none); the mark stays in
 * place. False with `fault` filled: the database is as before.
 */
[[gnu::warn_unused_result]] bool store_restore(const struct store_location *location, const char *from,
                                               int64_t now, char kept[static PATH_MAX], struct fault *fault);

/* Makes all indexes anew, gives unused pages back to the disk, and empties the log. Needs twice the
 * database's size on the disk meanwhile. Refused while a server has the database. False with `fault` filled:
 * the database is as before. */
[[gnu::warn_unused_result]] bool store_vacuum(const struct store_location *location, struct fault *fault);

/*
 * Copies all rows of `from` to `to`, an empty database of the same engine or another one, in one transaction:
 * `to` has all of them at the end, or none. It gets the tables if it has none. Ids stay, so that clients
 * notice nothing. Before the end each row is read again on both sides and compared. Memory does not grow with
 * the number of rows.
 *
 * `report` (may be NULL) gets each table with its number of rows, when they are equal.
 *
 * Refused while a server has one of both, for a schema that is not the program's, and when `to` has rows. A
 * text that PostgreSQL cannot store is refused with its table, key and column. False with `fault` filled:
 * `to` is empty, or as it was before.
 */
[[gnu::warn_unused_result]] bool store_copy(const struct store_location *from,
                                            const struct store_location *to,
                                            void (*report)(void *context, const char *table, int64_t rows),
                                            void *context, struct fault *fault);
