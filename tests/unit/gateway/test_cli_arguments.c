/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' tables: what is refused, with which words, and that help names every option. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "../leaks.h"
#include "acme/base/unconst.h"
#include "command_output.h"
#include "gateway/cli/cli_help.h"

LEAK_CHECKED_SUITE(cli_arguments);

enum { WORDS_MAX = 8, LINES_OF_A_USAGE_ERROR = 3 };

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

Test(cli_arguments, O2_what_an_action_does_not_know_is_refused)
{
    static const struct {
        char *words[WORDS_MAX];
        const char *says;
    } cases[] = {
        {{"cert", "renew-early", "all", "--name", "only.test", "--database", "x"}, "unknown option '--name'"},
        {{"cert", "revoke", "1a", "--within", "1h", "--database", "x"}, "unknown option '--within'"},
        {{"cert", "revoke", "1a", "--raeson=superseded", "--database", "x"}, "did you mean --reason?"},
        {{"cert", "revoke", "--database", "x"}, "SERIAL is missing"},
        {{"cert", "revoke", "1a", "2b", "--database", "x"}, "'2b' is one word too many"},
        {{"cert", "revok", "1a"}, "unknown action 'revok'; did you mean revoke?"},
        {{"cert", "show", "xyz", "--database", "x"}, "'xyz' is not a serial number"},
        {{"cert"}, "the action is missing"},
        {{"order", "list", "--state", "nosuch", "--database", "x"},
         "'nosuch' is not a state; there are: pending"},
        {{"account", "list", "--state", "good", "--database", "x"},
         "'good' is not a state; there are: valid"},
        {{"cert", "list", "--state", "valid", "--database", "x"}, "'valid' is not a state; there are: good"},
        {{"eab", "list", "--state", "valid", "--database", "x"}, "'valid' is not a state; there are: good"},
        {{"account", "list", "--name", "x", "--database", "x"}, "unknown option '--name'"},
        {{"account", "show", "5", "--limit", "1", "--database", "x"}, "unknown option '--limit'"},
        {{"order", "list", "--limit", "0", "--database", "x"}, "--limit takes a number from 1 to 1000"},
        {{"order", "list", "--limit"}, "--limit needs a value"},
        {{"order", "list", "--json=yes", "--database", "x"}, "--json takes no value"},
        {{"order", "show", "x/y", "--database", "x"}, "'x/y' is not a valid id"},
        {{"db", "check", "--json", "--database", "x"}, "unknown option '--json'"},
        {{"issuer", "reset", "main", "--expiring", "1d"}, "unknown option '--expiring'"},
        {{"migration", "status", "-x"}, "unknown option '-x'"},
        {{"sign", "h.csr", "--config", "/nowhere"}, "--profile NAME is missing"},
        {{"import", "--config", "/nowhere"}, "name a file or folder"},
        {{"check", "--expiring", "soon", "--config", "/nowhere"}, "takes a duration"},
        {{"check", "file"}, "'file' is one word too many"},
        {{"serve", "--database", "x"}, "unknown option '--database'"},
        {{"dev", "--port", "0"}, "'0' is not a port number"},
        {{"config", "reference", "--config", "x"}, "unknown option '--config'"},
        {{"version", "now"}, "'now' is one word too many"},
        {{"explain", "a", "b", "--database", "x"}, "'b' is one word too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words[WORDS_MAX + 1] = {0};
        memcpy(words, cases[i].words, sizeof cases[i].words);
        struct output output = run(cli_find_command(words[0]), words);
        cr_expect_eq(output.status, CLI_USAGE, "case %zu", i);
        cr_expect_not_null(strstr(output.errors, cases[i].says), "case %zu: %s", i, output.errors);
        cr_expect_eq(count_lines(output.errors), LINES_OF_A_USAGE_ERROR, "case %zu: %s", i, output.errors);
        cr_expect_str_eq(output.text, "", "case %zu", i);
        free_output(&output);
    }
}

Test(cli_arguments, options_stand_anywhere_and_in_both_forms)
{
    static char *const cases[][WORDS_MAX] = {
        {"db", "path", "--database", "/a/b.db"},
        {"db", "--database", "/a/b.db", "path"},
        {"db", "--database=/a/b.db", "path"},
        {"db", "path", "--database", "/x", "--database", "/a/b.db"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *words[WORDS_MAX + 1] = {0};
        memcpy(words, cases[i], sizeof cases[i]);
        struct output output = run(&cli_db, words);
        cr_expect_eq(output.status, CLI_OK, "case %zu: %s", i, output.errors);
        cr_expect_str_eq(output.text, "/a/b.db\n", "case %zu", i);
        free_output(&output);
    }
}

/* Each action, by its own --help. */
Test(cli_arguments, help_names_every_option)
{
    enum { OPTIONS_MAX = 32 };
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        cr_expect_eq(cli_find_command(command->name), command);
        for (size_t j = 0; j < command->action_count; j++) {
            const struct cli_action *action = &command->actions[j];
            const struct cli_option *options[OPTIONS_MAX];
            char *words[] = {UNCONST(char *, command->name),
                             action->name == NULL ? "--help" : UNCONST(char *, action->name),
                             action->name == NULL ? NULL : "--help", NULL};
            struct output output = run(command, words);
            cr_expect_eq(output.status, CLI_OK, "%s", command->name);
            cr_expect_not_null(strstr(output.text, action->help == NULL ? "?" : "usage: acmegate "));
            size_t count = cli_options_of(action, options, OPTIONS_MAX);
            cr_expect_lt(count, OPTIONS_MAX);
            for (size_t k = 0; k < count; k++) {
                char wanted[64];
                snprintf(wanted, sizeof wanted, "--%s", options[k]->name);
                cr_expect_not_null(strstr(output.text, wanted), "%s: %s", command->name, wanted);
            }
            free_output(&output);
        }
    }
}

Test(cli_arguments, an_unknown_command_is_told_the_nearest)
{
    char *text = NULL;
    size_t n = 0;
    FILE *err = stderr;
    stderr = open_memstream(&text, &n);
    const struct cli_command *command = cli_find_command("srve");
    fclose(stderr);
    stderr = err;
    cr_expect_null(command);
    cr_expect_not_null(strstr(text, "unknown command 'srve'; did you mean serve?"), "%s", text);
    free(text);
}
