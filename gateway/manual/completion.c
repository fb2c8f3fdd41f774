/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/completion.h"

#include <ctype.h>
#include <string.h>

enum completion completion_of(const char *words)
{
    if (words == NULL)
        return COMPLETE_NOTHING;
    if (strncmp(words, "FILE", 4) == 0 || strncmp(words, "PATH", 4) == 0 || strncmp(words, "CSR", 3) == 0)
        return COMPLETE_FILES;
    if (strcmp(words, "DIR") == 0)
        return COMPLETE_FOLDERS;
    return strchr(words, '|') != NULL && islower((unsigned char)words[0]) ? COMPLETE_CHOICES
                                                                          : COMPLETE_NOTHING;
}

void completion_choices(FILE *out, const char *words)
{
    bool first = true;
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " |");
        if (n != 0 && islower((unsigned char)*at)) {
            fprintf(out, "%s%.*s", first ? "" : " ", (int)n, at);
            first = false;
        }
        at += n + (at[n] != '\0');
    }
}

void completion_commands(FILE *out)
{
    fprintf(out, "help");
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, " %s", cli_commands[i]->name);
}

bool completion_has_actions(const struct cli_command *command)
{
    return command->actions[0].name != NULL;
}

void completion_actions(FILE *out, const struct cli_command *command)
{
    for (size_t i = 0; i < command->action_count; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", command->actions[i].name);
}

void completion_quoted(FILE *out, const char *text, const char *escaped)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\'')
            fprintf(out, "'\\''");
        else
            fprintf(out, strchr(escaped, *at) == NULL ? "%c" : "\\%c", *at);
    }
}
