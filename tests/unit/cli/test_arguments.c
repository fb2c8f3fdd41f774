/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' tables: what is refused, with which words, and that help names every option. */
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/unconst.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/cli_help.h"
#include "gateway/runtime/version.h"
#include "shell.h"

LEAK_CHECKED_SUITE(cli_arguments);

enum { LINES_OF_A_USAGE_ERROR = 3 };

Test(cli_arguments, O2_what_an_action_does_not_know_is_refused)
{
    static const struct command_case cases[] = {
        {"cert renew-early all --name only.test", CLI_USAGE, "", "unknown option '--name'\n"},
        {"cert revoke 1a --within 1h", CLI_USAGE, "", "unknown option '--within'\n"},
        {"cert revoke 1a --raeson=superseded", CLI_USAGE, "",
         "'--raeson=superseded'; did you mean --reason?\n"},
        {"cert revoke", CLI_USAGE, "", "acmegate cert revoke: SERIAL is missing\n"},
        {"cert revoke 1a 2b", CLI_USAGE, "", "unexpected argument '2b'\n"},
        {"cert revok 1a", CLI_USAGE, "", "acmegate cert: unknown action 'revok'; did you mean revoke?\n"},
        {"cert zzzzzzz", CLI_USAGE, "", "unknown action 'zzzzzzz'\n"},
        {"cert show xyz", CLI_USAGE, "", "'xyz' is not a hexadecimal serial number\n"},
        {"cert", CLI_USAGE, "", "acmegate cert: the action is missing\n"},
        {"order list --state nosuch", CLI_USAGE, "",
         "'nosuch' is not a state; the states are: pending, ready,"},
        {"account list --state good", CLI_USAGE, "",
         "'good' is not a state; the states are: valid, deactivated, revoked\n"},
        {"cert list --state valid", CLI_USAGE, "", "'valid' is not a state; the states are: good, expired,"},
        {"eab list --state valid", CLI_USAGE, "", "'valid' is not a state; the states are: good, used up,"},
        {"gateway list --state good", CLI_USAGE, "",
         "'good' is not a state; the states are: serving, stopped,"},
        {"gateway list --endpoint x", CLI_USAGE, "", "unknown option '--endpoint'"},
        {"account list --name x", CLI_USAGE, "", "unknown option '--name'"},
        {"account show 5 --limit 1", CLI_USAGE, "", "unknown option '--limit'"},
        {"order list --limit 0", CLI_USAGE, "", "--limit: '0' is not a number from 1 to 1000\n"},
        {"order list --limit 1001", CLI_USAGE, "", "'1001' is not a number from 1 to 1000\n"},
        {"order list --limit=", CLI_USAGE, "", "'' is not a number from 1 to 1000\n"},
        {"order list --limit 5x", CLI_USAGE, "", "'5x' is not a number"},
        {"order list --limit 99999999999999999999", CLI_USAGE, "", "is not a number"},
        {"order list --limit", CLI_USAGE, "", "--limit needs a value: --limit N\n"},
        {"order list --json=yes", CLI_USAGE, "", "--json takes no value\n"},
        {"order list --before x", CLI_USAGE, "", "'x' is not a valid id\n"},
        {"order list --account 0", CLI_USAGE, "", "'0' is not a valid id\n"},
        {"order show x/y", CLI_USAGE, "", "'x/y' is not a valid id\n"},
        {"account deactivate 0", CLI_USAGE, "", "'0' is not a valid id\n"},
        {"account show none", CLI_USAGE, "", "'none' is not a valid id\n"},
        {"db check --pem", CLI_USAGE, "", "unknown option '--pem'\n"},
        {"issuer reset main --expiring 1d", CLI_USAGE, "", "unknown option '--expiring'\n"},
        {"migration status -x", CLI_USAGE, "", "unknown option '-x'\n"},
        {"serve -vv", CLI_USAGE, "", "unknown option '-vv'\n"},
        {"sign h.csr", CLI_USAGE, "", "acmegate sign: --profile NAME is missing\n"},
        {"import", CLI_USAGE, "", "give a file or folder, or --step-ca-log FILE\n"},
        {"check --expiring soon", CLI_USAGE, "", "--expiring: 'soon' is not a duration such as 14d or 36h\n"},
        {"check --expiring 0s", CLI_USAGE, "", "'0s' is not a duration"},
        {"check file", CLI_USAGE, "", "unexpected argument 'file'\n"},
        {"serve --database x", CLI_USAGE, "", "unknown option '--database'\n"},
        {"dev --port 0", CLI_USAGE, "", "acmegate dev: --port: '0' is not a number from 1 to 65535\n"},
        {"dev --http-port 65536", CLI_USAGE, "", "--http-port: '65536' is not a number"},
        {"config reference --config x", CLI_USAGE, "", "unknown option '--config'"},
        {"version now", CLI_USAGE, "", "unexpected argument 'now'"},
        {"explain", CLI_USAGE, "", "NAME|ORDER|CAUSE|EVENT is missing\n"},
        {"explain a b", CLI_USAGE, "", "unexpected argument 'b'"},
    };
    shell_begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = run("%s", cases[i].line);
        expect_output(cases[i].line, &output, cases[i].status, cases[i].text, cases[i].errors);
        cr_expect_eq(count_lines(output.errors), LINES_OF_A_USAGE_ERROR, "%s: %s", cases[i].line,
                     output.errors);
        cr_expect_not_null(strstr(output.errors, "\nusage: acmegate "), "%s", cases[i].line);
    }
    shell_end();
}

