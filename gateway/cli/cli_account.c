/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/housekeeping/account_export.h"
#include "gateway/runtime/clock.h"

static const struct cli_column columns[] = {{"id", 16},    {"endpoint", 12}, {"state", 11},  {"created", 20},
                                            {"orders", 6}, {"eab_kid", 16},  {"contacts", 0}};
static const char *const states[] = {"valid", "deactivated", "revoked", NULL};
static const struct cli_listing accounts = {LISTING_ACCOUNTS, states, columns,
                                            sizeof columns / sizeof *columns};

/* ---- list and show ---- */

static int list(const struct cli_arguments *arguments)
{
    return cli_list(&accounts, arguments);
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
};

/* "revoked" is what the server's own deactivation is called (RFC 8555 §7.1.2). */
static enum store_apply_result revoke_account(void *context, struct store_writer *writer)
{
    struct deactivation *deactivation = context;
    struct account *account = &deactivation->account;
    deactivation->found =
        store_account_load(store_reader_of(writer), deactivation->arena, deactivation->id, account);
    if (deactivation->found != STORE_OK || account->status != ACCOUNT_VALID)
        return STORE_DISCARD;
    account->status = ACCOUNT_REVOKED;
    const struct event event = {
        .at = clock_now(), .type = EVENT_ACCOUNT_REVOKED, .account_id = account->id, .actor = "operator"};
    return store_account_update(writer, account) == STORE_OK && store_event_insert(writer, &event) == STORE_OK
               ? STORE_APPLIED
               : STORE_DISCARD;
}

static int deactivate(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct deactivation deactivation = {
        .arena = arguments->arena, .id = cli_read_id(arguments, arguments->words[0]), .found = STORE_FAILED};
    if (deactivation.id == 0)
        return CLI_USAGE;
    struct store_command *command = store_command_open(arguments->database, &fault);
    bool written = command != NULL && store_write_now(command, revoke_account, &deactivation, &fault);
    store_command_close(command);
    int status = CLI_OK;
    if (written)
        printf("account %lld is revoked: its client orders nothing any more. Its certificates are not: see "
               "'acmegate cert "
               "list --account %lld' and 'acmegate cert revoke'\n",
               (long long)deactivation.id, (long long)deactivation.id);
    else if (deactivation.found == STORE_NOT_FOUND)
        status = cli_fail(arguments, CLI_FAILED, "%s", "there is no such account");
    else if (deactivation.found == STORE_OK && deactivation.account.status != ACCOUNT_VALID)
        status = cli_fail(arguments, CLI_FAILED, "%s", "the account is not valid any more");
    else
        status = cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return status;
}

/* ---- export and import ---- */

static int export(const struct cli_arguments *arguments)
{
    const char *out = cli_value(arguments, "out");
    struct fault fault;
    struct account_export_summary summary;
    struct store_reader *reader = store_reader_open(arguments->database, &fault);
    if (reader == NULL)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
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
    fprintf(stderr, "line %lld is not taken: %s\n", (long long)line, what);
}

static int import(const struct cli_arguments *arguments)
{
    struct fault fault;
    struct account_import_summary summary;
    const char *path = arguments->words[0];
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (stream == NULL)
        return cli_fail(arguments, CLI_FAILED, "%s: %s", path, strerror(errno));
    struct store_command *command = store_command_open(arguments->database, &fault);
    bool whole = command != NULL &&
                 account_import_from_stream(command, stream, clock_now(), tell_refused, &summary, &fault);
    bool opened = command != NULL;
    store_command_close(command);
    if (stream != stdin)
        fclose(stream);
    if (!opened)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    printf("added %lld, ended %lld, changed %lld, here already %lld, not taken %lld (accounts and external "
           "account keys)\n",
           (long long)summary.added, (long long)summary.ended, (long long)summary.changed,
           (long long)summary.present, (long long)summary.refused);
    if (!whole)
        return cli_fail(arguments, CLI_FAILED, "%s", fault.message);
    return summary.refused == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option export_options[] = {
    {"out", "FILE", "writes to this file, not to standard output", NULL, 0}, {0}};

static const struct cli_action actions[] = {
    {.name = "list",
     .needs = CLI_NEEDS_DATABASE,
     .options = cli_list_options,
     .help = "Lists accounts, the newest first.",
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
     .help = "Revokes an account: its client orders nothing any more. Its certificates stay good.",
     .run = deactivate},
    {.name = "export",
     .needs = CLI_NEEDS_DATABASE,
     .options = export_options,
     .help = "Writes accounts and external account keys, a JSON object a line, for 'account import'.",
     .run = export},
    {.name = "import",
     .words = "FILE",
     .words_min = 1,
     .words_max = 1,
     .needs = CLI_NEEDS_DATABASE,
     .help = "Takes what 'account export' wrote, with the same ids; - is standard input.",
     .run = import},
};

const struct cli_command cli_account = {"account",
                                        "look at accounts, end them, take them out of the database and back",
                                        actions, sizeof actions / sizeof *actions};
