/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/cli/config_in_force.h"

const char cli_default_config[] = "/etc/acmegate/acmegate.json";

/* ---- the configuration ---- */

/* The path, and the words for who named it. */
static const char *named_path(const struct cli_arguments *arguments, const char **named_by)
{
    const char *from_option = cli_value(arguments, "config");
    const char *from_environment = getenv(config_path_variable);
    if (from_option != NULL) {
        *named_by = "named by --config";
        return from_option;
    }
    if (from_environment != NULL && *from_environment != '\0') {
        *named_by = "named by the environment's ACMEGATE_CONFIG";
        return from_environment;
    }
    *named_by = "the default; --config FILE or the environment's ACMEGATE_CONFIG names another";
    return cli_default_config;
}

const char *cli_config_path(const struct cli_arguments *arguments)
{
    const char *named_by;
    return named_path(arguments, &named_by);
}

/* Refuses a file that cannot be opened, and says who named it. */
static int find_config(struct cli_arguments *arguments)
{
    const char *named_by;
    arguments->config_path = named_path(arguments, &named_by);
    if (access(arguments->config_path, R_OK) == 0)
        return CLI_OK;
    return cli_fail(arguments, arguments->config_path == cli_default_config ? CLI_USAGE : CLI_FAILED,
                    "%s: cannot be read: %s (%s)", arguments->config_path, strerror(errno), named_by);
}

void cli_print_config_errors(const struct cli_arguments *arguments, const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        cli_fail(arguments, CLI_FAILED, "%s", errors->lines[i]);
}

typedef const struct config *load_config(struct arena *arena, const char *path, char *const *environment,
                                         struct config_errors *errors);

static const struct config *load(const struct cli_arguments *arguments, load_config *from)
{
    struct config_errors errors = {0};
    const struct config *config = from(arguments->arena, arguments->config_path, environ, &errors);
    if (config == NULL)
        cli_print_config_errors(arguments, &errors);
    return config;
}

const struct config *cli_config(const struct cli_arguments *arguments)
{
    return load(arguments, config_load);
}

const struct config *cli_config_in_force(const struct cli_arguments *arguments)
{
    return load(arguments, config_load_in_force);
}

/* ---- the database ---- */

static int find_database(struct cli_arguments *arguments)
{
    const char *named = cli_value(arguments, "database");
    if (named != NULL)
        arguments->location = store_location_new(arguments->arena, named);
    if (named != NULL)
        return CLI_OK;
    int status = find_config(arguments);
    if (status != CLI_OK)
        return status;
    arguments->config = cli_config(arguments);
    if (arguments->config == NULL)
        return CLI_FAILED;
    arguments->location = config_location(arguments->arena, arguments->config);
    return CLI_OK;
}

int cli_find_files(struct cli_arguments *arguments)
{
    switch (arguments->action->needs) {
    case CLI_NEEDS_CONFIG:
        return find_config(arguments);
    case CLI_NEEDS_DATABASE:
        return find_database(arguments);
    case CLI_NEEDS_NOTHING:
        break;
    }
    return CLI_OK;
}

struct store_reader *cli_open_reader(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct store_reader *reader = store_reader_open(arguments->location, &fault);
    if (reader == NULL)
        cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return reader;
}

bool cli_write(const struct cli_arguments *arguments,
               enum store_apply_result (*apply)(void *context, struct store_writer *writer), void *context,
               struct fault *fault)
{
    struct store_command *command = store_command_open(arguments->location, fault);
    bool written = command != NULL && store_write_now(command, apply, context, fault);
    store_command_close(command);
    return written;
}
