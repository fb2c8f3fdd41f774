/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of a test in the place of the store's own. */
#pragma once

#include "store/sql/statements.h"

/* The group whose statements are replaced. A connection must not have run one of them yet. */
#define ODD_STATEMENTS STATEMENTS_WAITING

/* The group has these from now on. */
void odd_statements_use(const struct statement *statements, size_t count);
