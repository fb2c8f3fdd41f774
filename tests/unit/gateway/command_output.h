/* SPDX-License-Identifier: Apache-2.0 */
/* A command of the program, run in the test's own process. */
#pragma once

#include "gateway/cli/cli.h"

struct output {
    int status;
    char *text; /* standard output */
    char *errors;
};

/* `words` ends with NULL and begins with the command's name. The caller frees the output. */
struct output run(const struct cli_command *command, char **words);
void free_output(struct output *output);
