/* SPDX-License-Identifier: Apache-2.0 */
/* External account keys (RFC 8555 §7.3.4). Functions that write are called only inside `apply`. */
#pragma once

#include "acme/eab.h"
#include "store/store.h"

[[gnu::warn_unused_result]] enum store_result store_eab_key_load(struct store_reader *reader,
                                                                 struct arena *arena, int64_t id,
                                                                 struct eab_key *out);
[[gnu::warn_unused_result]] enum store_result store_eab_key_by_kid(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   const char *kid, struct eab_key *out);
/* Inserts a key and sets its id. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert(struct store_writer *writer,
                                                                   struct arena *arena, struct eab_key *key);
/* Inserts a key with its present id, uses and end. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_insert_as(struct store_writer *writer,
                                                                      struct arena *arena,
                                                                      const struct eab_key *key);
/* Merges an imported key into the row: the greater number of uses, and an end that only one side has.
 * STORE_LOST_RACE when nothing is new. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_merge(struct store_writer *writer,
                                                                  const struct eab_key *key);
/* Reads the keys of all endpoints with ids above `after`, by id. */
[[gnu::warn_unused_result]] enum store_result store_eab_keys_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct eab_key *out, size_t max,
                                                                   size_t *count);
/* Counts a use; STORE_LOST_RACE when it is used up or revoked. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_use(struct store_writer *writer, int64_t id);
/* Revokes the key. STORE_LOST_RACE when it is revoked already. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_revoke(struct store_writer *writer, int64_t id,
                                                                   int64_t now);
