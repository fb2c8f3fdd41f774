/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/housekeeping/account_export.h"
#include "gateway/runtime/clock.h"
#include "store/accounts.h"
#include "store/events.h"
#include "store/listing.h"

static const struct cli_column columns[] = {{"id", 16},    {"endpoint", 12}, {"state", 11},  {"created", 20},
                                            {"orders", 6}, {"eab_kid", 16},  {"contacts", 0}};
static const char *const states[] = {"valid", "deactivated", "revoked", NULL};
static const struct cli_listing accounts = {LISTING_ACCOUNTS, states, columns,
                                            sizeof columns / sizeof *columns};

/* ---- list and show ---- */

static int list(const struct cli_arguments *arguments)
{
    return cli_list(&accounts, arguments, &(struct listing_filter){0});
}

static int show(const struct cli_arguments *arguments)
{
    const struct listing_filter filter = {.id = cli_read_id(arguments, arguments->words[0])};
    return filter.id == 0 ? CLI_USAGE : cli_show(&accounts, arguments, &filter);
}

/* ---- deactivate ---- */

struct deactivation {
    struct arena *arena;
    int64_t id;
    struct account account;
    enum store_result found;
    bool is_over; /* it was not valid before */
};

/* A deactivation by the server is called "revoked" (RFC 8555 §7.1.2). */
static enum store_apply_result revoke_account(void *context, struct store_writer *writer)
{
    struct deactivation *deactivation = context;
    struct account *account = &deactivation->account;
    deactivation->found =
        store_account_load(store_reader_of(writer), deactivation->arena, deactivation->id, account);
    deactivation->is_over = deactivation->found == STORE_OK && account->status != ACCOUNT_VALID;
    if (deactivation->found != STORE_OK || deactivation->is_over)
        return STORE_DISCARD;
    account->status = ACCOUNT_REVOKED;
    const struct event event = {
        .at = clock_now(), .type = EVENT_ACCOUNT_REVOKED, .account_id = account->id, .actor = "operator"};
    enum store_result result = store_account_update(writer, account);
    return store_applied(result == STORE_OK ? store_event_insert(writer, &event) : result);
}

static int deactivate(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct deactivation deactivation = {
        .arena = arguments->arena, .id = cli_read_id(arguments, arguments->words[0]), .found = STORE_FAILED};
    if (deactivation.id == 0)
        return CLI_USAGE;
    long long id = deactivation.id;
    bool written = cli_write(arguments, revoke_account, &deactivation, &fault);
    if (deactivation.found == STORE_NOT_FOUND)
        return cli_fail(arguments, CLI_FAILED, "no account with the id %lld", id);
    if (deactivation.is_over)
        return cli_fail(arguments, CLI_FAILED, "account %lld is already %s", id,
                        account_status_name(deactivation.account.status));
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    if (cli_wants_json(arguments)) {
        struct json_writer *writer = cli_json_begin(arguments->arena);
        json_put_integer(writer, "id", id);
        json_put_string(writer, "state", "revoked");
        return cli_json_end(arguments, writer);
    }
    printf("account %lld is revoked: its client can no longer order. Its certificates stay valid: list them "
           "with 'acmegate cert list --account %lld', revoke each with 'acmegate cert revoke SERIAL'\n",
           id, id);
    return CLI_OK;
}

/* ---- export and import ---- */

static int export(const struct cli_arguments *arguments)
{
    const char *out = cli_value(arguments, "out");
    struct fault fault;
    struct account_export_summary summary;
    struct store_reader *reader = cli_open_reader(arguments);
    if (reader == NULL)
        return CLI_FAILED;
    bool written = out == NULL ? account_export_to_stream(reader, stdout, clock_now(), &summary, &fault)
                               : account_export_to_file(reader, out, clock_now(), NULL, &summary, &fault);
    store_reader_close(reader);
    if (written && fflush(stdout) != 0) {
        fault_set(&fault, "the export cannot be written: %s", strerror(errno));
        written = false;
    }
    if (!written)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    fprintf(stderr, "exported %lld accounts and %lld external account keys\n", (long long)summary.accounts,
            (long long)summary.eab_keys);
    return CLI_OK;
}

static void tell_refused(int64_t line, const char *what)
{
    fprintf(stderr, "line %lld is refused: %s\n", (long long)line, what);
}

static int import(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct account_import_summary summary;
    const char *path = arguments->words[0];
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (stream == NULL)
        return cli_fail(arguments, CLI_FAILED, "%s: %s", path, strerror(errno));
    struct store_command *command = store_command_open(arguments->location, &fault);
    bool whole = command != NULL &&
                 account_import_from_stream(command, stream, clock_now(), tell_refused, &summary, &fault);
    bool opened = command != NULL;
    store_command_close(command);
    if (stream != stdin)
        fclose(stream);
    if (!opened)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    printf("added %lld, ended %lld, changed %lld, unchanged %lld, refused %lld (accounts and external "
           "account keys)\n",
           (long long)summary.added, (long long)summary.ended, (long long)summary.changed,
           (long long)summary.present, (long long)summary.refused);
    if (!whole)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return summary.refused == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option export_options[] = {
    {"out", "FILE", "writes to this file instead of standard output", NULL, 0}, {0}};

static const char *const list_examples[] = {"acmegate account list --state valid",
                                            "acmegate account list --json | jq .contacts", NULL};
static const char *const export_examples[] = {
    "acmegate account export --out /backup/acmegate/accounts.export", NULL};
static const char *const import_examples[] = {"acmegate account import /backup/acmegate/accounts.export",
                                              NULL};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_list_options,
     .help = "Lists accounts, the newest first.",
     .examples = list_examples,
     .run = list},
    {.name = "show",
     .words = "ID",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Shows one account.",
     .run = show},
    {.name = "deactivate",
     .words = "ID",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_json_option,
     .help = "Revokes an account: its client can no longer order. Its certificates stay valid.",
     .run = deactivate},
    {.name = "export",
     .needs = CLI_NEEDS_DATABASE,
     .options = export_options,
     .help = "Writes accounts and external account keys for 'account import', one JSON object a line.",
     .examples = export_examples,
     .run = export},
    {.name = "import",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Imports what 'account export' wrote, under the same ids; '-' reads standard input.",
     .examples = import_examples,
     .run = import},
};

const struct cli_command cli_account = {"account", "show accounts, end them, export and import them", actions,
                                        sizeof actions / sizeof *actions};
