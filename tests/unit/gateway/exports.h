/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of accounts and external account keys, written and read back. */
#pragma once

#include "gateway/housekeeping/account_export.h"
#include "store/database.h"

/* Why the last export or import failed; "" before. */
extern struct fault exports_fault;
/* The last refusal of the last import: its line, and its name with the reason. 0 and "": none. */
extern int64_t exports_refused_line;
extern char exports_refused_what[512];

enum { LATER = 1000 };

/* An empty database with a writer. */
void exports_begin(struct database *database);

struct eab_key exports_make_key(struct database *database, const char *kid);
/* With a real key, for an import checks it. `eab_key_id` 0: none. */
struct account exports_make_account(struct database *database, int64_t eab_key_id);

/* Both of a stream that begins at its first octet; the caller closes it. */
FILE *exports_write(struct database *database, int64_t now, struct account_export_summary *summary);
int64_t exports_count_lines(FILE *file);

/* Imports it at NOW + LATER. */
bool exports_read_back(struct database *database, FILE *file, struct account_import_summary *summary);

#define EXPECT_SUMMARY(got, ...) \
    do { \
        const struct account_import_summary expected_ = {__VA_ARGS__}; \
        cr_expect_eq((got).added, expected_.added); \
        cr_expect_eq((got).ended, expected_.ended); \
        cr_expect_eq((got).changed, expected_.changed); \
        cr_expect_eq((got).present, expected_.present); \
        cr_expect_eq((got).refused, expected_.refused); \
    } while (0)
