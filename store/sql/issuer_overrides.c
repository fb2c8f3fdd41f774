/* SPDX-License-Identifier: Apache-2.0 */
#include "store/issuer_overrides.h"
#include "store/sql/query.h"

enum { ISSUER_OVERRIDES, ISSUER_OVERRIDE_PUT, ISSUER_OVERRIDE_DELETE };

static const struct statement statements[] = {
    [ISSUER_OVERRIDES] = {"issuer_overrides",
                          "SELECT issuer, sealed, changed_at, changed_by FROM issuer_overrides"
                          " WHERE issuer >= '' ORDER BY issuer"},
    [ISSUER_OVERRIDE_PUT] =
        {"issuer_override_put",
         "INSERT INTO issuer_overrides (issuer, sealed, changed_at, changed_by)"
         " VALUES ($issuer, $sealed, $changed_at, $changed_by)"
         " ON CONFLICT (issuer) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at,"
         " changed_by = excluded.changed_by"},
    [ISSUER_OVERRIDE_DELETE] = {"issuer_override_delete",
                                "DELETE FROM issuer_overrides WHERE issuer = $issuer"},
};

const struct statement_table store_issuer_override_statements = {statements,
                                                                 sizeof statements / sizeof *statements};

enum store_result store_issuer_overrides(struct store_reader *reader, struct arena *arena,
                                         struct issuer_override **out, size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_ISSUER_OVERRIDES, ISSUER_OVERRIDES);
    enum store_result result;
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        struct issuer_override *override = &(*out)[(*count)++];
        override->issuer = query_take_text(&query);
        override->sealed = query_take_bytes(&query);
        override->changed_at = query_take_integer(&query);
        override->changed_by = query_take_text(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

enum store_result store_issuer_override_put(struct store_writer *writer,
                                            const struct issuer_override *override)
{
    CHANGE(query, writer, STATEMENTS_ISSUER_OVERRIDES, ISSUER_OVERRIDE_PUT);
    query_bind_text(&query, "$issuer", override->issuer);
    query_bind_blob(&query, "$sealed", override->sealed);
    query_bind_integer(&query, "$changed_at", override->changed_at);
    query_bind_text(&query, "$changed_by", override->changed_by);
    return query_run(&query);
}

enum store_result store_issuer_override_delete(struct store_writer *writer, const char *issuer)
{
    CHANGE(query, writer, STATEMENTS_ISSUER_OVERRIDES, ISSUER_OVERRIDE_DELETE);
    query_bind_text(&query, "$issuer", issuer);
    return query_run(&query);
}
