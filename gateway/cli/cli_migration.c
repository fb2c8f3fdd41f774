/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_migration.h"

#include <stdio.h>
#include <string.h>

#include "acme/base/time_text.h"
#include "acme/pki/x509_read.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/runtime/clock.h"
#include "store/certificates.h"
#include "store/names.h"

enum {
    PAGE_ROWS = 512,
    ROW_MAX_BYTES = 1024 * 1024 /* a certificate's names and provisioner, each octet escaped */,
    STATES = MIGRATION_STATE_END
};

struct status {
    const struct config *config;
    struct store_reader *reader;
    bool json;
    int64_t now;
    struct name_history history; /* of the name that is being read */
    char name[IDENTIFIER_VALUE_BYTES];
    size_t names;
    size_t states[STATES];
    int64_t imported_until; /* when the last imported certificate began */
    bool failed;
};

/* ---- one name ---- */

static void read_provisioner(struct status *status, struct arena *arena, struct migration_row *row)
{
    struct certificate certificate;
    enum store_result result =
        store_certificate_load(status->reader, arena, row->history->newest.id, &certificate);
    if (result != STORE_OK) {
        status->failed = status->failed || result == STORE_FAILED;
        return;
    }
    autofree_x509 X509 *leaf = x509_read(certificate.leaf);
    if (leaf == NULL || !stepca_signed_by(arena, leaf, &row->by))
        row->by = (struct stepca_signed_by){0};
}

static const char *provisioner_words(struct arena *arena, const struct migration_row *row)
{
    if (row->by.type == NULL)
        return "";
    return arena_printf(arena, " by %s (%s)", row->by.name, row->by.type);
}

static void print_table_row(struct arena *arena, const struct migration_row *row)
{
    const struct name_certificate *newest = &row->history->newest;
    char begins[TIME_TEXT_BYTES], expires[TIME_TEXT_BYTES];
    time_format(begins, newest->not_before);
    time_format(expires, newest->not_after);
    printf("%-32s  %-9s  %-20s  %s %s%s\n", newest->name, migration_state_name(row->state), expires, begins,
           certificate_origin_name(newest->origin), provisioner_words(arena, row));
    printf("%-34s%s\n", "", row->next);
}

static void print_json_row(struct arena *arena, const struct migration_row *row, bool first)
{
    const struct name_certificate *newest = &row->history->newest;
    struct json_writer *writer = json_writer_new(arena, ROW_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "name", newest->name);
    json_put_string(writer, "state", migration_state_name(row->state));
    json_put_string(writer, "path", certificate_origin_name(newest->origin));
    json_put_string(writer, "provisioner", row->by.name);
    json_put_string(writer, "provisioner_type", row->by.type);
    json_put_time(writer, "begins", newest->not_before);
    json_put_time(writer, "expires", newest->not_after);
    json_put_time(writer, "last_acme", row->history->last_acme);
    json_put_integer(writer, "certificates", row->history->certificates);
    json_put_integer(writer, "certificate_id", newest->id);
    json_put_string(writer, "next", row->next);
    json_end_object(writer);
    printf("%s\n  %s", first ? "" : ",", (const char *)json_writer_finish(writer).p);
}

static void print_row(struct status *status, struct arena *arena, const struct migration_row *row)
{
    if (status->json)
        print_json_row(arena, row, status->names == 0);
    else
        print_table_row(arena, row);
    status->names++;
    status->states[row->state]++;
}

/* Shows the name, after all its certificates have been read. */
static void end_name(struct status *status)
{
    struct arena *arena = arena_new();
    struct migration_row row = {.history = &status->history,
                                .state = migration_state_of(&status->history, status->now)};
    status->history.newest.name = status->name;
    if (status->history.newest.origin != CERTIFICATE_FROM_ACME)
        read_provisioner(status, arena, &row);
    if (migration_is_own(status->config, &row))
        row.state = MIGRATION_OWN;
    row.next = migration_next(arena, status->config, &row);
    print_row(status, arena, &row);
    status->history = (struct name_history){0};
    arena_free(arena);
}

