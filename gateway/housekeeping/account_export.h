/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts of a database as a file, and back (acme/account_export.h, docs/recovery.md). In pages: memory
 * does not grow with the number of accounts. Slow; not for a loop thread. */
#pragma once

#include <stdio.h>

#include "acme/base/fault.h"
#include "store/objects.h"

/* What went into a file. */
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
 * Replaces the file at `path` (mode 0600). A file that has what the database lacks (an account, a key, the
 * end of one) is left alone: it is what a lost database comes back from. So is one whose content would be
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
 * Takes what the stream holds into the database, some at a time; `refuse` is told of each line that is not
 * taken and why. False with `fault` when the rest could not be read or written, or the stream is no whole
 * export; what was taken until then stays.
 */
[[gnu::warn_unused_result]] bool account_import_from_stream(struct store_command *command, FILE *stream,
                                                            int64_t now,
                                                            void (*refuse)(int64_t line, const char *what),
                                                            struct account_import_summary *out,
                                                            struct fault *fault);
