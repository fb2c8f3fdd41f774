/* SPDX-License-Identifier: Apache-2.0 */
/* The files that an action needs. */
#pragma once

#include "gateway/cli/cli_arguments.h"

/* Sets the paths of `arguments`, and reads the configuration where the action needs a database. CLI_OK, or
 * the exit status after a message. */
[[nodiscard]] int cli_find_files(struct cli_arguments *arguments);

/* Where the configuration is when --config and ACMEGATE_CONFIG do not say it. */
extern const char cli_default_config[];

/* The path by --config, else by ACMEGATE_CONFIG, else cli_default_config. */
const char *cli_config_path(const struct cli_arguments *arguments);
