/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual pages and the shells' completions, written from the tables of the commands and of the
 * configuration's keys. The build runs acmegate_manual (main.c) to make the files that are installed.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "gateway/cli/cli.h"

/* Writes one file to `out`. `date` is what a manual page shows, such as "May 4, 2026". */
typedef void manual_write(FILE *out, const char *date);

manual_write manual_commands;      /* acmegate(1), mdoc */
manual_write manual_configuration; /* acmegate.json(5), mdoc */
manual_write completion_bash;
manual_write completion_zsh;
manual_write completion_fish;

/* The writer of "acmegate.1", "acmegate.json.5", "acmegate.bash", "_acmegate" or "acmegate.fish"; NULL for
 * another name. */
manual_write *manual_find(const char *file);
