/* What the commands that work on the database have in common: which database, named by `--config FILE` or
 * `--database FILE`, options of their own, and the words beside those. */
#pragma once

#include "acme/base/arena.h"

enum { CLI_DATABASE_WORDS_MAX = 4 };

/* `--name VALUE`, or `--name` alone. */
struct cli_option {
    const char *name;   /* with its dashes */
    const char **value; /* what is given; untouched when it is not. NULL for one that stands alone */
};

struct cli_database_arguments {
    const char *path;
    const struct config *config; /* NULL when only the database was named */
    const char *words[CLI_DATABASE_WORDS_MAX];
    size_t word_count;
    const char *flag; /* the option standing alone that was given; NULL: none */
};

/* CLI_OK, or what to exit with after a message on standard error. In cli_db.c. */
[[gnu::warn_unused_result]] int cli_database_arguments(struct arena *arena, int argc, char **argv,
                                                       const struct cli_option *options, size_t option_count,
                                                       struct cli_database_arguments *out);
