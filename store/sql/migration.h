/* SPDX-License-Identifier: Apache-2.0 */
/* A file of migrations/, embedded at build time. Private to store/. */
#pragma once

/* It brings version n - 1 to n; the first one begins with an empty database. */
struct migration {
    const char *name; /* NNNN_words.sql */
    const char *sql;
};