Test(cli_arguments, options_stand_anywhere_and_in_both_forms)
{
    static const char *const lines[] = {
        "db path --database /a/b.db",    "db --database /a/b.db path",
        "db --database=/a/b.db path",    "db path --database /x --database /a/b.db",
        "db path --database /a/b.db --", "db path --config /nowhere --database /a/b.db",
    };
    shell_begin();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct output output = run("%s", lines[i]);
        expect_output(lines[i], &output, CLI_OK, "/a/b.db\n", "");
    }
    shell_end();
}

/* "--" ends the options; "-" is a word. */
Test(cli_arguments, words_that_look_like_options)
{
    static const struct command_case cases[] = {
        {"order show -- --json", CLI_USAGE, "", "'--json' is not a valid id\n"},
        {"order show -", CLI_USAGE, "", "'-' is not a valid id\n"},
        {"order show -- --help", CLI_USAGE, "", "'--help' is not a valid id\n"},
    };
    shell_begin();
    RUN_CASES(cases);
    shell_end();
}

/* Each action, by its own --help. */
Test(cli_arguments, help_names_every_option)
{
    enum { OPTIONS_MAX = 32 };
    shell_begin();
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        for (size_t j = 0; j < command->action_count; j++) {
            const struct cli_action *action = &command->actions[j];
            const struct cli_option *options[OPTIONS_MAX];
            struct output output =
                run("%s %s --help", command->name, action->name == NULL ? "" : action->name);
            expect_output(command->name, &output, CLI_OK, "usage: acmegate ", "");
            cr_expect_not_null(action->help);
            size_t count = cli_options_of(action, options, OPTIONS_MAX);
            cr_expect_lt(count, OPTIONS_MAX);
            for (size_t k = 0; k < count; k++) {
                char wanted[64];
                snprintf(wanted, sizeof wanted, "--%s", options[k]->name);
                cr_expect_not_null(strstr(output.text, wanted), "%s: %s", command->name, wanted);
            }
        }
    }
    shell_end();
}

Test(cli_arguments, help_of_the_program_of_a_command_and_of_an_action)
{
    static const struct command_case cases[] = {
        {"", CLI_USAGE, "", "usage: acmegate COMMAND …\n"},
        {"help", CLI_OK, "usage: acmegate COMMAND …\n", ""},
        {"--help", CLI_OK, "\n  serve      run the ACME server\n", ""},
        {"-h", CLI_OK, "Exit status: 0 for success, 1 for a failure, 2 for wrong usage.\n", ""},
        {"help db", CLI_OK,
         "acmegate db: make, check, back up, restore and copy the database\n\n  acmegate db migrate "
         "[OPTION…]\n",
         ""},
        {"help version", CLI_OK, "usage: acmegate version [OPTION…]\n\nShows the version, the commit", ""},
        {"help dbx", CLI_USAGE, "", "acmegate: unknown command 'dbx'; did you mean db?\n"},
        {"srve", CLI_USAGE, "",
         "acmegate: unknown command 'srve'; did you mean serve?\n'acmegate help' lists"},
        {"zzzzzzzzz", CLI_USAGE, "", "acmegate: unknown command 'zzzzzzzzz'\n'acmegate help' lists"},
        {"db --help", CLI_OK, "\n'acmegate db ACTION --help' shows the options of an action.\n", ""},
        {"db -h", CLI_OK, "acmegate db backup FILE [OPTION…]\n      Writes a copy", ""},
        {"db path --help", CLI_OK,
         "usage: acmegate db path [OPTION…]\n\nShows the path of the database, or its URI without a "
         "password, for sqlite3 or psql.\n\n"
         "      --json                  prints JSON, one object a line\n"
         "  -c, --config FILE           the configuration file (default: ACMEGATE_CONFIG, else\n"
         "                              /etc/acmegate/acmegate.json)\n"
         "      --database FILE         the database file, instead of the configuration's\n",
         ""},
        {"db nosuch --help", CLI_USAGE, "",
         "usage: acmegate db migrate|check|backup|restore|copy|vacuum|path\nSee 'acmegate db --help'.\n"},
        {"db path more --help", CLI_OK, "usage: acmegate db path", ""},
        {"db path more", CLI_USAGE, "",
         "usage: acmegate db path [OPTION…]\nSee 'acmegate db path --help'.\n"},
        {"version now", CLI_USAGE, "", "usage: acmegate version [OPTION…]\nSee 'acmegate version --help'.\n"},
        {"version", CLI_OK, "acmegate " ACMEGATE_VERSION "\ncommit " ACMEGATE_COMMIT "\nschema ", ""},
        {"--version", CLI_OK, "acmegate " ACMEGATE_VERSION "\ncommit ", ""},
        {"-V", CLI_OK, "\nSQLite ", ""},
        {"version --json", CLI_OK,
         "{\"version\":\"" ACMEGATE_VERSION "\",\"commit\":\"" ACMEGATE_COMMIT "\",\"schema\":", ""},
    };
    shell_begin();
    RUN_CASES(cases);
    shell_end();
}

