/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acme/urls.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/terminal.h"
#include "store/listing.h"

enum { LIMIT_MAX = 1000, SHOWN_MAX = 10 };

const struct cli_option cli_list_options[] = {CLI_LIST_OPTIONS, {0}};

int64_t cli_read_id(const struct cli_arguments *arguments, const char *text)
{
    const char *slash = strrchr(text, '/');
    int64_t id = url_parse_id(bytes_from_string(slash == NULL ? text : slash + 1));
    if (id == 0)
        cli_fail(arguments, CLI_USAGE, "'%s' is not a valid id", text);
    return id;
}

/* ---- writing rows ---- */

struct output {
    const struct cli_listing *listing;
    bool json;
    bool in_full; /* every column, each on a line of its own */
    int failed;   /* errno of a row that could not be written; 0: none */
    size_t rows;
    char last_id[32];
};

/* How JSON has the columns that SQL has as text. */
enum form { FORM_WORDS, FORM_STORED, FORM_YES_NO };
static const struct {
    const char *column;
    enum form form;
} forms[] = {
    {"names", FORM_WORDS},         {"names_allow", FORM_WORDS}, {"names_deny", FORM_WORDS},
    {"profiles", FORM_WORDS},      {"contacts", FORM_STORED},   {"trusted", FORM_YES_NO},
    {"terms_agreed", FORM_YES_NO},
};

static void write_formed(struct json_writer *writer, struct arena *arena, enum form form, const char *text)
{
    if (form == FORM_WORDS)
        cli_json_write_words(writer, arena, text);
    else if (form == FORM_STORED)
        cli_json_write_stored(writer, arena, text);
    else
        json_write_boolean(writer, text != NULL && strcmp(text, "yes") == 0);
}

static void write_value(struct json_writer *writer, struct arena *arena, const struct listing_value *value)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].column, value->column) == 0) {
            write_formed(writer, arena, forms[i].form, value->text);
            return;
        }
    }
    if (value->text == NULL)
        json_write_null(writer);
    else if (value->is_number)
        json_write_raw(writer, bytes_from_string(value->text));
    else
        json_write_string(writer, value->text);
}

static bool write_json(const struct listing_value *values, size_t count)
{
    struct arena *arena = arena_new();
    struct json_writer *writer = cli_json_begin(arena);
    for (size_t i = 0; i < count; i++) {
        json_key(writer, values[i].column);
        write_value(writer, arena, &values[i]);
    }
    bool written = cli_json_print(writer);
    int number = errno;
    arena_free(arena);
    errno = number;
    return written;
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
        output->failed = write_json(values, count) ? output->failed : errno;
    else if (output->in_full)
        write_in_full(values, count);
    else
        write_table_row(output->listing, values, count);
    output->rows++;
    snprintf(output->last_id, sizeof output->last_id, "%s", value_of(values, count, "id"));
}

/* ---- commands ---- */

static int write_rows(const struct cli_arguments *arguments, const struct listing_filter *filter, size_t max,
                      struct output *output)
{
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    bool read = store_listing(reader, output->listing->listing, filter, max, write_row, output) == STORE_OK;
    store_reader_close(reader);
    if (!read)
        return cli_fail(arguments, CLI_FAILED, "%s cannot be read", store_location_text(arguments->location));
    return output->failed
               ? cli_fail(arguments, CLI_FAILED, "the rows cannot be written: %s", strerror(output->failed))
               : CLI_OK;
}

/* Sets `out` to NULL without the option. A state that no row can have is an error, not an empty list. */
static bool read_state(const struct cli_listing *listing, const struct cli_arguments *arguments,
                       const char **out)
{
    *out = cli_value(arguments, "state");
    const char *known = "";
    for (size_t i = 0; listing->states[i] != NULL; i++) {
        if (*out == NULL || strcmp(listing->states[i], *out) == 0)
            return true;
        known = arena_printf(arguments->arena, "%s%s%s", known, i == 0 ? "" : ", ", listing->states[i]);
    }
    cli_fail(arguments, CLI_USAGE, "--state: '%s' is not a state; the states are: %s", *out, known);
    return false;
}

/* False, with a message, for a value that is not an id. */
static bool read_id(const struct cli_arguments *arguments, const char *option, int64_t *out)
{
    const char *text = cli_value(arguments, option);
    *out = text == NULL ? 0 : cli_read_id(arguments, text);
    return text == NULL || *out != 0;
}

struct list {
    const struct cli_listing *listing;
    struct listing_filter filter;
    int64_t limit;
};

static int show_list(const struct cli_arguments *arguments, void *context)
{
    const struct list *list = context;
    struct output output = {.listing = list->listing, .json = cli_wants_json(arguments)};
    if (!output.json)
        write_table_row(list->listing, NULL, 0);
    int status = write_rows(arguments, &list->filter, (size_t)list->limit, &output);
    if (status == CLI_OK && output.rows == (size_t)list->limit && !cli_wants_watch(arguments))
        fprintf(stderr, "there may be more rows: continue with --before %s\n", output.last_id);
    return status;
}

int cli_list(const struct cli_listing *listing, const struct cli_arguments *arguments,
             const struct listing_filter *own)
{
    struct list list = {.listing = listing, .filter = *own};
    struct listing_filter *filter = &list.filter;
    filter->endpoint = cli_value(arguments, "endpoint");
    filter->name = cli_value(arguments, "name");
    if (!cli_read_number(arguments, "limit", 1, LIMIT_MAX, &list.limit) ||
        !read_state(listing, arguments, &filter->state) || !read_id(arguments, "before", &filter->before) ||
        !read_id(arguments, "account", &filter->account))
        return CLI_USAGE;
    return cli_watch(arguments, show_list, &list);
}

int cli_show(const struct cli_listing *listing, const struct cli_arguments *arguments,
             const struct listing_filter *filter)
{
    struct output output = {.listing = listing, .json = cli_wants_json(arguments), .in_full = true};
    int status = write_rows(arguments, filter, SHOWN_MAX, &output);
    if (status == CLI_OK && output.rows == 0)
        status = cli_fail(arguments, CLI_FAILED, "no %s '%s' in %s", arguments->command->name,
                          arguments->words[0], store_location_text(arguments->location));
    return status;
}
