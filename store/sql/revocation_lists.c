/* SPDX-License-Identifier: Apache-2.0 */
#include "store/revocation_lists.h"
#include "store/sql/issuer_identities.h"
#include "store/sql/query.h"

enum { REVOCATION_LISTS_LOAD, REVOCATION_LIST_SAVE };

static const struct statement statements[] = {
    [REVOCATION_LISTS_LOAD] =
        {"revocation_lists_load",
         "SELECT i.root_fingerprint, r.fetched_at, r.next_update, r.crl, r.chain"
         " FROM issuer_identities i JOIN revocation_lists r ON r.issuer_identity_id = i.id"
         " WHERE i.issuer = $issuer ORDER BY r.fetched_at DESC, r.issuer_identity_id DESC"},
    [REVOCATION_LIST_SAVE] =
        {"revocation_list_save",
         "INSERT INTO revocation_lists (issuer_identity_id, fetched_at, next_update, crl, chain)"
         " VALUES (" ISSUER_IDENTITY_ID ", $fetched_at, $next_update, $crl, $chain)"
         " ON CONFLICT (issuer_identity_id) DO UPDATE SET fetched_at = excluded.fetched_at,"
         " next_update = excluded.next_update, crl = excluded.crl, chain = excluded.chain"},
};

const struct statement_table store_revocation_list_statements = {statements,
                                                                 sizeof statements / sizeof *statements};

enum store_result store_revocation_lists_load(struct store_reader *reader, struct arena *arena,
                                              const char *issuer, struct revocation_list_row **out,
                                              size_t *count)
{
    QUERY(query, reader, arena, STATEMENTS_REVOCATION_LISTS, REVOCATION_LISTS_LOAD);
    query_bind_text(&query, "$issuer", issuer);
    enum store_result result;
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        struct revocation_list_row *row = &(*out)[(*count)++];
        *row = (struct revocation_list_row){.issuer = issuer};
        row->root_fingerprint = query_take_text(&query);
        row->fetched_at = query_take_integer(&query);
        row->next_update = query_take_integer(&query);
        row->crl = query_take_bytes(&query);
        row->chain_pem = query_take_bytes(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_revocation_list_save(struct store_writer *writer,
                                             const struct revocation_list_row *row)
{
    enum store_result result = issuer_identity_note(writer, row->issuer, row->root_fingerprint);
    if (result != STORE_OK)
        return result;
    CHANGE(query, writer, STATEMENTS_REVOCATION_LISTS, REVOCATION_LIST_SAVE);
    query_bind_text(&query, "$issuer", row->issuer);
    query_bind_text(&query, "$root_fingerprint", row->root_fingerprint);
    query_bind_integer(&query, "$fetched_at", row->fetched_at);
    query_bind_integer(&query, "$next_update", row->next_update);
    query_bind_blob(&query, "$crl", row->crl);
    query_bind_blob(&query, "$chain", row->chain_pem);
    return query_send(&query);
}
