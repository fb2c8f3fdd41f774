/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "store/listing.h"

enum { RECENT_S = 24 * 3600 };

static const struct cli_column columns[] = {
    {"name", 24}, {"version", 10}, {"state", 7}, {"started", 20}, {"seen", 0}};
static const char *const states[] = {"serving", "stopped", "gone", NULL};
static const struct cli_listing gateways = {LISTING_GATEWAYS, states, columns,
                                            sizeof columns / sizeof *columns};

/* Names of hosts that come and go leave many old rows. */
static int list(const struct cli_arguments *arguments)
{
    bool all = cli_value(arguments, "all") != NULL || cli_value(arguments, "state") != NULL;
    return cli_list(&gateways, arguments, &(struct listing_filter){.seen_within_s = all ? 0 : RECENT_S});
}

static const struct cli_option list_options[] = {
    {"all", NULL, "lists also those that were last seen more than a day ago; --state implies it", NULL, 0},
    CLI_LIST_OF_ANY_OPTIONS,
    {0}};

static const char *const list_examples[] = {"acmegate gateway list --state serving",
                                            "acmegate gateway list --json | jq -r .name", NULL};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = list_options,
     .help = "Lists the gateways that serve the database, and those that it saw within a day.",
     .examples = list_examples,
     .run = list},
};

const struct cli_command cli_gateway = {"gateway", "show who serves the database", actions,
                                        sizeof actions / sizeof *actions};