static void take(struct status *status, const struct name_certificate *certificate)
{
    if (status->history.certificates != 0 && strcmp(certificate->name, status->name) != 0)
        end_name(status);
    snprintf(status->name, sizeof status->name, "%s", certificate->name);
    name_history_add(&status->history, certificate);
    if (certificate->origin == CERTIFICATE_IMPORTED && certificate->not_before > status->imported_until)
        status->imported_until = certificate->not_before;
}

/* ---- all of them, page by page ---- */

static void read_all(struct status *status)
{
    static struct name_certificate rows[PAGE_ROWS];
    struct arena *last_page = NULL;
    const struct name_certificate *after = NULL;
    size_t count = PAGE_ROWS;
    while (count == PAGE_ROWS && !status->failed) {
        struct arena *page = arena_new();
        status->failed =
            store_name_certificates(status->reader, page, after, rows, PAGE_ROWS, &count) == STORE_FAILED;
        for (size_t i = 0; i < count && !status->failed; i++)
            take(status, &rows[i]);
        after = &rows[PAGE_ROWS - 1];
        arena_free(last_page);
        last_page = page; /* `after` is in it */
    }
    arena_free(last_page);
    if (status->history.certificates != 0 && !status->failed)
        end_name(status);
}

static void print_sums(const struct status *status)
{
    char until[TIME_TEXT_BYTES];
    printf("%s%zu names", status->names == 0 ? "" : "\n", status->names);
    for (enum migration_state state = MIGRATION_MOVED; state < MIGRATION_STATE_END; state++)
        printf("%s%zu %s", state == MIGRATION_MOVED ? ": " : ", ", status->states[state],
               migration_state_name(state));
    printf("\n");
    if (status->imported_until != 0) {
        time_format(until, status->imported_until);
        printf("The newest imported certificate was issued at %s. Import the CA's log again to see later "
               "ones.\n",
               until);
    } else {
        printf("Nothing was imported: names that were never ordered here are missing. `acmegate import` adds "
               "them.\n");
    }
}

static void print_json_end(const struct status *status)
{
    struct arena *arena = arena_new();
    struct json_writer *writer = json_writer_new(arena, ROW_MAX_BYTES);
    json_begin_object(writer);
    for (enum migration_state state = MIGRATION_MOVED; state < MIGRATION_STATE_END; state++)
        json_put_integer(writer, migration_state_name(state), (int64_t)status->states[state]);
    json_end_object(writer);
    printf("%s],\n \"counts\": %s", status->names == 0 ? "" : "\n ",
           (const char *)json_writer_finish(writer).p);
    if (status->imported_until != 0) {
        char until[TIME_TEXT_BYTES];
        time_format(until, status->imported_until);
        printf(",\n \"imported_until\": \"%s\"", until);
    }
    printf("}\n");
    arena_free(arena);
}

static int run(const struct cli_arguments *arguments)
{
    struct fault fault;
    const bool json = cli_value(arguments, "json") != NULL;
    struct status status = {.config = cli_config(arguments), .json = json, .now = clock_now()};
    if (status.config == NULL)
        return CLI_FAILED;
    const struct store_location *location = config_location(arguments->arena, status.config);
    status.reader = store_reader_open(location, &fault);
    if (status.reader == NULL)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (json)
        printf("{\"names\": [");
    else
        printf("%-32s  %-9s  %-20s  %s\n", "NAME", "STATE", "EXPIRES", "LAST RENEWED, BY WHICH PATH");
    read_all(&status);
    if (json && !status.failed)
        print_json_end(&status);
    else if (!status.failed)
        print_sums(&status);
    store_reader_close(status.reader);
    if (status.failed)
        return cli_fail(arguments, CLI_FAILED, "%s cannot be read", store_location_text(location));
    return CLI_OK;
}

static const struct cli_action actions[] = {{.name = "status",
                                             .needs = CLI_NEEDS_CONFIG,
                                             .options = cli_json_option,
                                             .help = "Shows for each name whether its certificates come by "
                                                     "ACME or the old way, and what to do next.",
                                             .run = run}};

const struct cli_command cli_migration = {
    "migration", "show which names get their certificates here, and which the old way", actions, 1};