/* Lines of help end before column 101, and words never break. */
Test(cli_arguments, help_is_wrapped)
{
    shell_begin();
    for (size_t i = 0; i < cli_command_count; i++) {
        struct output output = run("help %s", cli_commands[i]->name);
        for (const char *line = output.text; *line != '\0';) {
            size_t n = strcspn(line, "\n");
            cr_expect_leq(n, 100 + strlen("…") - 1, "%.*s", (int)n, line);
            cr_expect(n == 0 || line[n - 1] != ' ', "%.*s", (int)n, line);
            line += n + (line[n] == '\n');
        }
    }
    shell_end();
}

Test(cli_arguments, the_configuration_has_to_be_found)
{
    shell_begin();
    unsetenv("ACMEGATE_CONFIG");
    const char *good = shell_path("acmegate.json");
    const char *bad = shell_write("bad.json", "{\"frob\":1}");
    struct output output = run("db path --config %s", good);
    expect_output("--config", &output, CLI_OK, text_of("%s\n", shell.database.path), "");
    output = run("db path -c %s", good);
    expect_output("-c", &output, CLI_OK, text_of("%s\n", shell.database.path), "");
    const char *no_default =
        "/etc/acmegate/acmegate.json: cannot be read: No such file or directory (the default; --config FILE "
        "or the environment's ACMEGATE_CONFIG names another)\n";
    output = run("db path");
    expect_output("none", &output, CLI_USAGE, "", text_of("acmegate db path: %s", no_default));
    output = run("check");
    expect_output("none", &output, CLI_USAGE, "", text_of("acmegate check: %s", no_default));
    setenv("ACMEGATE_CONFIG", "", 1);
    output = run("db path");
    expect_output("an empty variable", &output, CLI_USAGE, "", no_default);
    setenv("ACMEGATE_CONFIG", bad, 1);
    output = run("db path --config %s", good);
    expect_output("the option wins", &output, CLI_OK, "acmegate.db\n", "");
    output = run("db path");
    expect_output("a fault", &output, CLI_FAILED, "", text_of("acmegate db path: %s: frob: ", bad));
    output = run("order list --config %s/none.json", shell.folder);
    expect_output("no file", &output, CLI_FAILED, "",
                  text_of("acmegate order list: %s/none.json: cannot be read: No such file or directory "
                          "(named by --config)\n",
                          shell.folder));
    setenv("ACMEGATE_CONFIG", shell_path("none.json"), 1);
    output = run("check");
    expect_output("no file of the variable", &output, CLI_FAILED, "",
                  text_of("acmegate check: %s/none.json: cannot be read: No such file or directory (named by "
                          "the environment's ACMEGATE_CONFIG)\n",
                          shell.folder));
    shell_end();
}

/* `acmegate COMMAND ACTION …` with options of that action alone. */
static void expect_example(const struct cli_command *command, const struct cli_action *action,
                           const char *example)
{
    const struct cli_option *options[32];
    size_t count = cli_options_of(action, options, 32);
    const char *begins = text_of("acmegate %s%s%s", command->name, action->name == NULL ? "" : " ",
                                 action->name == NULL ? "" : action->name);
    cr_expect_eq(strncmp(example, begins, strlen(begins)), 0, "%s", example);
    for (const char *option = example; (option = strstr(option, " --")) != NULL; option += 3) {
        bool known = false;
        size_t n = strcspn(option + 3, " ");
        for (size_t i = 0; i < count; i++)
            known = known || (strncmp(options[i]->name, option + 3, n) == 0 && options[i]->name[n] == '\0');
        cr_expect(known, "%s: unknown option%.*s", example, (int)n + 3, option);
    }
}

Test(cli_arguments, C7_examples_name_their_action_and_its_options)
{
    size_t examples = 0;
    shell_begin();
    for (size_t i = 0; i < cli_command_count; i++) {
        for (size_t j = 0; j < cli_commands[i]->action_count; j++) {
            const struct cli_action *action = &cli_commands[i]->actions[j];
            for (const char *const *at = action->examples; at != NULL && *at != NULL; at++, examples++)
                expect_example(cli_commands[i], action, *at);
        }
    }
    cr_expect_gt(examples, 15);
    shell_end();
}

Test(cli_arguments, C7_help_shows_examples)
{
    shell_begin();
    struct output output = run("cert list --help");
    expect_output("help", &output, CLI_OK, "\nExamples:\n  acmegate cert list --expiring 7d\n", "");
    output = run("db path --help");
    cr_expect_null(strstr(output.text, "Examples"), "%s", output.text);
    shell_end();
}
