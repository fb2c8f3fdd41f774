/* SPDX-License-Identifier: Apache-2.0 */
/* The version of a library, for `acmegate version`: that of its headers and that of what was loaded. */
#pragma once

struct library {
    const char *name;
    const char *compiled; /* NULL: its headers do not tell */
    const char *loaded;   /* NULL: it is part of the program, or does not tell */
};
