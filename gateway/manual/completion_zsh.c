/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/completion.h"
#include "gateway/manual/manual.h"

static const char beginning[] = "#compdef acmegate\n"
                                "# Written by acmegate_manual from the tables of the commands.\n"
                                "_acmegate() {\n"
                                "    local -a commands actions\n"
                                "    commands=(\n"
                                "        'help:describe a command'\n";

/* _arguments counts from the word before the first argument. */
static const char cases_begin[] = "    )\n"
                                  "    if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then\n"
                                  "        _describe command commands\n"
                                  "        return\n"
                                  "    fi\n"
                                  "    shift words\n"
                                  "    (( CURRENT-- ))\n"
                                  "    case $words[1] in\n";

static const char ending[] = "    esac\n"
                             "}\n"
                             "_acmegate \"$@\"\n";

/* Writes the message and the action of _arguments for a value: ":message:action". */
static void write_value(FILE *out, const char *words)
{
    fprintf(out, ":");
    completion_quoted(out, words, ":\\");
    fprintf(out, ":");
    switch (completion_of(words)) {
    case COMPLETE_FILES:
        fprintf(out, "_files");
        break;
    case COMPLETE_FOLDERS:
        fprintf(out, "_files -/");
        break;
    case COMPLETE_CHOICES:
        fprintf(out, "(");
        completion_choices(out, words);
        fprintf(out, ")");
        break;
    case COMPLETE_NOTHING:
        break;
    }
}

static void write_option(FILE *out, const struct cli_option *option, bool letter)
{
    if (letter)
        fprintf(out, " \\\n            '-%c[", option->letter);
    else
        fprintf(out, " \\\n            '--%s[", option->name);
    completion_quoted(out, option->help, "[]:\\");
    fprintf(out, "]");
    if (option->value != NULL)
        write_value(out, option->value);
    fprintf(out, "'");
}

static void write_arguments(FILE *out, const struct cli_action *action)
{
    const struct cli_option *options[COMPLETION_OPTIONS_MAX];
    size_t count = cli_options_of(action, options, COMPLETION_OPTIONS_MAX);
    fprintf(out, "        _arguments '--help[describe the options]'");
    for (size_t i = 0; i < count; i++) {
        write_option(out, options[i], false);
        if (options[i]->letter != '\0')
            write_option(out, options[i], true);
    }
    if (action->words != NULL) {
        fprintf(out, " \\\n            '*");
        write_value(out, action->words);
        fprintf(out, "'");
    }
    fprintf(out, "\n");
}

static void write_actions(FILE *out, const struct cli_command *command)
{
    fprintf(out, "        actions=(\n");
    for (size_t i = 0; i < command->action_count; i++) {
        fprintf(out, "            '%s:", command->actions[i].name);
        completion_quoted(out, command->actions[i].help, ":\\");
        fprintf(out, "'\n");
    }
    fprintf(out, "        )\n"
                 "        if (( CURRENT == 2 )); then\n"
                 "            _describe action actions\n"
                 "            return\n"
                 "        fi\n"
                 "        shift words\n"
                 "        (( CURRENT-- ))\n"
                 "        case $words[1] in\n");
    for (size_t i = 0; i < command->action_count; i++) {
        fprintf(out, "        %s)\n", command->actions[i].name);
        write_arguments(out, &command->actions[i]);
        fprintf(out, "        ;;\n");
    }
    fprintf(out, "        esac\n");
}

void completion_zsh(FILE *out, const char *date)
{
    (void)date;
    fprintf(out, "%s", beginning);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "        '%s:", cli_commands[i]->name);
        completion_quoted(out, cli_commands[i]->help, ":\\");
        fprintf(out, "'\n");
    }
    fprintf(out, "%s", cases_begin);
    for (size_t i = 0; i < cli_command_count; i++) {
        fprintf(out, "    %s)\n", cli_commands[i]->name);
        if (completion_has_actions(cli_commands[i]))
            write_actions(out, cli_commands[i]);
        else
            write_arguments(out, &cli_commands[i]->actions[0]);
        fprintf(out, "    ;;\n");
    }
    fprintf(out, "%s", ending);
}
