/* SPDX-License-Identifier: Apache-2.0 */
/* Which suites run: those of every engine, and those of the present one alone. */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

/* About the file, its schemas of the past, its lock and the mark beside it; or they ask sqlite3_… */
static const char *const of_sqlite[] = {
    "backup", "care",       "check", "committer_faults", "location",   "lock",
    "mark",   "migrations", "place", "schema",           "statements",
};

static bool is_of_postgresql(const char *suite)
{
    return strncmp(suite, "postgresql", strlen("postgresql")) == 0;
}

static bool is_of_sqlite(const char *suite)
{
    for (size_t i = 0; i < sizeof of_sqlite / sizeof *of_sqlite; i++) {
        if (strcmp(suite, of_sqlite[i]) == 0)
            return true;
    }
    return strncmp(suite, "sqlite", strlen("sqlite")) == 0;
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    FOREACH_SET(struct criterion_suite_set * set, tests->suites)
    {
        const char *name = set->suite.name;
        if (database_is_postgresql() ? !is_of_sqlite(name) : !is_of_postgresql(name))
            continue;
        FOREACH_SET(struct criterion_test * test, set->tests)
        test->data->disabled = true;
    }
}
