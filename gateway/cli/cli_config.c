/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "gateway/ca/issuer_overrides.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"

static int show(const struct cli_arguments *arguments)
{
    struct arena *arena = arguments->arena;
    const char *path = arguments->config_path;
    struct config_errors errors = {0};
    struct config_override *overrides = NULL;
    size_t count = 0;
    struct fault fault;
    const struct config *config = config_load(arena, path, environ, &errors);
    bool complete = config == NULL || issuer_overrides_read(arena, config, config_location(arena, config),
                                                            &overrides, &count, &fault);
    if (!complete)
        cli_fail(arguments, CLI_FAILED, "changes by the admin API are not shown: %s", fault.message);
    struct bytes text = (cli_wants_json(arguments) ? config_show_json : config_show)(
        arena, path, environ, overrides, complete ? count : 0, &errors);
    cli_print_config_errors(arguments, &errors);
    if (text.n != 0)
        fwrite(text.p, 1, text.n, stdout);
    return errors.count == 0 && complete ? CLI_OK : CLI_FAILED;
}

static int reference(const struct cli_arguments *arguments)
{
    struct bytes text = config_reference(arguments->arena);
    fwrite(text.p, 1, text.n, stdout);
    return CLI_OK;
}

static const char *const show_examples[] = {"acmegate config show --json", NULL};

static const struct cli_action actions[] = {
    {.name = "show",
     .needs = CLI_NEEDS_CONFIG,
     .options = cli_json_option,
     .help = "Shows every key with the value in force and where it came from.",
     .examples = show_examples,
     .run = show},
    {.name = "reference", .help = "Describes every key of the configuration, as a table.", .run = reference},
};

const struct cli_command cli_config_command = {"config",
                                               "show the configuration in force, or describe its keys",
                                               actions, sizeof actions / sizeof *actions};
