/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and external account keys that an export brings back (acme/account_export.h). Functions that write
 * are called only inside `apply`. */
#pragma once

#include "acme/eab.h"
#include "acme/objects.h"
#include "store/store.h"

enum import_outcome {
    IMPORT_ADDED = 1,
    IMPORT_ENDED,   /* it is here; the export has its end, which applies now */
    IMPORT_CHANGED, /* it is here; the export has a newer key of the account, or more uses */
    IMPORT_PRESENT, /* nothing to do */
    IMPORT_REFUSED, /* nothing was written */
};
struct import_result {
    enum import_outcome outcome;
    bool lacking;    /* the database lacks the content of the line, even if a conflict prevents the import */
    const char *why; /* of a refusal, in the arena */
};

/* True when the export has a later state of an account that is here as `present`: its end, or a newer key. It
 * reads only their statuses and key_changed_at. */
bool store_account_lags(const struct account *present, const struct account *exported);

/* Returns what store_account_import would do. Reads only. */
[[gnu::warn_unused_result]] enum store_result store_account_import_foresee(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const struct account *account,
                                                                           const char *eab_kid, int64_t now,
                                                                           struct import_result *out);
/*
 * Restores an account under its id, bound to the external account key `eab_kid` (NULL: none), which must be
 * here. Refused: an id that another object has or that is ahead of the clock, and a key that has another
 * account here.
 */
[[gnu::warn_unused_result]] enum store_result store_account_import(struct store_writer *writer,
                                                                   struct arena *arena,
                                                                   const struct account *account,
                                                                   const char *eab_kid, int64_t now,
                                                                   struct import_result *out);
/* The same two for an external account key. A key whose kid belongs to another key here is refused, too. */
[[gnu::warn_unused_result]] enum store_result store_eab_key_import_foresee(struct store_reader *reader,
                                                                           struct arena *arena,
                                                                           const struct eab_key *key,
                                                                           int64_t now,
                                                                           struct import_result *out);
[[gnu::warn_unused_result]] enum store_result store_eab_key_import(struct store_writer *writer,
                                                                   struct arena *arena,
                                                                   const struct eab_key *key, int64_t now,
                                                                   struct import_result *out);
