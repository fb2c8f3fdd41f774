/* SPDX-License-Identifier: Apache-2.0 */
/* Cleans up after a copy of the database was restored (store_restored). */
#pragma once

#include "store/store.h"

/*
 * Orders in processing become invalid: their clients have gone on since the copy was made, and the CA may
 * have signed for them. Revocations stay due: to ask again does no harm. Recorded as `database.restored`,
 * with `why`. Inside `apply`; `ended` gets the orders' number.
 */
[[gnu::warn_unused_result]] enum store_result restored_database_settle(struct store_writer *writer,
                                                                       int64_t now, const char *why,
                                                                       int64_t *ended);
