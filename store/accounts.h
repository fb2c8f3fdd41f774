/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts (RFC 8555 §7.1.2): loaded into the caller's arena, saved from the objects of acme/objects.h.
 * Functions that write are called only inside `apply`. */
#pragma once

#include "acme/objects.h"
#include "store/store.h"

[[gnu::warn_unused_result]] enum store_result store_account_load(struct store_reader *reader,
                                                                 struct arena *arena, int64_t id,
                                                                 struct account *out);
[[gnu::warn_unused_result]] enum store_result store_account_by_key(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   const char *thumbprint,
                                                                   struct account *out);
/* Counts the endpoint's valid accounts without an external account key. It reads them all. */
[[gnu::warn_unused_result]] enum store_result store_accounts_without_key(struct store_reader *reader,
                                                                         const char *endpoint,
                                                                         int64_t *count);

/* An address, and the valid accounts that came from it. */
struct account_crowd {
    const char *address;
    int64_t accounts;
};
/* Reads the addresses that at least `least` of the endpoint's valid accounts came from, the largest crowd
 * first, at most `max`. It reads all accounts. */
[[gnu::warn_unused_result]] enum store_result store_account_crowds(struct store_reader *reader,
                                                                   struct arena *arena, const char *endpoint,
                                                                   int64_t least, struct account_crowd *out,
                                                                   size_t max, size_t *count);
/* Inserts an account and sets its id. */
[[gnu::warn_unused_result]] enum store_result store_account_insert(struct store_writer *writer,
                                                                   struct account *account);
/* Inserts an account with its present id. */
[[gnu::warn_unused_result]] enum store_result store_account_insert_as(struct store_writer *writer,
                                                                      const struct account *account);
/* Reads the accounts of all endpoints with ids above `after`, by id. */
[[gnu::warn_unused_result]] enum store_result store_accounts_after(struct store_reader *reader,
                                                                   struct arena *arena, int64_t after,
                                                                   struct account *out, size_t max,
                                                                   size_t *count);
/* Writes contacts, terms and status. STORE_LOST_RACE unless the account is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update(struct store_writer *writer,
                                                                   const struct account *account);

/* Writes key, thumbprint and key_changed_at. STORE_LOST_RACE unless the account is still valid. */
[[gnu::warn_unused_result]] enum store_result store_account_update_key(struct store_writer *writer,
                                                                       const struct account *account);
