/* SPDX-License-Identifier: Apache-2.0 */
/* Help, written from the commands' tables. */
#pragma once

#include <stdio.h>

#include "gateway/cli/cli_arguments.h"

/* Writes all options of an action to `out`, `--config` and `--database` included, at most `max`. Returns
 * their number. */
size_t cli_options_of(const struct cli_action *action, const struct cli_option **out, size_t max);

/* Describes an action with its options or, for NULL, all actions of the command. */
void cli_help(FILE *out, const struct cli_command *command, const struct cli_action *action);

/* Prints the two lines that follow a usage error. NULL: those of the whole command. */
void cli_usage(FILE *out, const struct cli_command *command, const struct cli_action *action);

/* Lists the commands, one a line. */
void cli_overview(FILE *out, const struct cli_command *const *commands, size_t count);
