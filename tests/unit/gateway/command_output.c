/* SPDX-License-Identifier: Apache-2.0 */
#include "command_output.h"

#include <stdio.h>
#include <stdlib.h>

struct output run(const struct cli_command *command, char **words)
{
    struct output output = {0};
    size_t text_bytes, error_bytes;
    FILE *out = stdout, *err = stderr;
    int count = 0;
    while (words[count] != NULL)
        count++;
    stdout = open_memstream(&output.text, &text_bytes);
    stderr = open_memstream(&output.errors, &error_bytes);
    output.status = cli_run(command, count, words);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = err;
    return output;
}

void free_output(struct output *output)
{
    free(output->text);
    free(output->errors);
}
