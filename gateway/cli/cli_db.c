/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "store/store.h"

static void report(const char *line)
{
    printf("%s\n", line);
}

static int migrate(const struct cli_arguments *arguments)
{
    struct fault fault;
    if (!store_migrate(arguments->location, report, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return CLI_OK;
}

static int check(const struct cli_arguments *arguments)
{
    struct fault fault;
    if (!store_check(arguments->location, report, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    printf("%s: the schema is current, the file is whole\n", store_location_text(arguments->location));
    return CLI_OK;
}

static int show_path(const struct cli_arguments *arguments)
{
    printf("%s\n", store_location_text(arguments->location));
    return CLI_OK;
}

static int backup(const struct cli_arguments *arguments)
{
    struct fault fault;
    const char *to = arguments->words[0];
    if (!store_backup(arguments->location, to, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    printf("copied %s to %s. Back up the key that seals its secrets (secret_key_path), too, in another "
           "place\n",
           store_location_text(arguments->location), to);
    return CLI_OK;
}

static const struct cli_action actions[] = {
    {.name = "migrate",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Makes the database, or updates its schema after a backup copy.",
     .run = migrate},
    {.name = "check",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Checks that the schema is current and the file is whole.",
     .run = check},
    {.name = "backup",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Writes a copy to a new file, even while the server runs.",
     .run = backup},
    {.name = "path",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Shows the path of the database.",
     .run = show_path},
};

const struct cli_command cli_db = {"db", "make, check and back up the database", actions,
                                   sizeof actions / sizeof *actions};
