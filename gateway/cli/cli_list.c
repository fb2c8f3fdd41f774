#include "gateway/cli/cli_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/json.h"
#include "acme/urls.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_explain.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, SHOWN_MAX = 10 };

void cli_list_options_of_all(struct cli_list_options *options,
                             struct cli_option out[static CLI_LIST_OPTIONS_OF_ALL])
{
    *options = (struct cli_list_options){0};
    const struct cli_option all[CLI_LIST_OPTIONS_OF_ALL] = {
        {"--endpoint", &options->endpoint},
        {"--state", &options->state},
        {"--before", &options->before},
        {"--limit", &options->limit},
        {"--json", NULL},
    };
    memcpy(out, all, sizeof all);
}

void cli_list_options(struct cli_list_options *options, struct cli_option out[static CLI_LIST_OPTION_COUNT])
{
    cli_list_options_of_all(options, out);
    out[CLI_LIST_OPTIONS_OF_ALL] = (struct cli_option){"--name", &options->name};
    out[CLI_LIST_OPTIONS_OF_ALL + 1] = (struct cli_option){"--account", &options->account};
}

int64_t cli_read_id(const char *command, const char *text)
{
    const char *slash = strrchr(text, '/');
    int64_t id = url_parse_id(bytes_from_string(slash == NULL ? text : slash + 1));
    if (id == 0)
        fprintf(stderr, "acmegate %s: '%s' is no id\n", command, text);
    return id;
}

/* ---- writing rows ---- */

struct output {
    const struct cli_listing *listing;
    bool json;
    bool in_full; /* every column, each on a line of its own */
    size_t rows;
    char last_id[32];
};

/* A row's JSON is no longer than this: an octet is escaped as six at most. */
static size_t json_bound(const struct listing_value *values, size_t count)
{
    enum { ESCAPED_BYTES = 6, PUNCTUATION_BYTES = 16 };
    size_t bytes = PUNCTUATION_BYTES;
    for (size_t i = 0; i < count; i++)
        bytes += ESCAPED_BYTES * (strlen(values[i].column) + bytes_from_string(values[i].text).n) +
                 PUNCTUATION_BYTES;
    return bytes;
}

static void write_json(const struct listing_value *values, size_t count)
{
    struct arena *arena = arena_new();
    struct json_writer *writer = json_writer_new(arena, json_bound(values, count));
    json_begin_object(writer);
    for (size_t i = 0; i < count; i++) {
        json_key(writer, values[i].column);
        if (values[i].text == NULL)
            json_write_null(writer);
        else if (values[i].is_number)
            json_write_raw(writer, bytes_from_string(values[i].text));
        else
            json_write_bytes(writer, bytes_from_string(values[i].text));
    }
    json_end_object(writer);
    printf("%s\n", (const char *)json_writer_finish(writer).p);
    arena_free(arena);
}

static const char *value_of(const struct listing_value *values, size_t count, const char *column)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].column, column) == 0)
            return values[i].text == NULL ? "" : values[i].text;
    return "";
}

static void write_table_row(const struct cli_listing *listing, const struct listing_value *values,
                            size_t count)
{
    struct arena *arena = arena_new();
    const char *line = "";
    for (size_t i = 0; i < listing->column_count; i++) {
        const struct cli_column *column = &listing->columns[i];
        const char *text = values == NULL ? column->name : value_of(values, count, column->name);
        line = arena_printf(arena, "%s%s%-*s", line, i == 0 ? "" : "  ",
                            i + 1 < listing->column_count ? column->width : 0, text);
    }
    say("%s", line);
    arena_free(arena);
}

static void write_in_full(const struct listing_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].text != NULL)
            say("%-24s %s", values[i].column, values[i].text);
}

static void write_row(void *context, const struct listing_value *values, size_t count)
{
    struct output *output = context;
    if (output->json)
        write_json(values, count);
    else if (output->in_full)
        write_in_full(values, count);
    else
        write_table_row(output->listing, values, count);
    output->rows++;
    snprintf(output->last_id, sizeof output->last_id, "%s", value_of(values, count, "id"));
}

/* ---- commands ---- */

static int write_rows(const struct cli_listing *listing, const char *path,
                      const struct listing_filter *filter, size_t max, struct output *output)
{
    struct store_error error;
    struct store_session *session = store_session_open(path, &error);
    bool read = session != NULL &&
                store_listing(session, listing->listing, filter, max, write_row, output) == STORE_OK;
    if (!read)
        fprintf(stderr, "acmegate %s: %s\n", listing->command,
                session == NULL ? error.message : "the database cannot be read");
    store_session_close(session);
    return read ? CLI_OK : CLI_FAILED;
}

static bool read_limit(const char *command, const char *text, size_t *out)
{
    char *end = NULL;
    long limit = text == NULL ? LIMIT_DEFAULT : strtol(text, &end, 10);
    bool good = (text == NULL || (end != text && *end == '\0')) && limit >= 1 && limit <= LIMIT_MAX;
    if (!good)
        fprintf(stderr, "acmegate %s: --limit takes a number from 1 to %d\n", command, LIMIT_MAX);
    else
        *out = (size_t)limit;
    return good;
}

int cli_list(const struct cli_listing *listing, const struct cli_database_arguments *arguments,
             const struct cli_list_options *options)
{
    size_t limit = 0;
    struct output output = {.listing = listing, .json = arguments->flag != NULL};
    struct listing_filter filter = {
        .endpoint = options->endpoint, .state = options->state, .name = options->name};
    if (!read_limit(listing->command, options->limit, &limit) ||
        (options->before != NULL && (filter.before = cli_read_id(listing->command, options->before)) == 0) ||
        (options->account != NULL && (filter.account = cli_read_id(listing->command, options->account)) == 0))
        return CLI_USAGE;
    if (!output.json)
        write_table_row(listing, NULL, 0);
    int status = write_rows(listing, arguments->path, &filter, limit, &output);
    if (status == CLI_OK && output.rows == limit)
        fprintf(stderr, "there may be more: --before %s\n", output.last_id);
    return status;
}

int cli_show(const struct cli_listing *listing, const struct cli_database_arguments *arguments,
             const struct listing_filter *filter)
{
    struct output output = {.listing = listing, .json = arguments->flag != NULL, .in_full = true};
    int status = write_rows(listing, arguments->path, filter, SHOWN_MAX, &output);
    if (status == CLI_OK && output.rows == 0) {
        fprintf(stderr, "acmegate %s: there is none of this id in %s\n", listing->command, arguments->path);
        return CLI_FAILED;
    }
    return status;
}
