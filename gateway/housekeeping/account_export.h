/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts of a database as a file, and back (acme/account_export.h, docs/recovery.md). In pages: memory
 * does not grow with the number of accounts. Slow; not for a loop thread. */
#pragma once

#include <stdio.h>

#include "acme/base/fault.h"
#include "store/store.h"

/* The content of a file. */
struct account_export_summary {
    int64_t accounts;
    int64_t eab_keys;
    uint8_t digest[32]; /* SHA-256 of keys and accounts: equal when nothing of them has changed */
};

/* The accounts as of one moment, to an open stream. False with `fault`. */
[[gnu::warn_unused_result]] bool account_export_to_stream(struct store_reader *reader, FILE *stream,
                                                          int64_t now, struct account_export_summary *out,
                                                          struct fault *fault);

/*
 * Replaces the file at `path` (mode 0600). It keeps a file that has something the database lacks (an account,
 * a key, the end of one): a lost database is restored from it. It also keeps a file whose content would equal
 * that of `last` (NULL: none). False with `fault`.
 */
[[gnu::warn_unused_result]] bool account_export_to_file(struct store_reader *reader, const char *path,
                                                        int64_t now,
                                                        const struct account_export_summary *last,
                                                        struct account_export_summary *out,
                                                        struct fault *fault);

struct account_import_summary {
    int64_t added, ended, changed, present, refused; /* accounts and external account keys */
};

/*
 * Imports the stream into the database, in several transactions. `refuse` is called with each line that is
 * refused and the reason. False with `fault` when the rest cannot be read or written, or the stream is not a
 * complete export. Lines imported until then stay.
 */
[[gnu::warn_unused_result]] bool account_import_from_stream(struct store_command *command, FILE *stream,
                                                            int64_t now,
                                                            void (*refuse)(int64_t line, const char *what),
                                                            struct account_import_summary *out,
                                                            struct fault *fault);
