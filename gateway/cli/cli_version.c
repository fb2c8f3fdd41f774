#include <stdio.h>

#include "gateway/cli/cli.h"

int cli_version(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return CLI_USAGE;
    printf("acmegate %s\n", ACMEGATE_VERSION);
    return CLI_OK;
}
