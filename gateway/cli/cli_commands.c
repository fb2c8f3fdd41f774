/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "acme/base/nearest_word.h"
#include "gateway/cli/cli.h"

const struct cli_command *const cli_commands[] = {
    &cli_serve,  &cli_dev,     &cli_check,   &cli_config_command, &cli_account, &cli_order,
    &cli_eab,    &cli_explain, &cli_cert,    &cli_sign,           &cli_import,  &cli_migration,
    &cli_issuer, &cli_db,      &cli_version,
};
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;

const struct cli_command *cli_find_command(const char *name)
{
    const char *names[sizeof cli_commands / sizeof *cli_commands];
    for (size_t i = 0; i < cli_command_count; i++) {
        names[i] = cli_commands[i]->name;
        if (strcmp(names[i], name) == 0)
            return cli_commands[i];
    }
    const char *nearest = nearest_word(name, names, cli_command_count);
    fprintf(stderr, "acmegate: unknown command '%s'%s%s%s\n'acmegate help' lists the commands.\n", name,
            nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
            nearest == NULL ? "" : "?");
    return NULL;
}
