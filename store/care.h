/* SPDX-License-Identifier: Apache-2.0 */
/* Care for a database that no server has: a back-up takes its place, or it is made smaller. */
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
