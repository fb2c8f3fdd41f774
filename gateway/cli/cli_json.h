/* SPDX-License-Identifier: Apache-2.0 */
/* How commands write JSON with --json (docs/commands.md): one object a line on standard output. Times are RFC
 * 3339 text in UTC, lists are arrays, and a member of a table's row is null where it has no value. */
#pragma once

#include "acme/base/json.h"
#include "gateway/cli/cli_arguments.h"

/* The option, for tables of options. */
#define CLI_JSON_OPTION {"json", NULL, "prints JSON, one object a line", NULL, 0}
/* The option alone, as a table. */
extern const struct cli_option cli_json_option[];

/* True when --json was given. */
[[nodiscard]] bool cli_wants_json(const struct cli_arguments *arguments);

/* Begins an object. The caller adds its members. */
[[nodiscard]] struct json_writer *cli_json_begin(struct arena *arena);

/* Ends the object and prints its line. False, with errno, when it could not be written. */
[[nodiscard]] bool cli_json_print(struct json_writer *writer);
/* The same, as the last step of a command. Returns the exit status; CLI_FAILED with a message. */
[[nodiscard]] int cli_json_end(const struct cli_arguments *arguments, struct json_writer *writer);

/* Writes the words of a text, which have commas or spaces between them, as an array. NULL is an empty one. */
void cli_json_write_words(struct json_writer *writer, struct arena *arena, const char *text);

/* Writes stored JSON (a problem document, contacts) as the value that it is. NULL, and what is not JSON, is
 * null. */
void cli_json_write_stored(struct json_writer *writer, struct arena *arena, const char *json_text);
