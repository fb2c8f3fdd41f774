/* SPDX-License-Identifier: Apache-2.0 */
/* `list` and `show` of the commands for accounts, external account keys, orders, certificates and gateways:
 * the views of docs/sql.md, as a table for people or as JSON for programs. */
#pragma once

#include "gateway/cli/cli_json.h"
#include "gateway/cli/cli_watch.h"
#include "store/listing.h"

struct cli_column {
    const char *name; /* of the view */
    int width;        /* at least */
};

/* A listing and its table. */
struct cli_listing {
    enum listing listing;
    const char *const *states; /* of the view; ends with NULL */
    const struct cli_column *columns;
    size_t column_count;
};

/* The filters of every list, --json and --watch, for tables of options. */
#define CLI_LIST_OF_ANY_OPTIONS \
    {"state", "STATE", "lists only rows in this state", NULL, 0}, \
        {"before", "ID", "lists only rows older than this one", NULL, 0}, \
        {"limit", "N", "lists at most N rows, up to 1000", "50", 0}, CLI_JSON_OPTION, CLI_WATCH_OPTION
/* The same with --endpoint: for all but gateways. */
#define CLI_LIST_OPTIONS \
    {"endpoint", "NAME", "lists only rows of this endpoint", NULL, 0}, CLI_LIST_OF_ANY_OPTIONS
/* The same with --name and --account: for orders and certificates. */
#define CLI_LIST_OF_NAMES_OPTIONS \
    {"name", "NAME", "lists only rows for this name", NULL, 0}, \
        {"account", "ID", "lists only rows of this account", NULL, 0}, CLI_LIST_OPTIONS
/* CLI_LIST_OPTIONS alone, as a table. */
extern const struct cli_option cli_list_options[];

/* Prints rows, the newest first. `filter` has what only this list knows; the common options are added.
 * Returns the exit status. */
int cli_list(const struct cli_listing *listing, const struct cli_arguments *arguments,
             const struct listing_filter *filter);

/* Prints all columns of the rows that the filter finds, one or a few. CLI_FAILED, with a message, when there
 * is none. */
int cli_show(const struct cli_listing *listing, const struct cli_arguments *arguments,
             const struct listing_filter *filter);

/* Reads an id as tables and URLs show it; 0 with a message for anything else. */
int64_t cli_read_id(const struct cli_arguments *arguments, const char *text);
