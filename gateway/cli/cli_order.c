#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"

static const struct cli_column columns[] = {{"id", 16},       {"state", 10},   {"created", 20},
                                            {"names", 32},    {"account", 16}, {"endpoint", 12},
                                            {"blocked_on", 0}};
static const struct cli_listing orders = {"order", LISTING_ORDERS, columns, sizeof columns / sizeof *columns};

static int run(const struct cli_database_arguments *arguments, const struct cli_list_options *options)
{
    const char *word = arguments->word_count == 0 ? "" : arguments->words[0];
    if (strcmp(word, "list") == 0 && arguments->word_count == 1)
        return cli_list(&orders, arguments, options);
    if (strcmp(word, "show") == 0 && arguments->word_count == 2) {
        const struct listing_filter filter = {.id = cli_read_id("order", arguments->words[1])};
        return filter.id == 0 ? CLI_USAGE : cli_show(&orders, arguments, &filter);
    }
    fprintf(stderr, "usage: acmegate order list [--name NAME] [--account ID] [--endpoint NAME] [--state "
                    "STATE] [--before ID]\n"
                    "                           [--limit N] [--json] --config FILE\n"
                    "       acmegate order show ID [--json] --config FILE\n"
                    "'acmegate explain ID' tells the whole story of an order.\n");
    return CLI_USAGE;
}

int cli_order(int argc, char **argv)
{
    struct cli_list_options given;
    struct cli_option options[CLI_LIST_OPTION_COUNT];
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    cli_list_options(&given, options);
    int status = cli_database_arguments(arena, argc, argv, options, CLI_LIST_OPTION_COUNT, &arguments);
    if (status == CLI_OK)
        status = run(&arguments, &given);
    arena_free(arena);
    return status;
}
