/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the file that deleted rows have left. */
#include "store/retention.h"
#include "store/sql/query.h"
#include "store/sqlite/session.h"

/* Pages returned in one step. A quarter of the file may stay free for new rows. */
#define PAGES_PER_STEP "32"
enum { FREE_PART = 4 };

enum { FREE_PAGES, ALL_PAGES, GIVE_BACK };

static const struct statement page_statements[] = {
    [FREE_PAGES] = {"free_pages", "PRAGMA freelist_count"},
    [ALL_PAGES] = {"all_pages", "PRAGMA page_count"},
    [GIVE_BACK] = {"give_back_pages", "PRAGMA incremental_vacuum(" PAGES_PER_STEP ")"},
};

const struct statement_table store_page_statements = {page_statements,
                                                      sizeof page_statements / sizeof *page_statements};

static enum store_result read_pages(struct store_reader *reader, size_t statement, int64_t *out)
{
    QUERY(query, reader, NULL, STATEMENTS_PAGES, statement);
    enum store_result result = query_next(&query);
    *out = result == STORE_OK ? query_take_integer(&query) : 0;
    return result;
}

enum store_result sqlite_give_back(struct store_writer *writer, struct retention_pass *pass)
{
    struct store_reader *reader = store_reader_of(writer);
    int64_t before, all, after;
    if (read_pages(reader, FREE_PAGES, &before) != STORE_OK ||
        read_pages(reader, ALL_PAGES, &all) != STORE_OK)
        return STORE_FAILED;
    pass->finished = before <= all / FREE_PART;
    if (pass->finished)
        return STORE_OK;
    enum store_result result;
    CHANGE(query, writer, STATEMENTS_PAGES, GIVE_BACK);
    while ((result = query_next(&query)) == STORE_OK)
        continue;
    if (result == STORE_FAILED || read_pages(reader, FREE_PAGES, &after) != STORE_OK)
        return STORE_FAILED;
    pass->pages += before - after;
    pass->finished = after >= before;
    return STORE_OK;
}
