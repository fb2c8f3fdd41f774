/* SPDX-License-Identifier: Apache-2.0 */
/* Help, written from the commands' tables. */
#pragma once

#include <stdio.h>

#include "gateway/cli/cli_arguments.h"

/* All options of an action, `--config` and `--database` included; at most `max`. Returns how many. */
size_t cli_options_of(const struct cli_action *action, const struct cli_option **out, size_t max);

/* One action with its options, or, for NULL, all of the command's. */
void cli_help(FILE *out, const struct cli_command *command, const struct cli_action *action);

/* The two lines below a usage error. NULL: of the whole command. */
void cli_usage(FILE *out, const struct cli_command *command, const struct cli_action *action);

/* The commands, a line each. */
void cli_overview(FILE *out, const struct cli_command *const *commands, size_t count);
