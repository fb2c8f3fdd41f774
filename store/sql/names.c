/* SPDX-License-Identifier: Apache-2.0 */
#include "store/names.h"
#include "store/sql/query.h"

enum { NAME_CERTIFICATES };

static const struct statement statements[] = {
    [NAME_CERTIFICATES] = {"name_certificates",
                           "SELECT n.name, c.id, c.origin, c.not_before, c.not_after, c.created_at"
                           " FROM certificate_names n CROSS JOIN certificates c ON c.id = n.certificate_id"
                           " WHERE (n.name, n.certificate_id) > ($name, $id) AND c.status <> 'rejected'"
                           " ORDER BY n.name, n.certificate_id LIMIT $max"},
};

const struct statement_table store_name_statements = {statements, sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(certificate_origin, CERTIFICATE_FROM_ACME, CERTIFICATE_IMPORTED)

enum store_result store_name_certificates(struct store_reader *reader, struct arena *arena,
                                          const struct name_certificate *after, struct name_certificate *out,
                                          size_t max, size_t *count)
{
    enum store_result result = STORE_OK;
    QUERY(query, reader, arena, STATEMENTS_NAMES, NAME_CERTIFICATES);
    query_bind_text(&query, "$name", after == NULL ? "" : after->name);
    query_bind_integer(&query, "$id", after == NULL ? 0 : after->id);
    query_bind_integer(&query, "$max", (int64_t)max);
    *count = 0;
    while (*count < max && (result = query_next(&query)) == STORE_OK) {
        struct name_certificate *next = &out[(*count)++];
        next->name = query_take_text(&query);
        next->id = query_take_integer(&query);
        next->origin = query_take_certificate_origin(&query);
        next->not_before = query_take_integer(&query);
        next->not_after = query_take_integer(&query);
        next->created_at = query_take_integer(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}
