/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to have an order's certificate signed. Functions that write are called only inside `apply`. */
#pragma once

#include "acme/objects.h"
#include "store/store.h"

/* Inserts an attempt and sets its id. Its status must be ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_insert(struct store_writer *writer,
                                                                   struct attempt *attempt);
/* Writes status, ended_at, http_status and message. */
[[gnu::warn_unused_result]] enum store_result store_attempt_end(struct store_writer *writer,
                                                                const struct attempt *attempt);
/* Removes an attempt for which no call was made. STORE_LOST_RACE unless it is ATTEMPT_STARTED. */
[[gnu::warn_unused_result]] enum store_result store_attempt_withdraw(struct store_writer *writer, int64_t id);
[[gnu::warn_unused_result]] enum store_result store_attempts_of_order(struct store_reader *reader,
                                                                      struct arena *arena, int64_t order_id,
                                                                      struct attempt **out, size_t *count);
