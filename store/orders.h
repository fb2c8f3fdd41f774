/* SPDX-License-Identifier: Apache-2.0 */
/* Orders (RFC 8555 §7.1.3). Functions that write are called only inside `apply`. */
#pragma once

#include "acme/objects.h"
#include "store/store.h"

void store_order_ask(struct store_reader *reader, int64_t id); /* store_read_ahead_end */
[[gnu::warn_unused_result]] enum store_result store_order_load(struct store_reader *reader,
                                                               struct arena *arena, int64_t id,
                                                               struct order *out);
/* Inserts an order and sets its id; writes identifiers and authorization_ids. STORE_REFUSED unless a new
 * order may have this status. */
[[gnu::warn_unused_result]] enum store_result store_order_insert(struct store_writer *writer,
                                                                 struct order *order);
/* Writes status, status_since, csr, processing_since, next_attempt_at, attempt_count, certificate_id and
 * error; STORE_LOST_RACE unless the row is still `was`. STORE_REFUSED when the new status may not follow
 * `was` (order_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_order_update(struct store_writer *writer,
                                                                 const struct order *order,
                                                                 enum order_status was);
/* Returns the next profile behind `after` ("" to begin) with orders in processing. STORE_NOT_FOUND when there
 * is none. */
[[gnu::warn_unused_result]] enum store_result store_order_queue_after(struct store_reader *reader,
                                                                      struct arena *arena, const char *after,
                                                                      const char **profile);
/* Reads ids of a profile's orders that are in processing and due, in the order in which they became due. */
[[gnu::warn_unused_result]] enum store_result store_orders_due(struct store_reader *reader,
                                                               const char *profile, int64_t now, int64_t *ids,
                                                               size_t max, size_t *count);
/* Reads ids of orders that have been in processing since `since` or longer, the longest first. */
[[gnu::warn_unused_result]] enum store_result store_orders_processing_since(struct store_reader *reader,
                                                                            int64_t since, int64_t *ids,
                                                                            size_t max, size_t *count);
/* Reads ids of an account's orders, newest first, below `before` (0: from the newest). */
[[gnu::warn_unused_result]] enum store_result store_orders_of_account(struct store_reader *reader,
                                                                      int64_t account_id, int64_t before,
                                                                      int64_t *ids, size_t max,
                                                                      size_t *count);

/* Finds the valid order that replaced the certificate of this identifier (RFC 9773): one of this account, or
 * of any account that proved all of its names. */
[[gnu::warn_unused_result]] enum store_result store_order_that_replaced(struct store_reader *reader,
                                                                        const char *replaces,
                                                                        int64_t account_id, int64_t *id);
