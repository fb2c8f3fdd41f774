/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/cli/cli.h"

static int run(const struct cli_arguments *arguments)
{
    (void)arguments;
    printf("acmegate %s\n", ACMEGATE_VERSION);
    return CLI_OK;
}

static const struct cli_action actions[] = {{.help = "Shows the version.", .run = run}};

const struct cli_command cli_version = {"version", "show the version", actions, 1};
