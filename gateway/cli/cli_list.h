/* SPDX-License-Identifier: Apache-2.0 */
/* `list` and `show` of the commands for accounts, external account keys, orders and certificates: the views
 * of docs/sql.md, as a table for people or as JSON for programs. */
#pragma once

#include "gateway/cli/cli_json.h"
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

/* The filters of every list, and --json. */
extern const struct cli_option cli_list_options[];
/* The same with --name and --account: for orders and certificates. */
extern const struct cli_option cli_list_of_names_options[];

/* Prints rows, the newest first. Returns the exit status. */
int cli_list(const struct cli_listing *listing, const struct cli_arguments *arguments);

/* Prints all columns of the rows that the filter finds, one or a few. CLI_FAILED, with a message, when there
 * is none. */
int cli_show(const struct cli_listing *listing, const struct cli_arguments *arguments,
             const struct listing_filter *filter);

/* Reads an id as tables and URLs show it; 0 with a message for anything else. */
int64_t cli_read_id(const struct cli_arguments *arguments, const char *text);
