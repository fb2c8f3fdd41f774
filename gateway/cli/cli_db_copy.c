/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_db_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli_files.h"
#include "gateway/cli/cli_json.h"
#include "gateway/config/config.h"
#include "store/care.h"

struct copy {
    const struct cli_arguments *arguments;
    const struct config *config; /* NULL: not needed */
    struct json_writer *json;    /* NULL without --json */
    int64_t tables, rows;
};

/* ---- the two databases ---- */

static bool read_password(const struct copy *copy, const char *option, struct bytes *out)
{
    struct fault fault;
    const char *path = cli_value(copy->arguments, option);
    if (path == NULL || config_read_secret_file(copy->arguments->arena, path, out, &fault))
        return true;
    cli_fail(copy->arguments, CLI_FAILED, "--%s: %s", option, fault.message);
    return false;
}

/* NULL after a message. */
static const struct store_location *find_side(const struct copy *copy, const char *option,
                                              const char *password_option)
{
    struct arena *arena = copy->arguments->arena;
    struct store_place place = {.text = cli_value(copy->arguments, option)};
    if (copy->config != NULL)
        place.state = config_state_prefix(arena, copy->config);
    if (place.text == NULL)
        return config_location(arena, copy->config);
    if (!read_password(copy, password_option, &place.password))
        return NULL;
    const struct store_location *location = store_location_of(arena, &place);
    const char *refusal = store_location_refusal(location);
    if (refusal == NULL)
        return location;
    cli_fail(copy->arguments, CLI_FAILED, "--%s: %s", option, refusal);
    return NULL;
}

/* False after a message. */
static bool read_config(struct copy *copy)
{
    struct cli_arguments own = *copy->arguments;
    own.config_path = cli_config_path(copy->arguments);
    copy->config = cli_config(&own);
    return copy->config != NULL;
}

/* ---- the report ---- */

static void report(void *context, const char *table, int64_t rows)
{
    struct copy *copy = context;
    copy->tables++;
    copy->rows += rows;
    if (copy->json == NULL) {
        printf("%s: %" PRId64 " %s\n", table, rows, rows == 1 ? "row" : "rows");
        return;
    }
    json_begin_object(copy->json);
    json_put_string(copy->json, "table", table);
    json_put_integer(copy->json, "rows", rows);
    json_end_object(copy->json);
}

static void begin_json(struct copy *copy, const struct store_location *from, const struct store_location *to)
{
    copy->json = cli_json_begin(copy->arguments->arena);
    json_put_string(copy->json, "from", store_location_text(from));
    json_put_string(copy->json, "to", store_location_text(to));
    json_key(copy->json, "tables");
    json_begin_array(copy->json);
}

static int end_json(struct copy *copy)
{
    json_end_array(copy->json);
    json_put_integer(copy->json, "rows", copy->rows);
    return cli_json_end(copy->arguments, copy->json);
}

/* The path that the names of the server's own files begin with. */
static const char *beside(const struct store_location *location)
{
    const char *state = store_location_state(location);
    return state != NULL ? state : "STATE_DIRECTORY/acmegate";
}

static void print_next(const struct copy *copy, const struct store_location *from,
                       const struct store_location *to)
{
    printf("copied %" PRId64 " rows of %" PRId64 " tables from %s to %s, and compared each\n", copy->rows,
           copy->tables, store_location_text(from), store_location_text(to));
    printf("Next: name the new database in the configuration (`database`)");
    if (strcmp(beside(from), beside(to)) != 0)
        printf("; copy %s.secret, if there is one, to %s.secret", beside(from), beside(to));
    printf("; start the server. docs/scale-out.md lists the other files that may move\n");
}

int cli_db_copy(const struct cli_arguments *arguments)
{
    struct copy copy = {.arguments = arguments};
    struct fault fault;
    const char *from_text = cli_value(arguments, "from"), *to_text = cli_value(arguments, "to");
    if (from_text == NULL && to_text == NULL)
        return cli_fail(arguments, CLI_USAGE, "--from or --to is missing");
    if ((from_text == NULL || to_text == NULL) && !read_config(&copy))
        return CLI_FAILED;
    const struct store_location *from = find_side(&copy, "from", "from-password-file");
    const struct store_location *to = from != NULL ? find_side(&copy, "to", "to-password-file") : NULL;
    if (to == NULL)
        return CLI_FAILED;
    if (cli_wants_json(arguments))
        begin_json(&copy, from, to);
    if (!store_copy(from, to, report, &copy, &fault))
        return cli_fail(arguments, CLI_FAILED, "nothing was copied: %s", fault.message);
    if (copy.json != NULL)
        return end_json(&copy);
    print_next(&copy, from, to);
    return CLI_OK;
}

const struct cli_option cli_db_copy_options[] = {
    {"from", "DATABASE",
     "the database to copy: an SQLite file, or PostgreSQL's URI or keywords (default: the configuration's)",
     NULL, 0},
    {"to", "DATABASE", "the new or empty database (default: the configuration's)", NULL, 0},
    {"from-password-file", "FILE", "a file with the password for --from", NULL, 0},
    {"to-password-file", "FILE", "a file with the password for --to", NULL, 0},
    {"config", "FILE",
     "the configuration, where --from or --to is left out (default: ACMEGATE_CONFIG, else "
     "/etc/acmegate/acmegate.json)",
     NULL, 'c'},
    CLI_JSON_OPTION,
    {0}};

const char *const cli_db_copy_examples[] = {
    "acmegate db copy --to postgresql://acmegate@db.example.org/acmegate",
    "acmegate db copy --from postgresql:///acmegate --to /var/lib/acmegate/acmegate.db", NULL};
