#include <stdio.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_database.h"
#include "gateway/config/config.h"
#include "store/store.h"

static int path_from_config(struct arena *arena, const char *file, struct cli_database_arguments *out)
{
    struct config_errors errors = {0};
    out->config = config_load(arena, file, environ, &errors);
    if (out->config != NULL) {
        out->path = out->config->database;
        return CLI_OK;
    }
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    return CLI_FAILED;
}

static const struct cli_option *find_option(const struct cli_option *options, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

int cli_database_arguments(struct arena *arena, int argc, char **argv, const struct cli_option *options,
                           size_t option_count, struct cli_database_arguments *out)
{
    *out = (struct cli_database_arguments){0};
    const char *config = NULL;
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        const struct cli_option *option = find_option(options, option_count, argv[i]);
        if (strcmp(argv[i], "--config") == 0 && has_value) {
            config = argv[++i];
        } else if (strcmp(argv[i], "--database") == 0 && has_value) {
            out->path = argv[++i];
        } else if (option != NULL && option->value == NULL) {
            out->flag = option->name;
        } else if (option != NULL && has_value) {
            *option->value = argv[++i];
        } else if (argv[i][0] == '-' || out->word_count == CLI_DATABASE_WORDS_MAX) {
            fprintf(stderr, "acmegate %s: '%s' is not understood here\n", argv[0], argv[i]);
            return CLI_USAGE;
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    if (out->path != NULL)
        return CLI_OK;
    if (config != NULL)
        return path_from_config(arena, config, out);
    fprintf(stderr, "acmegate %s: name the database with --config FILE or --database FILE\n", argv[0]);
    return CLI_USAGE;
}

static void report(const char *line)
{
    printf("%s\n", line);
}

static bool migrate(const char *path, struct store_error *error)
{
    return store_migrate(path, report, error);
}

static bool check(const char *path, struct store_error *error)
{
    if (!store_check(path, report, error))
        return false;
    printf("%s: the schema is current, the file is whole\n", path);
    return true;
}

static bool show_path(const char *path, struct store_error *error)
{
    (void)error;
    printf("%s\n", path);
    return true;
}

static bool backup(const char *path, const char *to, struct store_error *error)
{
    if (!store_backup(path, to, error))
        return false;
    printf("%s: a copy of %s as it is now. Keep the file with the key that seals its secrets "
           "(secret_key_path) as well, "
           "apart from it\n",
           to, path);
    return true;
}

static const struct db_command {
    const char *name;
    bool (*run)(const char *path, struct store_error *error);
    bool (*run_to)(const char *path, const char *to, struct store_error *error); /* takes a file as well */
} commands[] = {
    {"migrate", migrate, NULL},
    {"check", check, NULL},
    {"backup", NULL, backup},
    {"path", show_path, NULL},
};

static int run(const struct cli_database_arguments *arguments)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct db_command *command = &commands[i];
        size_t words = command->run == NULL ? 2 : 1;
        if (arguments->word_count != words || strcmp(arguments->words[0], command->name) != 0)
            continue;
        struct store_error error;
        if (command->run == NULL ? command->run_to(arguments->path, arguments->words[1], &error)
                                 : command->run(arguments->path, &error))
            return CLI_OK;
        fprintf(stderr, "acmegate db %s: %s\n", command->name, error.message);
        return CLI_FAILED;
    }
    fprintf(stderr, "usage: acmegate db migrate|check|backup FILE|path --config FILE\n");
    return CLI_USAGE;
}

int cli_db(int argc, char **argv)
{
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    int status = cli_database_arguments(arena, argc, argv, NULL, 0, &arguments);
    if (status == CLI_OK)
        status = run(&arguments);
    arena_free(arena);
    return status;
}
