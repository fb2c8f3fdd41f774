/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli_help.h"

#include <string.h>

enum { OPTIONS_MAX = 32, NAME_COLUMN_WIDTH = 26, LINE_MAX_COLUMNS = 100 };

/* "acmegate cert revoke SERIAL" */
static void print_synopsis(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[OPTIONS_MAX];
    fprintf(out, "acmegate %s", command->name);
    if (action->name != NULL)
        fprintf(out, " %s", action->name);
    if (action->words != NULL)
        fprintf(out, " %s", action->words);
    if (cli_options_of(action, options, OPTIONS_MAX) != 0)
        fprintf(out, " [OPTION…]");
    fprintf(out, "\n");
}

static void print_words(FILE *out, const char *text, int indent)
{
    int column = indent;
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (column != indent && column + 1 + (int)n > LINE_MAX_COLUMNS) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(out, "%s%.*s", column == indent ? "" : " ", (int)n, at);
        at += n + (at[n] == ' ');
    }
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char name[64], help[512];
    char letter[8] = "    ";
    if (option->letter != '\0')
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(name, sizeof name, "%s--%s%s%s", letter, option->name, option->value == NULL ? "" : " ",
             option->value == NULL ? "" : option->value);
    snprintf(help, sizeof help, "%s%s%s%s", option->help,
             option->fallback == NULL ? "" : " (default: ", option->fallback == NULL ? "" : option->fallback,
             option->fallback == NULL ? "" : ")");
    fprintf(out, "  %-*s  ", NAME_COLUMN_WIDTH, name);
    print_words(out, help, NAME_COLUMN_WIDTH + 4);
    fprintf(out, "\n");
}

static void print_action(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[OPTIONS_MAX];
    fprintf(out, "usage: ");
    print_synopsis(out, command, action);
    fprintf(out, "\n");
    print_words(out, action->help, 0);
    fprintf(out, "\n");
    size_t count = cli_options_of(action, options, OPTIONS_MAX);
    if (count != 0)
        fprintf(out, "\n");
    for (size_t i = 0; i < count; i++)
        print_option(out, options[i]);
    if (action->examples != NULL)
        fprintf(out, "\nExamples:\n");
    for (const char *const *example = action->examples; example != NULL && *example != NULL; example++)
        fprintf(out, "  %s\n", *example);
}

void cli_help(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    if (action == NULL && command->actions[0].name == NULL)
        action = &command->actions[0];
    if (action != NULL) {
        print_action(out, command, action);
        return;
    }
    fprintf(out, "acmegate %s: %s\n\n", command->name, command->help);
    for (size_t i = 0; i < command->action_count; i++) {
        fprintf(out, "  ");
        print_synopsis(out, command, &command->actions[i]);
        fprintf(out, "      ");
        print_words(out, command->actions[i].help, 6);
        fprintf(out, "\n");
    }
    fprintf(out, "\n'acmegate %s ACTION --help' shows the options of an action.\n", command->name);
}

void cli_usage(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    fprintf(out, "usage: ");
    if (action == NULL && command->actions[0].name == NULL)
        action = &command->actions[0];
    if (action == NULL) {
        fprintf(out, "acmegate %s ", command->name);
        for (size_t i = 0; i < command->action_count; i++)
            fprintf(out, "%s%s", i == 0 ? "" : "|", command->actions[i].name);
        fprintf(out, "\n");
    } else {
        print_synopsis(out, command, action);
    }
    fprintf(out, "See 'acmegate %s%s%s --help'.\n", command->name,
            action == NULL || action->name == NULL ? "" : " ",
            action == NULL || action->name == NULL ? "" : action->name);
}

void cli_overview(FILE *out, const struct cli_command *const *commands, size_t count)
{
    fprintf(out, "usage: acmegate COMMAND …\n\nAn ACME server in front of step-ca. Commands:\n\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-9s  %s\n", commands[i]->name, commands[i]->help);
    fprintf(out, "\n'acmegate COMMAND --help' shows the options of a command.\n"
                 "Exit status: 0 for success, 1 for a failure, 2 for wrong usage.\n");
}
