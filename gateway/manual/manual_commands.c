/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/cli_help.h"
#include "gateway/manual/manual.h"
#include "gateway/manual/mdoc.h"

enum { OPTIONS_MAX = 32, WORD_MAX_BYTES = 64 };

static const char beginning[] =
    ".Sh NAME\n"
    ".Nm acmegate\n"
    ".Nd ACME server in front of step\\-ca\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Ar command\n"
    ".Op Ar option ...\n"
    ".Nm\n"
    ".Ar command\n"
    ".Fl Fl help\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "is an ACME server (RFC 8555) for people who run step\\-ca.\n"
    "Standard clients such as certbot, lego and Caddy order certificates from it.\n"
    "It proves control of the names and applies the limits of its configuration.\n"
    "The CA then signs: a step\\-ca, or a local CA of\n"
    ".Nm\n"
    "itself.\n"
    "Accounts, orders, certificates and an audit trail are in one SQLite file.\n"
    ".Pp\n"
    ".Dl acmegate serve\n"
    ".Pp\n"
    "runs the server with the configuration that\n"
    ".Xr acmegate.json 5\n"
    "describes.\n"
    "The other commands show and change what the server keeps.\n"
    "They work while it runs.\n"
    ".Sh COMMANDS\n";

static const char ending[] = ".Sh ENVIRONMENT\n"
                             ".Bl -tag -width ACMEGATE_CONFIG\n"
                             ".It Ev ACMEGATE_CONFIG\n"
                             "The configuration file, where\n"
                             ".Fl Fl config\n"
                             "does not name one.\n"
                             ".El\n"
                             ".Pp\n"
                             "Other variables override keys of the configuration:\n"
                             ".Xr acmegate.json 5 .\n"
                             ".Sh FILES\n"
                             ".Bl -tag -width Ds\n"
                             ".It Pa /etc/acmegate/acmegate.json\n"
                             "The configuration.\n"
                             ".It Pa /var/lib/acmegate/acmegate.db\n"
                             "The database, where the configuration does not name another.\n"
                             ".It Pa /var/lib/acmegate/acmegate.db.secret\n"
                             "The key that seals the secrets in the database.\n"
                             "Back it up apart from the database.\n"
                             ".It Pa /run/acmegate/admin.sock\n"
                             "The usual place of the admin API.\n"
                             ".El\n"
                             ".Sh EXIT STATUS\n"
                             "0 for success, 1 for a failure, 2 for wrong usage.\n"
                             ".Sh EXAMPLES\n"
                             "Check whether the configuration works and whether the CA signs:\n"
                             ".Pp\n"
                             ".Dl acmegate check\n"
                             ".Pp\n"
                             "Show what happened to the newest order for a name, and what to do next:\n"
                             ".Pp\n"
                             ".Dl acmegate explain host.internal\n"
                             ".Pp\n"
                             "Fail when a certificate that others depend on ends within two weeks:\n"
                             ".Pp\n"
                             ".Dl acmegate check \\-\\-expiring 14d\n"
                             ".Sh SEE ALSO\n"
                             ".Xr certbot 1 ,\n"
                             ".Xr sqlite3 1 ,\n"
                             ".Xr acmegate.json 5\n"
                             ".Sh STANDARDS\n"
                             ".Nm\n"
                             "follows RFC 8555 (ACME), RFC 8737 (tls\\-alpn\\-01), RFC 8738 (IP addresses),\n"
                             "RFC 8659 and 8657 (CAA), RFC 9444 (subdomains)\n"
                             "and RFC 9773 (renewal information).\n";

/* A word of "all | issuer ID" is a value when it has a capital, else it is typed as it stands. */
static void write_words(FILE *out, const char *words)
{
    char word[WORD_MAX_BYTES];
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (strcmp(word, "|") != 0)
            fprintf(out, isupper((unsigned char)word[0]) ? " Ar" : " Cm");
        mdoc_argument(out, word);
        at += n + (at[n] == ' ');
    }
}

static void write_option(FILE *out, const struct cli_option *option)
{
    fprintf(out, ".It");
    if (option->letter != '\0')
        fprintf(out, " Fl %c ,", option->letter);
    fprintf(out, " Fl Fl");
    mdoc_argument(out, option->name);
    if (option->value != NULL) {
        fprintf(out, " Ar");
        mdoc_argument(out, option->value);
    }
    fputc('\n', out);
    mdoc_text(out, option->help);
    if (option->fallback != NULL) {
        fprintf(out, "(default:\n.Cm");
        mdoc_argument(out, option->fallback);
        fprintf(out, " )\n");
    }
}

static void write_example(FILE *out, const char *line)
{
    fprintf(out, ".Dl");
    mdoc_argument(out, line);
    fputc('\n', out);
}

static void write_action(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[OPTIONS_MAX];
    size_t count = cli_options_of(action, options, OPTIONS_MAX);
    fprintf(out, ".It Nm Cm");
    mdoc_argument(out, command->name);
    if (action->name != NULL) {
        fprintf(out, " Cm");
        mdoc_argument(out, action->name);
    }
    if (action->words != NULL)
        write_words(out, action->words);
    fprintf(out, count == 0 ? "\n" : " Op Ar option ...\n");
    mdoc_text(out, action->help);
    if (count != 0)
        fprintf(out, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < count; i++)
        write_option(out, options[i]);
    if (count != 0)
        fprintf(out, ".El\n");
    for (const char *const *example = action->examples; example != NULL && *example != NULL; example++)
        write_example(out, *example);
}

void manual_commands(FILE *out, const char *date)
{
    fprintf(out, ".\\\" Written by acmegate_manual from the tables of the commands.\n");
    fprintf(out, ".Dd %s\n.Dt ACMEGATE 1\n.Os\n%s", date, beginning);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        fprintf(out, ".Ss %s: ", command->name);
        mdoc_text(out, command->help);
        fprintf(out, ".Bl -tag -width Ds\n");
        for (size_t k = 0; k < command->action_count; k++)
            write_action(out, command, &command->actions[k]);
        fprintf(out, ".El\n");
    }
    fprintf(out, "%s", ending);
}
