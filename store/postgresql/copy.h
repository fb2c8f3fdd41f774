/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's side of a copy, private to store/postgresql/. Its connection is in libpq's plain mode, and
 * waits as long as the server works: a statement on all rows of a table takes its time. */
#pragma once

#include <libpq-fe.h>

#include "store/sql/copy.h"

struct postgresql_side {
    struct copy_side side; /* first */
    PGconn *connection;
    const struct copy_table *table; /* of the selection */
    bool selected;                  /* there is a cursor */
    PGresult *page;                 /* the rows that were fetched last; NULL: none yet */
    int row;                        /* the next one of the page */
    PGresult *references;           /* set aside until the rows are there; NULL: none is */
};

static inline struct postgresql_side *side_of(struct copy_side *side)
{
    return (struct postgresql_side *)side;
}

/* Runs `sql` and waits for its result; NULL with PostgreSQL's words in `fault`. */
[[gnu::warn_unused_result]] PGresult *side_ask(struct postgresql_side *own, const char *sql,
                                               struct fault *fault);
/* The same without a result. */
[[gnu::warn_unused_result]] bool side_run(struct postgresql_side *own, const char *sql, struct fault *fault);
/* Runs each text that `sql` yields in its first column. */
[[gnu::warn_unused_result]] bool side_run_each(struct postgresql_side *own, const char *sql,
                                               struct fault *fault);
/* Fills `fault` with PostgreSQL's words; returns false. */
bool side_fail(const struct postgresql_side *own, struct fault *fault);

/* Takes the references between tables away until `keep`: orders and certificates refer to each other. */
[[gnu::warn_unused_result]] bool side_set_references_aside(struct postgresql_side *own, struct fault *fault);

/* ---- members of postgresql_copy ---- */

bool side_select(struct copy_side *side, const struct copy_table *table, struct fault *fault);
enum store_result side_fetch(struct copy_side *side, struct copy_value *row, struct fault *fault);
bool side_fill(struct copy_side *side, const struct copy_table *table, struct copy_side *from,
               struct fault *fault);
/* Ends the selection, if there is one. */
[[gnu::warn_unused_result]] bool side_end_selection(struct postgresql_side *own, struct fault *fault);
