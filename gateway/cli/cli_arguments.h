/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a command: its actions, their words and their options. They decide how arguments are read,
 * and help is written from them. So an action knows its own options and refuses all others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct arena;
struct config;
struct config_errors;

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* An option: `--name VALUE`, `--name=VALUE`, `-l VALUE`, or `--name` alone. A NULL name ends a table. */
struct cli_option {
    const char *name;     /* without its dashes */
    const char *value;    /* a word for the value in help; NULL: the option has no value */
    const char *help;     /* the rest of a sentence that begins with the option */
    const char *fallback; /* the value when it is not given; NULL: none */
    char letter;          /* the short form; 0: none */
};

enum cli_needs {
    CLI_NEEDS_NOTHING,
    CLI_NEEDS_CONFIG,   /* a configuration file */
    CLI_NEEDS_DATABASE, /* a configuration file, or --database */
};

struct cli_arguments;

struct cli_action {
    const char *name;  /* NULL: the command's only action, which has no word of its own */
    const char *words; /* its arguments as help shows them; NULL: none */
    size_t words_min;
    size_t words_max;
    enum cli_needs needs;
    const struct cli_option *options; /* NULL: none */
    const char *help;
    const char *const *examples; /* whole command lines, a NULL ends them; NULL: none */
    /* Returns the exit status. With CLI_USAGE it has printed a message, and the usage line follows. */
    int (*run)(const struct cli_arguments *arguments);
};

struct cli_command {
    const char *name;
    const char *help;
    const struct cli_action *actions;
    size_t action_count;
};

/* The arguments of one action, in the arena. */
struct cli_arguments {
    struct arena *arena;
    const struct cli_command *command;
    const struct cli_action *action;
    const char *config_path;               /* NULL: not needed, or only the database was named */
    const struct store_location *location; /* for CLI_NEEDS_DATABASE */
    const struct config *config;           /* for CLI_NEEDS_DATABASE; NULL when only the database was named */
    const char *const *words;              /* without the action's own */
    size_t word_count;
    const struct cli_given *given; /* the options, for cli_value */
    size_t given_count;
};

/* The value of an option of the action's tables: what was given, else its fallback. For one that stands
 * alone, its name when it was given, else NULL. */
const char *cli_value(const struct cli_arguments *arguments, const char *option);

/* Reads the arguments (argv[0] is the command's name) and runs the action, or prints help. Returns the exit
 * status. */
int cli_run(const struct cli_command *command, int argc, char **argv);

/* Prints a line to standard error that begins with the command's name. Returns `status`. */
[[gnu::format(printf, 3, 4)]] int cli_fail(const struct cli_arguments *arguments, int status,
                                           const char *format, ...);

/* Reads an option's number. False, with a message, for what is not a number from `min` to `max`. `out` stays
 * as it is for an option that was not given and has no fallback. */
[[nodiscard]] bool cli_read_number(const struct cli_arguments *arguments, const char *option, int64_t min,
                                   int64_t max, int64_t *out);
/* The same for a duration, in seconds, of more than 0. */
[[nodiscard]] bool cli_read_duration(const struct cli_arguments *arguments, const char *option, int64_t *out);

/* Prints one line for each fault of a configuration. */
void cli_print_config_errors(const struct cli_arguments *arguments, const struct config_errors *errors);
/* Loads the configuration and applies the environment. NULL, with its faults on standard error. */
const struct config *cli_config(const struct cli_arguments *arguments);
/* The same, with the issuers as the admin API has set them. */
const struct config *cli_config_in_force(const struct cli_arguments *arguments);

/* Opens the database for reading; the caller closes it with store_reader_close. NULL, with a message. */
[[nodiscard]] struct store_reader *cli_open_reader(const struct cli_arguments *arguments);
/* Runs `apply` in a transaction on the database (store_write_now). False with `fault` filled when nothing was
 * kept. */
[[nodiscard]] bool cli_write(const struct cli_arguments *arguments,
                             enum store_apply_result (*apply)(void *context, struct store_writer *writer),
                             void *context, struct fault *fault);
