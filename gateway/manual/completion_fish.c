/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/completion.h"
#include "gateway/manual/manual.h"

/* "complete -c acmegate -n CONDITION", for the words that stand before. */
static void write_condition(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    fprintf(out, "complete -c acmegate -n '__fish_seen_subcommand_from %s", command->name);
    if (action != NULL && action->name != NULL)
        fprintf(out, "; and __fish_seen_subcommand_from %s", action->name);
    if (action == NULL) {
        fprintf(out, "; and not __fish_seen_subcommand_from ");
        completion_actions(out, command);
    }
    fprintf(out, "'");
}

/* -r: a value follows; -F: files complete it, in spite of the -f for all. */
static void write_value(FILE *out, const char *words)
{
    switch (completion_of(words)) {
    case COMPLETE_FILES:
        fprintf(out, " -r -F");
        break;
    case COMPLETE_FOLDERS:
        fprintf(out, " -x -a '(__fish_complete_directories)'");
        break;
    case COMPLETE_CHOICES:
        fprintf(out, " -x -a '");
        completion_choices(out, words);
        fprintf(out, "'");
        break;
    case COMPLETE_NOTHING:
        fprintf(out, " -x");
        break;
    }
}

static void write_description(FILE *out, const char *text)
{
    fprintf(out, " -d '");
    for (const char *at = text; *at != '\0'; at++)
        fprintf(out, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
    fprintf(out, "'\n");
}

static void write_argument(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    enum completion argument = completion_of(action->words);
    if (argument != COMPLETE_FILES && argument != COMPLETE_CHOICES)
        return;
    write_condition(out, command, action);
    if (argument == COMPLETE_FILES) {
        fprintf(out, " -F\n");
        return;
    }
    fprintf(out, " -a '");
    completion_choices(out, action->words);
    fprintf(out, "'\n");
}

static void write_action(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[COMPLETION_OPTIONS_MAX];
    size_t count = cli_options_of(action, options, COMPLETION_OPTIONS_MAX);
    write_argument(out, command, action);
    for (size_t i = 0; i < count; i++) {
        write_condition(out, command, action);
        fprintf(out, " -l %s", options[i]->name);
        if (options[i]->letter != '\0')
            fprintf(out, " -s %c", options[i]->letter);
        if (options[i]->value != NULL)
            write_value(out, options[i]->value);
        write_description(out, options[i]->help);
    }
}

static void write_command(FILE *out, const struct cli_command *command)
{
    fprintf(out, "complete -c acmegate -n __fish_use_subcommand -a %s", command->name);
    write_description(out, command->help);
    for (size_t i = 0; completion_has_actions(command) && i < command->action_count; i++) {
        write_condition(out, command, NULL);
        fprintf(out, " -a %s", command->actions[i].name);
        write_description(out, command->actions[i].help);
    }
    for (size_t i = 0; i < command->action_count; i++)
        write_action(out, command, &command->actions[i]);
}

void completion_fish(FILE *out, const char *date)
{
    (void)date;
    fprintf(out,
            "# fish completion for acmegate, written by acmegate_manual from the tables of the commands\n"
            "complete -c acmegate -f\n"
            "complete -c acmegate -l help -d 'describe the options'\n"
            "complete -c acmegate -n __fish_use_subcommand -a help -d 'describe a command'\n"
            "complete -c acmegate -n '__fish_seen_subcommand_from help' -a '");
    completion_commands(out);
    fprintf(out, "'\n");
    for (size_t i = 0; i < cli_command_count; i++)
        write_command(out, cli_commands[i]);
}
