/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by account_export.c and account_import.c. */
#pragma once

#include <stdio.h>

#include "acme/account_export.h"

/*
 * Reads the next line into `text`, of ACCOUNT_EXPORT_LINE_BYTES, with its newline if it has one. A longer
 * line comes in parts, none of which is a line of an export. False at the end, and at an error.
 */
[[gnu::warn_unused_result]] static inline bool account_export_read_line(FILE *stream, char *text)
{
    return fgets(text, ACCOUNT_EXPORT_LINE_BYTES, stream) != NULL;
}
