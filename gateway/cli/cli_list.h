/* `list` and `show` of the commands for accounts, external account keys, orders and certificates: the views
 * of docs/sql.md, as a table for people or as JSON for programs. */
#pragma once

#include "gateway/cli/cli_database.h"
#include "store/objects.h"

struct cli_column {
    const char *name; /* the view's */
    int width;        /* at least */
};

/* How a listing is shown as a table. */
struct cli_listing {
    const char *command;
    enum listing listing;
    const struct cli_column *columns;
    size_t column_count;
};

/* As they are given. */
struct cli_list_options {
    const char *name, *account, *endpoint, *state, *before, *limit;
};

enum { CLI_LIST_OPTIONS_OF_ALL = 5, CLI_LIST_OPTION_COUNT = CLI_LIST_OPTIONS_OF_ALL + 2 };

/* The options that every list has, with where they go. */
void cli_list_options_of_all(struct cli_list_options *options,
                             struct cli_option out[static CLI_LIST_OPTIONS_OF_ALL]);
/* Those, --name and --account: for orders and certificates. */
void cli_list_options(struct cli_list_options *options, struct cli_option out[static CLI_LIST_OPTION_COUNT]);

/* Rows, newest first. What to exit with. */
int cli_list(const struct cli_listing *listing, const struct cli_database_arguments *arguments,
             const struct cli_list_options *options);

/* All columns of what the filter finds, a row or a few. CLI_FAILED, with a message, when there is none. */
int cli_show(const struct cli_listing *listing, const struct cli_database_arguments *arguments,
             const struct listing_filter *filter);

/* An id as it stands in tables and URLs; 0 with a message for anything else. */
int64_t cli_read_id(const char *command, const char *text);
