/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/arena.h"
#include "acme/base/nearest_word.h"
#include "acme/base/time_text.h"
#include "gateway/cli/cli_files.h"
#include "gateway/cli/cli_help.h"

enum { OPTIONS_MAX = 32, ACTIONS_MAX = 16 };

struct cli_given {
    const struct cli_option *option;
    const char *value;
};

static const struct cli_option config_option = {
    "config", "FILE", "the configuration file (default: ACMEGATE_CONFIG, else /etc/acmegate/acmegate.json)",
    NULL, 'c'};
static const struct cli_option database_option = {
    "database", "FILE", "the database file, instead of the configuration's", NULL, 0};

/* ---- messages ---- */

[[gnu::format(printf, 2, 0)]] static void print_fault(const struct cli_arguments *arguments,
                                                      const char *format, va_list values)
{
    const char *action = arguments->action == NULL ? NULL : arguments->action->name;
    fprintf(stderr, "acmegate %s%s%s: ", arguments->command->name, action == NULL ? "" : " ",
            action == NULL ? "" : action);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

int cli_fail(const struct cli_arguments *arguments, int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_fault(arguments, format, values);
    va_end(values);
    return status;
}

/* "; did you mean --reason?" */
static const char *suggestion(struct arena *arena, const char *word, const char *const *known, size_t count,
                              const char *before)
{
    const char *nearest = nearest_word(word, known, count);
    return nearest == NULL ? "" : arena_printf(arena, "; did you mean %s%s?", before, nearest);
}

/* ---- the options ---- */

size_t cli_options_of(const struct cli_action *action, const struct cli_option **out, size_t max)
{
    size_t count = 0;
    for (const struct cli_option *option = action->options; option != NULL && option->name != NULL; option++)
        if (count < max)
            out[count++] = option;
    if (action->needs != CLI_NEEDS_NOTHING && count < max)
        out[count++] = &config_option;
    if (action->needs == CLI_NEEDS_DATABASE && count < max)
        out[count++] = &database_option;
    return count;
}

static const struct cli_option *find_named(const struct cli_action *action, const char *name, size_t n)
{
    const struct cli_option *options[OPTIONS_MAX];
    size_t count = cli_options_of(action, options, OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        if (strncmp(options[i]->name, name, n) == 0 && options[i]->name[n] == '\0')
            return options[i];
    return NULL;
}

/* Finds the option of "--name", "--name=value" or "-l". */
static const struct cli_option *find_option(const struct cli_action *action, const char *word)
{
    const struct cli_option *options[OPTIONS_MAX];
    if (word[1] == '-')
        return find_named(action, word + 2, strcspn(word + 2, "="));
    size_t count = cli_options_of(action, options, OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        if (options[i]->letter != '\0' && options[i]->letter == word[1] && word[2] == '\0')
            return options[i];
    return NULL;
}

static int refuse_option(const struct cli_arguments *arguments, const char *word)
{
    const struct cli_option *options[OPTIONS_MAX];
    const char *names[OPTIONS_MAX];
    size_t count = cli_options_of(arguments->action, options, OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = options[i]->name;
    const char *bare = word + strspn(word, "-");
    const char *name = arena_string(arguments->arena, bytes_of(bare, strcspn(bare, "=")));
    return cli_fail(arguments, CLI_USAGE, "unknown option '%s'%s", word,
                    suggestion(arguments->arena, name, names, count, "--"));
}

const char *cli_value(const struct cli_arguments *arguments, const char *name)
{
    const struct cli_option *option = find_named(arguments->action, name, strlen(name));
    for (size_t i = arguments->given_count; i > 0; i--)
        if (arguments->given[i - 1].option == option)
            return arguments->given[i - 1].value;
    return option == NULL ? NULL : option->fallback;
}

/* ---- reading ---- */

struct reader {
    struct cli_arguments *arguments;
    struct cli_given *given;
    const char **words;
    int argc;
    char **argv;
    int at;
};

/* Reads the option at argv[at], and its value. */
static int read_option(struct reader *reader)
{
    struct cli_arguments *arguments = reader->arguments;
    const char *word = reader->argv[reader->at++];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct cli_option *option = find_option(arguments->action, word);
    if (option == NULL)
        return refuse_option(arguments, word);
    if (option->value == NULL && equals != NULL)
        return cli_fail(arguments, CLI_USAGE, "--%s takes no value", option->name);
    const char *value = option->name;
    if (option->value != NULL && equals != NULL)
        value = equals + 1;
    else if (option->value != NULL && reader->at == reader->argc)
        return cli_fail(arguments, CLI_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
                        option->value);
    else if (option->value != NULL)
        value = reader->argv[reader->at++];
    reader->given[arguments->given_count++] = (struct cli_given){option, value};
    return CLI_OK;
}

/* Reads words and options in any order. "--" ends the options, and "-" alone is a word. */
static int read_words(struct reader *reader)
{
    struct cli_arguments *arguments = reader->arguments;
    bool options_end = false;
    while (reader->at < reader->argc) {
        const char *word = reader->argv[reader->at];
        if (!options_end && word[0] == '-' && word[1] != '\0') {
            options_end = strcmp(word, "--") == 0;
            int status = options_end ? CLI_OK : read_option(reader);
            reader->at += options_end;
            if (status != CLI_OK)
                return status;
        } else {
            reader->words[arguments->word_count++] = word;
            reader->at++;
        }
    }
    return CLI_OK;
}

static int check_words(const struct cli_arguments *arguments)
{
    const struct cli_action *action = arguments->action;
    if (arguments->word_count < action->words_min)
        return cli_fail(arguments, CLI_USAGE, "%s is missing", action->words);
    if (arguments->word_count > action->words_max)
        return cli_fail(arguments, CLI_USAGE, "unexpected argument '%s'",
                        arguments->words[action->words_max]);
    return CLI_OK;
}

/* ---- values ---- */

bool cli_read_number(const struct cli_arguments *arguments, const char *option, int64_t min, int64_t max,
                     int64_t *out)
{
    const char *text = cli_value(arguments, option);
    char *end = NULL;
    if (text == NULL)
        return true;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool good = errno == 0 && end != text && *end == '\0' && number >= min && number <= max;
    if (good)
        *out = number;
    else
        cli_fail(arguments, CLI_USAGE, "--%s: '%s' is not a number from %lld to %lld", option, text,
                 (long long)min, (long long)max);
    return good;
}

bool cli_read_duration(const struct cli_arguments *arguments, const char *option, int64_t *out)
{
    const char *text = cli_value(arguments, option);
    int64_t seconds = 0;
    if (text == NULL)
        return true;
    bool good = duration_parse(&seconds, bytes_from_string(text)) && seconds > 0;
    if (good)
        *out = seconds;
    else
        cli_fail(arguments, CLI_USAGE, "--%s: '%s' is not a duration such as 14d or 36h", option, text);
    return good;
}

/* ---- the action ---- */

/* True when an action of the command takes the next word as the value of this option. */
static bool takes_next_word(const struct cli_command *command, const char *word)
{
    for (size_t i = 0; i < command->action_count && strchr(word, '=') == NULL; i++) {
        const struct cli_option *option = find_option(&command->actions[i], word);
        if (option != NULL && option->value != NULL)
            return true;
    }
    return false;
}

/* Returns the place of the action's own word: the first that belongs to no option. argc when there is none.
 */
static int find_action_word(const struct cli_command *command, int argc, char **argv)
{
    int at = 1;
    while (at < argc && argv[at][0] == '-')
        at += takes_next_word(command, argv[at]) ? 2 : 1;
    return at < argc ? at : argc;
}

/* Sets `at` to the place of the action's word, 0 for an action without a name. NULL, with a message, for a
 * word that names no action. */
static const struct cli_action *find_action(struct cli_arguments *arguments, int argc, char **argv, int *at)
{
    const struct cli_command *command = arguments->command;
    const char *names[ACTIONS_MAX];
    size_t count = command->action_count < ACTIONS_MAX ? command->action_count : ACTIONS_MAX;
    *at = 0;
    if (command->actions[0].name == NULL)
        return &command->actions[0];
    *at = find_action_word(command, argc, argv);
    const char *word = *at < argc ? argv[*at] : NULL;
    for (size_t i = 0; i < count; i++) {
        names[i] = command->actions[i].name;
        if (word != NULL && strcmp(word, names[i]) == 0)
            return &command->actions[i];
    }
    if (word == NULL)
        cli_fail(arguments, CLI_USAGE, "the action is missing");
    else
        cli_fail(arguments, CLI_USAGE, "unknown action '%s'%s", word,
                 suggestion(arguments->arena, word, names, count, ""));
    return NULL;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* Reads argv without the action's own word, and runs the action. */
static int read_and_run(struct cli_arguments *arguments, int argc, char **argv, int at)
{
    struct arena *arena = arguments->arena;
    struct reader reader = {.arguments = arguments, .argc = 0, .at = 0};
    reader.given = arena_alloc_array(arena, (size_t)argc, sizeof reader.given[0]);
    reader.words = arena_alloc_array(arena, (size_t)argc, sizeof reader.words[0]);
    reader.argv = arena_alloc_array(arena, (size_t)argc, sizeof reader.argv[0]);
    for (int i = 1; i < argc; i++)
        if (i != at)
            reader.argv[reader.argc++] = argv[i];
    arguments->given = reader.given;
    arguments->words = reader.words;
    int status = read_words(&reader);
    if (status == CLI_OK)
        status = check_words(arguments);
    if (status == CLI_OK)
        status = cli_find_files(arguments);
    return status == CLI_OK ? arguments->action->run(arguments) : status;
}

int cli_run(const struct cli_command *command, int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct cli_arguments arguments = {.arena = arena, .command = command};
    int status = CLI_USAGE, at = 0;
    bool help = asks_for_help(argc, argv);
    bool whole_command = help && (argc < 2 || argv[1][0] == '-');
    arguments.action = whole_command ? NULL : find_action(&arguments, argc, argv, &at);
    if (help && (whole_command || arguments.action != NULL)) {
        cli_help(stdout, command, arguments.action);
        status = CLI_OK;
    } else if (arguments.action != NULL) {
        status = read_and_run(&arguments, argc, argv, at);
    }
    if (status == CLI_USAGE)
        cli_usage(stderr, command, arguments.action);
    arena_free(arena);
    return status;
}
