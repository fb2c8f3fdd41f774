/* SPDX-License-Identifier: Apache-2.0 */
/* acmegate_manual FILE DATE: writes that file of the manual to standard output. */
#include "gateway/manual/manual.h"

int main(int argc, char **argv)
{
    manual_write *write = argc == 3 ? manual_find(argv[1]) : NULL;
    if (write == NULL) {
        fprintf(stderr, "usage: acmegate_manual FILE DATE\n");
        return 2;
    }
    write(stdout, argv[2]);
    return fflush(stdout) == 0 ? 0 : 1;
}
