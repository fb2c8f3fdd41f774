/* SPDX-License-Identifier: Apache-2.0 */
#include "odd_statements.h"

static struct statement_table odd;

const struct statement_table *__real_store_statement_table(enum statement_group group);
const struct statement_table *__wrap_store_statement_table(enum statement_group group);

const struct statement_table *__wrap_store_statement_table(enum statement_group group)
{
    return group == ODD_STATEMENTS && odd.count != 0 ? &odd : __real_store_statement_table(group);
}

void odd_statements_use(const struct statement *statements, size_t count)
{
    odd = (struct statement_table){statements, count};
}
