/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/completion.h"
#include "gateway/manual/manual.h"

static const char beginning[] =
    "# bash completion for acmegate, written by acmegate_manual from the tables of the commands\n"
    "_acmegate()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local at=${COMP_WORDS[1]} argument=options value='' choices='' options='--help'\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)) || [[ $at == help ]]; then\n"
    "        options='";

/* In turn: the actions of the command, the options of the action, the value of the option before. */
static const char actions_begin[] = "'\n"
                                    "        at=''\n"
                                    "    fi\n"
                                    "    case $at in\n";
static const char options_begin[] = "    esac\n"
                                    "    case $at in\n";
static const char values_begin[] = "    esac\n"
                                   "    case \"$at $before\" in\n";

static const char ending[] =
    "    esac\n"
    "    [[ $word != -* ]] || argument=options\n"
    "    case ${value:-$argument} in\n"
    "    files) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "    folders) mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
    "    choices) mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$word\") ;;\n"
    "    options) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _acmegate acmegate\n";

static const char *const kinds[] = {"nothing", "files", "folders", "choices"};

static void write_actions(FILE *out, const struct cli_command *command)
{
    fprintf(out, "    %s)\n        if ((COMP_CWORD == 2)); then\n            options='", command->name);
    completion_actions(out, command);
    fprintf(out, "'\n        else\n            at+=\" ${COMP_WORDS[2]}\"\n        fi\n        ;;\n");
}

static void write_place(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    fprintf(out, "%s%s%s", command->name, action->name == NULL ? "" : " ",
            action->name == NULL ? "" : action->name);
}

/* An argument that nothing completes leaves room for the options. */
static void write_options(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[COMPLETION_OPTIONS_MAX];
    size_t count = cli_options_of(action, options, COMPLETION_OPTIONS_MAX);
    enum completion argument = completion_of(action->words);
    fprintf(out, "    '");
    write_place(out, command, action);
    fprintf(out, "')\n        options='--help");
    for (size_t i = 0; i < count; i++)
        fprintf(out, " --%s", options[i]->name);
    fprintf(out, "'\n");
    if (argument != COMPLETE_NOTHING)
        fprintf(out, "        argument=%s\n", kinds[argument]);
    if (argument == COMPLETE_CHOICES) {
        fprintf(out, "        choices='");
        completion_choices(out, action->words);
        fprintf(out, "'\n");
    }
    fprintf(out, "        ;;\n");
}

static void write_values(FILE *out, const struct cli_command *command, const struct cli_action *action)
{
    const struct cli_option *options[COMPLETION_OPTIONS_MAX];
    size_t count = cli_options_of(action, options, COMPLETION_OPTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (options[i]->value == NULL)
            continue;
        fprintf(out, "    '");
        write_place(out, command, action);
        fprintf(out, " --%s'", options[i]->name);
        if (options[i]->letter != '\0') {
            fprintf(out, " | '");
            write_place(out, command, action);
            fprintf(out, " -%c'", options[i]->letter);
        }
        enum completion value = completion_of(options[i]->value);
        fprintf(out, ") value=%s", kinds[value]);
        if (value == COMPLETE_CHOICES) {
            fprintf(out, " choices='");
            completion_choices(out, options[i]->value);
            fprintf(out, "'");
        }
        fprintf(out, " ;;\n");
    }
}

static void for_each_action(FILE *out, void (*write)(FILE *out, const struct cli_command *command,
                                                     const struct cli_action *action))
{
    for (size_t i = 0; i < cli_command_count; i++)
        for (size_t k = 0; k < cli_commands[i]->action_count; k++)
            write(out, cli_commands[i], &cli_commands[i]->actions[k]);
}

void completion_bash(FILE *out, const char *date)
{
    (void)date;
    fprintf(out, "%s", beginning);
    completion_commands(out);
    fprintf(out, "%s", actions_begin);
    for (size_t i = 0; i < cli_command_count; i++)
        if (completion_has_actions(cli_commands[i]))
            write_actions(out, cli_commands[i]);
    fprintf(out, "%s", options_begin);
    for_each_action(out, write_options);
    fprintf(out, "%s", values_begin);
    for_each_action(out, write_values);
    fprintf(out, "%s", ending);
}
