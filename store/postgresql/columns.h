/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a row in PostgreSQL's binary form, private to store/postgresql/. They are read as SQLite gives
 * them. */
#pragma once

#include <libpq-fe.h>

#include "store/postgresql/session.h"

/* True when every column of the row has a type that is known here, and octets that fit it. The functions
 * below are for such rows. False with `why`. */
[[gnu::warn_unused_result]] bool columns_are_readable(const PGresult *result, int row,
                                                      char why[static WHY_BYTES]);

/* 0 for NULL. A fraction is cut off; what is beyond an int64_t becomes its nearest one. */
int64_t column_integer(const PGresult *result, int row, int column);

/* False for NULL. Numbers are written to `number`; other values live as long as the result. */
[[gnu::warn_unused_result]] bool column_octets(const PGresult *result, int row, int column,
                                               char number[static NUMBER_BYTES], struct bytes *out);

/* False for NULL. */
[[gnu::warn_unused_result]] bool column_is_number(const PGresult *result, int row, int column);
