/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "gateway/cli/cli.h"
#include "gateway/runtime/clock.h"
#include "store/care.h"

enum { BYTES_PER_MIB = 1024 * 1024 };

static void report(const char *line)
{
    printf("%s\n", line);
}

static int migrate(const struct cli_arguments *arguments)
{
    struct fault fault;
    if (!store_migrate(arguments->location, report, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return CLI_OK;
}

static int check(const struct cli_arguments *arguments)
{
    struct fault fault;
    if (!store_check(arguments->location, report, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    printf("%s: the schema is current, the file is whole\n", store_location_text(arguments->location));
    return CLI_OK;
}

static int show_path(const struct cli_arguments *arguments)
{
    printf("%s\n", store_location_text(arguments->location));
    return CLI_OK;
}

static int backup(const struct cli_arguments *arguments)
{
    struct fault fault;
    const char *to = arguments->words[0];
    if (!store_backup(arguments->location, to, &fault))
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
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
    printf("%s: %s before, %s now; the indexes are new\n", store_location_text(arguments->location),
           in_mib(arena, before.data), in_mib(arena, after.data));
    return CLI_OK;
}

static const char *const backup_examples[] = {"acmegate db backup /backup/acmegate.db", NULL};
static const char *const restore_examples[] = {"acmegate db restore /backup/acmegate.db", NULL};

static const struct cli_action actions[] = {
    {.name = "migrate",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Makes the database, or updates its schema after a backup copy.",
     .run = migrate},
    {.name = "check",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Checks that the schema is current and the file is whole, and says what to do about damage.",
     .run = check},
    {.name = "backup",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Writes a copy to a new file, even while the server runs.",
     .examples = backup_examples,
     .run = backup},
    {.name = "restore",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Checks a back-up and puts a copy of it in the database's place, while no server runs. What was "
             "there stays beside it.",
     .examples = restore_examples,
     .run = restore},
    {.name = "vacuum",
     .needs = CLI_NEEDS_DATABASE,
     .help =
         "Makes the indexes anew and gives unused space back to the disk, while no server runs. Needs twice "
         "the database's size meanwhile.",
     .run = vacuum},
    {.name = "path",
     .needs = CLI_NEEDS_DATABASE,
     .help = "Shows the path of the database.",
     .run = show_path},
};

const struct cli_command cli_db = {"db", "make, check, back up and restore the database", actions,
                                   sizeof actions / sizeof *actions};
