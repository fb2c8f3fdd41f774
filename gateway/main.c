#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/cli/cli.h"

static const struct cli_command commands[] = {
    {"serve", "--config FILE [--verbose]", "run the ACME server", cli_serve},
    {"dev", "[--state DIR] [--port PORT] [--http-port PORT] [--verbose]",
     "run it with a CA, a database and a certificate of its own, to try it out", cli_dev},
    {"check", "--config FILE [--expiring 14d]",
     "say whether the configuration will work, the CA asked included, or which certificates end soon",
     cli_check},
    {"config", "show --config FILE | reference", "show every key with its value and where it came from",
     cli_config},
    {"account",
     "list [--endpoint NAME] [--state STATE] [--before ID] [--limit N] [--json] | show ID [--json] | "
     "deactivate ID | "
     "export [--out FILE] | import FILE --config FILE",
     "look at accounts, end them, take them out of the database and back", cli_account},
    {"order",
     "list [--name NAME] [--account ID] [--endpoint NAME] [--state STATE] [--before ID] [--limit N] [--json] "
     "| show ID "
     "[--json] --config FILE",
     "look at orders", cli_order},
    {"eab",
     "add ENDPOINT [--kid KID] [--allow NAMES] [--deny NAMES] [--profiles NAMES] [--trusted yes] [--expires "
     "30d] [--uses N] "
     "[--comment TEXT] | list [--endpoint NAME] [--state STATE] [--before ID] [--limit N] [--json] | revoke "
     "ENDPOINT KID "
     "--config FILE",
     "give out external account keys, and take them back", cli_eab},
    {"explain", "--config FILE NAME|ORDER", "say what became of an order and what to do", cli_explain},
    {"cert",
     "list [--name NAME] [--account ID] [--endpoint NAME] [--state STATE] [--before ID] [--limit N] [--json] "
     "| show SERIAL "
     "[--json] | revoke SERIAL [--reason REASON] | "
     "renew-early all|issuer ID|serial HEX [--within 24h] [--explanation URL] --config FILE",
     "look at certificates, revoke them, have clients renew them before their time", cli_cert},
    {"sign", "CSR --profile NAME [--endpoint NAME] [--out FILE] --config FILE",
     "have a certificate signed for a host that cannot speak ACME", cli_sign},
    {"import", "PATH… [--step-ca-log FILE|-] [--dry-run] --config FILE",
     "take certificates from elsewhere into the inventory", cli_import},
    {"migration", "status [--json] --config FILE",
     "show which names get their certificates here, and which still the old way", cli_migration},
    {"issuer", "reset ID --config FILE",
     "return an issuer that the admin API has changed to the file's section", cli_issuer},
    {"db", "migrate|check|backup FILE|path --config FILE", "look after the database", cli_db},
    {"version", "", "show the version", cli_version},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_usage(FILE *out, const struct cli_command *command)
{
    fprintf(out, "usage: acmegate %s%s%s\n", command->name, *command->arguments == '\0' ? "" : " ",
            command->arguments);
}

static void print_help(FILE *out)
{
    fprintf(out, "usage: acmegate COMMAND …\n\nAn ACME server in front of step-ca. Commands:\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-9s  %s\n             acmegate %s %s\n", commands[i].name, commands[i].help,
                commands[i].name, commands[i].arguments);
    fprintf(out, "\nExit status: 0 done, 1 failed, 2 not understood.\n");
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static bool asks_for_help(const char *argument)
{
    return strcmp(argument, "help") == 0 || strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* "acmegate COMMAND --help" is answered here, for all commands alike. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    if (wants_help(argc, argv)) {
        print_usage(stdout, command);
        printf("%s\n", command->help);
        return CLI_OK;
    }
    int status = command->run(argc, argv);
    if (status == CLI_USAGE)
        print_usage(stderr, command);
    return status;
}

int main(int argc, char **argv)
{
    /* A peer that has gone is an error of one write, not the end of the program. */
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (asks_for_help(argv[1])) {
        print_help(stdout);
        return CLI_OK;
    }
    const struct cli_command *command = find_command(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (command == NULL) {
        fprintf(stderr, "acmegate: %s is not a command\n\n", argv[1]);
        print_help(stderr);
        return CLI_USAGE;
    }
    return run(command, argc - 1, argv + 1);
}
