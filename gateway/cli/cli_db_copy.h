/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate db copy`. */
#pragma once

#include "gateway/cli/cli_arguments.h"

extern const struct cli_option cli_db_copy_options[];
extern const char *const cli_db_copy_examples[];

/* For the action's `run`. It needs a configuration only when an option names just one of the databases. */
int cli_db_copy(const struct cli_arguments *arguments);
