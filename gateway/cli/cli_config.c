#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/config/config.h"
#include "gateway/issuer/issuer_overrides.h"

static int show(struct arena *arena, const char *path)
{
    struct config_errors errors = {0};
    struct config_override *overrides = NULL;
    size_t count = 0;
    char why[512];
    const struct config *config = config_load(arena, path, environ, &errors);
    bool complete = config == NULL || issuer_overrides_read(arena, config, &overrides, &count, why);
    if (!complete)
        fprintf(stderr, "acmegate: what the admin API has set is not shown: %s\n", why);
    struct bytes text = config_show(arena, path, environ, overrides, complete ? count : 0, &errors);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "acmegate: %s\n", errors.lines[i]);
    if (text.n != 0)
        fwrite(text.p, 1, text.n, stdout);
    return errors.count == 0 && complete ? CLI_OK : CLI_FAILED;
}

static int reference(struct arena *arena)
{
    struct bytes text = config_reference(arena);
    fwrite(text.p, 1, text.n, stdout);
    return CLI_OK;
}

int cli_config(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    const char *path = NULL;
    for (int option; (option = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (option != 'c')
            return CLI_USAGE;
        path = optarg;
    }
    if (argc - optind != 1)
        return CLI_USAGE;
    const char *what = argv[optind];
    bool shows = strcmp(what, "show") == 0 && path != NULL;
    if (!shows && strcmp(what, "reference") != 0)
        return CLI_USAGE;
    struct arena *arena = arena_new();
    int status = shows ? show(arena, path) : reference(arena);
    arena_free(arena);
    return status;
}
