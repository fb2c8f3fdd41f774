#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/accounts/account_export.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_list.h"
#include "gateway/runtime/clock.h"

static const char usage[] = "usage: acmegate account list [--endpoint NAME] [--state STATE] [--before ID] "
                            "[--limit N] [--json] --config FILE\n"
                            "       acmegate account show ID [--json] --config FILE\n"
                            "       acmegate account deactivate ID --config FILE\n"
                            "       acmegate account export [--out FILE] --config FILE\n"
                            "       acmegate account import FILE --config FILE\n";

static const struct cli_column columns[] = {{"id", 16},    {"endpoint", 12}, {"state", 11},  {"created", 20},
                                            {"orders", 6}, {"eab_kid", 16},  {"contacts", 0}};
static const struct cli_listing accounts = {"account", LISTING_ACCOUNTS, columns,
                                            sizeof columns / sizeof *columns};

struct options {
    struct cli_list_options list;
    const char *out;
};

static int fail(const char *message)
{
    fprintf(stderr, "acmegate account: %s\n", message);
    return CLI_FAILED;
}

/* ---- list and show ---- */

static int list(const struct cli_database_arguments *arguments, const struct options *options)
{
    return cli_list(&accounts, arguments, &options->list);
}

static int show(const struct cli_database_arguments *arguments, const struct options *options)
{
    (void)options;
    const struct listing_filter filter = {.id = cli_read_id("account", arguments->words[1])};
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
static enum store_apply_result revoke_account(void *context, struct store_session *session)
{
    struct deactivation *deactivation = context;
    struct account *account = &deactivation->account;
    deactivation->found = store_account_load(session, deactivation->arena, deactivation->id, account);
    if (deactivation->found != STORE_OK || account->status != ACCOUNT_VALID)
        return STORE_DISCARD;
    account->status = ACCOUNT_REVOKED;
    const struct event event = {
        .at = clock_now(), .kind = "account.revoked", .account_id = account->id, .who = "operator"};
    return store_account_update(session, account) == STORE_OK &&
                   store_event_insert(session, &event) == STORE_OK
               ? STORE_APPLIED
               : STORE_DISCARD;
}

static int deactivate(const struct cli_database_arguments *arguments, const struct options *options)
{
    (void)options;
    struct store_error error;
    struct deactivation deactivation = {.id = cli_read_id("account", arguments->words[1]),
                                        .found = STORE_FAILED};
    if (deactivation.id == 0)
        return CLI_USAGE;
    deactivation.arena = arena_new();
    struct store_session *session = store_session_open_for_command(arguments->path, &error);
    bool written = session != NULL && store_write_now(session, revoke_account, &deactivation, &error);
    store_session_close(session);
    int status = CLI_OK;
    if (written)
        printf("account %lld is revoked: its client orders nothing any more. Its certificates are not: see "
               "'acmegate cert "
               "list --account %lld' and 'acmegate cert revoke'\n",
               (long long)deactivation.id, (long long)deactivation.id);
    else if (deactivation.found == STORE_NOT_FOUND)
        status = fail("there is no such account");
    else if (deactivation.found == STORE_OK && deactivation.account.status != ACCOUNT_VALID)
        status = fail("the account is not valid any more");
    else
        status = fail(error.message);
    arena_free(deactivation.arena);
    return status;
}

/* ---- export and import ---- */

static int export(const struct cli_database_arguments *arguments, const struct options *options)
{
    struct store_error error;
    char why[ACCOUNT_EXPORT_WHY_BYTES];
    struct account_export_summary summary;
    struct store_session *session = store_session_open(arguments->path, &error);
    if (session == NULL)
        return fail(error.message);
    bool written = options->out == NULL
                       ? account_export_to_stream(session, stdout, clock_now(), &summary, why)
                       : account_export_to_file(session, options->out, clock_now(), NULL, &summary, why);
    store_session_close(session);
    if (written && fflush(stdout) != 0) {
        snprintf(why, sizeof why, "the export cannot be written: %s", strerror(errno));
        written = false;
    }
    if (!written)
        return fail(why);
    fprintf(stderr, "exported %lld accounts and %lld external account keys\n", (long long)summary.accounts,
            (long long)summary.eab_keys);
    return CLI_OK;
}

static void tell_refused(int64_t line, const char *what)
{
    fprintf(stderr, "line %lld is not taken: %s\n", (long long)line, what);
}

static int import(const struct cli_database_arguments *arguments, const struct options *options)
{
    (void)options;
    struct store_error error;
    char why[ACCOUNT_EXPORT_WHY_BYTES];
    struct account_import_summary summary;
    const char *path = arguments->words[1];
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (stream == NULL) {
        fprintf(stderr, "acmegate account: %s: %s\n", path, strerror(errno));
        return CLI_FAILED;
    }
    struct store_session *session = store_session_open_for_command(arguments->path, &error);
    bool whole = session != NULL &&
                 account_import_from_stream(session, stream, clock_now(), tell_refused, &summary, why);
    bool opened = session != NULL;
    store_session_close(session);
    if (stream != stdin)
        fclose(stream);
    if (!opened)
        return fail(error.message);
    printf("added %lld, ended %lld, changed %lld, here already %lld, not taken %lld (accounts and external "
           "account keys)\n",
           (long long)summary.added, (long long)summary.ended, (long long)summary.changed,
           (long long)summary.present, (long long)summary.refused);
    if (!whole)
        return fail(why);
    return summary.refused == 0 ? CLI_OK : CLI_FAILED;
}

static const struct account_command {
    const char *name;
    size_t words;
    int (*run)(const struct cli_database_arguments *arguments, const struct options *options);
} commands[] = {
    {"list", 1, list},     {"show", 2, show},     {"deactivate", 2, deactivate},
    {"export", 1, export}, {"import", 2, import},
};

static int run(const struct cli_database_arguments *arguments, const struct options *options)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (arguments->word_count == commands[i].words && strcmp(arguments->words[0], commands[i].name) == 0)
            return commands[i].run(arguments, options);
    fprintf(stderr, "%s", usage);
    return CLI_USAGE;
}

int cli_account(int argc, char **argv)
{
    enum { COUNT = CLI_LIST_OPTIONS_OF_ALL + 1 };
    struct options given = {0};
    struct cli_option options[COUNT];
    struct cli_database_arguments arguments;
    struct arena *arena = arena_new();
    cli_list_options_of_all(&given.list, options);
    options[COUNT - 1] = (struct cli_option){"--out", &given.out};
    int status = cli_database_arguments(arena, argc, argv, options, COUNT, &arguments);
    if (status == CLI_OK)
        status = run(&arguments, &given);
    arena_free(arena);
    return status;
}
