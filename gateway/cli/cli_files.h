/* SPDX-License-Identifier: Apache-2.0 */
/* The files that an action needs. */
#pragma once

#include "gateway/cli/cli_arguments.h"

/* Sets the paths of `arguments`, and reads the configuration where the action needs a database. CLI_OK, or
 * the exit status after a message. */
[[nodiscard]] int cli_find_files(struct cli_arguments *arguments);
