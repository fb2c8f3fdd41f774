/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "acme/base/nearest_word.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_help.h"

const struct cli_command *const cli_commands[] = {
    &cli_init,      &cli_serve,  &cli_reload,  &cli_dev, &cli_check,   &cli_config_command, &cli_account,
    &cli_order,     &cli_eab,    &cli_explain, &cli_try, &cli_cert,    &cli_sign,           &cli_import,
    &cli_migration, &cli_issuer, &cli_gateway, &cli_db,  &cli_version,
};
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;

/* NULL, with a message, for a word that names no command. */
static const struct cli_command *find_command(const char *name)
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

static bool is_any_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* `help`, or `help COMMAND`. */
static int help(int argc, char **argv)
{
    if (argc < 3) {
        cli_overview(stdout, cli_commands, cli_command_count);
        return CLI_OK;
    }
    const struct cli_command *command = find_command(argv[2]);
    if (command == NULL)
        return CLI_USAGE;
    cli_help(stdout, command, NULL);
    return CLI_OK;
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        cli_overview(stderr, cli_commands, cli_command_count);
        return CLI_USAGE;
    }
    if (is_any_of(argv[1], "help", "--help", "-h"))
        return help(argc, argv);
    bool asks_version = is_any_of(argv[1], "version", "--version", "-V");
    const struct cli_command *command = asks_version ? &cli_version : find_command(argv[1]);
    return command == NULL ? CLI_USAGE : cli_run(command, argc - 1, argv + 1);
}
