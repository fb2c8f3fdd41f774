/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/manual/manual.h"

#include <string.h>

static const struct {
    const char *file;
    manual_write *write;
} files[] = {
    {"acmegate.1", manual_commands},    {"acmegate.json.5", manual_configuration},
    {"acmegate.bash", completion_bash}, {"_acmegate", completion_zsh},
    {"acmegate.fish", completion_fish},
};

manual_write *manual_find(const char *file)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].file, file) == 0)
            return files[i].write;
    return NULL;
}
