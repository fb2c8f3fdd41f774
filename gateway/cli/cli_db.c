/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_db_copy.h"
#include "gateway/cli/cli_json.h"
#include "gateway/runtime/clock.h"
#include "store/care.h"

enum { BYTES_PER_MIB = 1024 * 1024 };

/* Where the words of a migration or a check go: on standard output, or into an array. */
static struct json_writer *array;

static void report(const char *line)
{
    if (array != NULL)
        json_write_string(array, line);
    else
        printf("%s\n", line);
}

/* Begins the object with the path of the database. */
static struct json_writer *begin_json(const struct cli_arguments *arguments)
{
    struct json_writer *writer = cli_json_begin(arguments->arena);
    json_put_string(writer, "database", store_location_text(arguments->location));
    return writer;
}

/* NULL without --json. Else report() adds to this array until end_report. */
static struct json_writer *begin_report(const struct cli_arguments *arguments, const char *name)
{
    if (!cli_wants_json(arguments))
        return NULL;
    array = begin_json(arguments);
    json_key(array, name);
    json_begin_array(array);
    return array;
}

static void end_report(void)
{
    if (array != NULL)
        json_end_array(array);
    array = NULL;
}

static int migrate(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct json_writer *writer = begin_report(arguments, "steps");
    bool good = store_migrate(arguments->location, report, &fault);
    end_report();
    if (!good)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (writer == NULL)
        return CLI_OK;
    json_put_integer(writer, "schema", (int64_t)store_schema());
    return cli_json_end(arguments, writer);
}

static int check(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct json_writer *writer = begin_report(arguments, "found");
    bool good = store_check(arguments->location, report, &fault);
    end_report();
    if (!good)
        cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (writer != NULL) {
        json_put_string(writer, "result", good ? "ok" : "failure");
        int status = cli_json_end(arguments, writer);
        return good ? status : CLI_FAILED;
    }
    if (good)
        printf("%s: the schema is current, the file is whole\n", store_location_text(arguments->location));
    return good ? CLI_OK : CLI_FAILED;
}

static int show_path(const struct cli_arguments *arguments)
{
    const char *address = store_location_address(arguments->location);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = cli_json_begin(arguments->arena);
        json_put_string(writer, "database", address);
        return cli_json_end(arguments, writer);
    }
    printf("%s\n", address);
    return CLI_OK;
}

static int backup(const struct cli_arguments *arguments)
{
    struct fault fault;
    const char *to = arguments->words[0];
    if (!store_backup(arguments->location, to, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = begin_json(arguments);
        json_put_string(writer, "copy", to);
        return cli_json_end(arguments, writer);
    }
    printf("copied %s to %s. Back up the key that seals its secrets (secret_key_path), too, in another "
           "place\n",
           store_location_text(arguments->location), to);
    return CLI_OK;
}

static int restore(const struct cli_arguments *arguments)
{
    struct fault fault;
    char kept[PATH_MAX];
    const char *from = arguments->words[0], *path = store_location_text(arguments->location);
    if (!store_restore(arguments->location, from, clock_now(), kept, &fault))
        return cli_fail(arguments, CLI_FAILED, "nothing was replaced: %s", fault.message);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = begin_json(arguments);
        json_put_string(writer, "from", from);
        json_put_string(writer, "kept", kept[0] == '\0' ? NULL : kept);
        return cli_json_end(arguments, writer);
    }
    printf("%s is whole: a copy of it is %s now\n", from, path);
    if (kept[0] != '\0')
        printf("kept what was there as %s; remove it when you need it no more\n", kept);
    printf("Next: 'acmegate account import FILE' with the newest export, if there is one; then start the "
           "server, as the owner of %s\n",
           path);
    return CLI_OK;
}

static const char *in_mib(struct arena *arena, int64_t bytes)
{
    return arena_printf(arena, "%.1f MiB", (double)bytes / (double)BYTES_PER_MIB);
}

static int vacuum(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct store_size before, after;
    struct arena *arena = arguments->arena;
    store_read_size(arguments->location, &before);
    if (!store_vacuum(arguments->location, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    store_read_size(arguments->location, &after);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = begin_json(arguments);
        json_put_integer(writer, "bytes_before", before.data);
        json_put_integer(writer, "bytes_after", after.data);
        return cli_json_end(arguments, writer);
    }
    printf("%s: %s before, %s now; the indexes are new\n", store_location_text(arguments->location),
           in_mib(arena, before.data), in_mib(arena, after.data));
    return CLI_OK;
}

static const char *const backup_examples[] = {"acmegate db backup /backup/acmegate.db", NULL};
static const char *const restore_examples[] = {"acmegate db restore /backup/acmegate.db", NULL};

static const struct cli_action actions[] = {
    {.name = "migrate",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Makes the database, or updates its schema after a backup copy.",
     .run = migrate},
    {.name = "check",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Checks that the schema is current and the file is whole, and says what to do about damage.",
     .run = check},
    {.name = "backup",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Writes a copy to a new file, even while the server runs.",
     .examples = backup_examples,
     .run = backup},
    {.name = "restore",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Checks a back-up and puts a copy of it in the database's place, while no server runs. What was "
             "there stays beside it.",
     .examples = restore_examples,
     .run = restore},
    {.name = "copy",
     .options = cli_db_copy_options,
     .help = "Copies all that one database has to another, empty one, while no server runs: from SQLite to "
             "PostgreSQL or back. Ids stay, and clients notice nothing. Compares each row before it ends; "
             "after a "
             "failure nothing is in the new one.",
     .examples = cli_db_copy_examples,
     .run = cli_db_copy},
    {.name = "vacuum",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help =
         "Makes the indexes anew and gives unused space back to the disk, while no server runs. Needs twice "
         "the database's size meanwhile.",
     .run = vacuum},
    {.name = "path",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Shows the path of the database, or its URI without a password, for sqlite3 or psql.",
     .run = show_path},
};

const struct cli_command cli_db = {"db", "make, check, back up, restore and copy the database", actions,
                                   sizeof actions / sizeof *actions};
