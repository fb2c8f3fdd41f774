/* SPDX-License-Identifier: Apache-2.0 */
/* Words that the completions of all shells write. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_help.h"

enum { COMPLETION_OPTIONS_MAX = 32 };

/* Kinds of completion. The words in help of an argument, or of an option's value, choose one. */
enum completion {
    COMPLETE_NOTHING,
    COMPLETE_FILES,
    COMPLETE_FOLDERS,
    COMPLETE_CHOICES, /* the words name them: "yes|no", "all | issuer ID" */
};
enum completion completion_of(const char *words);

/* Writes the choices that the words name, with a space between two. */
void completion_choices(FILE *out, const char *words);

/* Writes all commands, and `help`, with a space between two. */
void completion_commands(FILE *out);

/* True when the command has actions with names. */
bool completion_has_actions(const struct cli_command *command);

/* Writes the actions' names, with a space between two. */
void completion_actions(FILE *out, const struct cli_command *command);

/* Writes text with a backslash before each of the characters in `escaped`, for a string in single quotes: a
 * single quote becomes '\''. */
void completion_quoted(FILE *out, const char *text, const char *escaped);
