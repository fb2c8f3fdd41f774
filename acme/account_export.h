/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts, and the external account keys that they are bound to, as lines of JSON that survive the database.
 * The format is version 1, described in docs/recovery.md. A file is a head, the keys, the accounts, and an
 * end with the number of both. The lines that are read come from outside.
 */
#pragma once

#include "acme/base/fault.h"
#include "acme/eab.h"
#include "acme/objects.h"

enum { ACCOUNT_EXPORT_VERSION = 1, ACCOUNT_EXPORT_LINE_BYTES = 256 * 1024 /* the newline included */ };

enum account_export_type { EXPORT_HEAD = 1, EXPORT_EAB_KEY, EXPORT_ACCOUNT, EXPORT_END };

/* One line of the file. */
struct account_export_line {
    enum account_export_type type;
    int64_t exported_at;    /* EXPORT_HEAD */
    struct eab_key eab_key; /* EXPORT_EAB_KEY; the MAC key stays sealed */
    struct account account; /* EXPORT_ACCOUNT; without eab_key_id */
    /* kid of the key that the account is bound to, at the account's endpoint; NULL: none */
    const char *eab_kid;
    int64_t accounts; /* EXPORT_END */
    int64_t eab_keys;
};

/* Writes a line with its newline. p is NULL when it would be longer than a line may be. */
struct bytes account_export_render(struct arena *arena, const struct account_export_line *line);

/* Reads a line, with or without its newline, and checks all of it like a client's request. False with
 * `fault`. */
[[gnu::warn_unused_result]] bool account_export_parse(struct arena *arena, struct bytes text,
                                                      struct account_export_line *out, struct fault *fault);

/* Reads the parts of an account's line that can change (id, status, key_changed_at). It checks nothing else,
 * which takes a hundredth of the work. False for any other line. */
[[gnu::warn_unused_result]] bool account_export_peek(struct arena *arena, struct bytes text,
                                                     struct account *out);
