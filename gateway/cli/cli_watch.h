/* SPDX-License-Identifier: Apache-2.0 */
/* --watch: a command that goes on showing what changes. */
#pragma once

#include "gateway/cli/cli_arguments.h"

/* The option, for tables of options. */
#define CLI_WATCH_OPTION {"watch", NULL, "goes on and shows each change, until it is interrupted", NULL, 0}

/* True when --watch was given. */
[[nodiscard]] bool cli_wants_watch(const struct cli_arguments *arguments);

/*
 * Runs `show`, which prints to stdout, and returns its exit status. With --watch it runs again twice a second
 * until it fails. A terminal then shows the newest picture alone. A file, a pipe and JSON get the first
 * picture, and later each line that the picture before did not have. `show` gets arguments with an arena of
 * its own.
 */
int cli_watch(const struct cli_arguments *arguments,
              int (*show)(const struct cli_arguments *arguments, void *context), void *context);
