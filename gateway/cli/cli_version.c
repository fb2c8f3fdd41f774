/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_json.h"
#include "gateway/runtime/version.h"
#include "gateway/server/libraries.h"

static bool differs(const struct library *library)
{
    return library->loaded != NULL && library->compiled != NULL &&
           strcmp(library->loaded, library->compiled) != 0;
}

static const char *version_of(const struct library *library)
{
    return library->loaded != NULL ? library->loaded : library->compiled;
}

static void show(const struct library *libraries)
{
    printf("acmegate %s\ncommit %s\nschema %zu\n", ACMEGATE_VERSION, ACMEGATE_COMMIT, store_schema());
    for (size_t i = 0; i < SERVER_LIBRARIES; i++)
        printf("%s %s%s%s\n", libraries[i].name, version_of(&libraries[i]),
               differs(&libraries[i]) ? ", built with " : "",
               differs(&libraries[i]) ? libraries[i].compiled : "");
}

static int show_json(const struct cli_arguments *arguments, const struct library *libraries)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "version", ACMEGATE_VERSION);
    json_put_string(writer, "commit", ACMEGATE_COMMIT);
    json_put_integer(writer, "schema", (int64_t)store_schema());
    json_key(writer, "libraries");
    json_begin_object(writer);
    for (size_t i = 0; i < SERVER_LIBRARIES; i++)
        json_put_string(writer, libraries[i].name, version_of(&libraries[i]));
    json_end_object(writer);
    return cli_json_end(arguments, writer);
}

static int run(const struct cli_arguments *arguments)
{
    struct library libraries[SERVER_LIBRARIES];
    server_libraries(libraries);
    if (cli_wants_json(arguments))
        return show_json(arguments, libraries);
    show(libraries);
    return CLI_OK;
}

static const struct cli_action actions[] = {
    {.options = cli_json_option,
     .help = "Shows the version, the commit that it was built from, the schema of its database, and the "
             "libraries that it runs with.",
     .run = run}};

const struct cli_command cli_version = {"version", "show the version", actions, 1};
