/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "store/listing.h"

static const struct cli_column columns[] = {{"id", 16},       {"state", 10},   {"created", 20},
                                            {"names", 32},    {"account", 16}, {"endpoint", 12},
                                            {"blocked_on", 0}};
static const char *const states[] = {"pending", "ready", "processing", "valid", "invalid", "expired", NULL};
static const struct cli_listing orders = {LISTING_ORDERS, states, columns, sizeof columns / sizeof *columns};

static int list(const struct cli_arguments *arguments)
{
    struct listing_filter filter = {.failed = cli_value(arguments, "failed") != NULL};
    return cli_list(&orders, arguments, &filter);
}

static int show(const struct cli_arguments *arguments)
{
    const struct listing_filter filter = {.id = cli_read_id(arguments, arguments->words[0])};
    return filter.id == 0 ? CLI_USAGE : cli_show(&orders, arguments, &filter);
}

static const struct cli_option list_options[] = {
    {"failed", NULL, "lists only orders that ended without a certificate: invalid or expired", NULL, 0},
    CLI_LIST_OF_NAMES_OPTIONS,
    {0}};

static const char *const list_examples[] = {"acmegate order list --failed",
                                            "acmegate order list --name host.internal --json", NULL};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = list_options,
     .help = "Lists orders, the newest first.",
     .examples = list_examples,
     .run = list},
    {.name = "show",
     .words = "ID",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Shows one order. 'acmegate explain ID' shows its whole history.",
     .run = show},
};

const struct cli_command cli_order = {"order", "show orders", actions, sizeof actions / sizeof *actions};
