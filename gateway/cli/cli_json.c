/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 * 1024 * 1024 };

const struct cli_option cli_json_option[] = {CLI_JSON_OPTION, {0}};

bool cli_wants_json(const struct cli_arguments *arguments)
{
    return cli_value(arguments, "json") != NULL;
}

struct json_writer *cli_json_begin(struct arena *arena)
{
    struct json_writer *writer = json_writer_new(arena, LINE_MAX_BYTES);
    json_begin_object(writer);
    return writer;
}

bool cli_json_print(struct json_writer *writer)
{
    json_end_object(writer);
    struct bytes text = json_writer_finish(writer);
    if (text.p == NULL) {
        errno = EMSGSIZE;
        return false;
    }
    return printf("%s\n", (const char *)text.p) >= 0 && fflush(stdout) == 0;
}

int cli_json_end(const struct cli_arguments *arguments, struct json_writer *writer)
{
    return cli_json_print(writer)
               ? CLI_OK
               : cli_fail(arguments, CLI_FAILED, "the JSON cannot be written: %s", strerror(errno));
}

void cli_json_write_words(struct json_writer *writer, struct arena *arena, const char *text)
{
    static const char between[] = ", ";
    json_begin_array(writer);
    for (const char *at = text == NULL ? "" : text; *(at += strspn(at, between)) != '\0';) {
        size_t n = strcspn(at, between);
        json_write_string(writer, arena_string(arena, bytes_of(at, n)));
        at += n;
    }
    json_end_array(writer);
}

void cli_json_write_stored(struct json_writer *writer, struct arena *arena, const char *json_text)
{
    const struct json *value =
        json_text == NULL ? NULL
                          : json_parse(arena, bytes_from_string(json_text), &json_limits_request, NULL);
    if (value == NULL)
        json_write_null(writer);
    else
        json_write_value(writer, value);
}
