/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/issuer_identities.h"

#include "store/certificates.h"
#include "store/sql/query.h"

enum { ISSUER_IDENTITY_FIND, ISSUER_IDENTITY_INSERT, ISSUER_KNOWN };

static const struct statement statements[] = {
    [ISSUER_IDENTITY_FIND] = {"issuer_identity_find",
                              "SELECT id FROM issuer_identities"
                              " WHERE issuer = $issuer AND root_fingerprint = $root_fingerprint"},
    [ISSUER_IDENTITY_INSERT] = {"issuer_identity_insert",
                                "INSERT INTO issuer_identities (issuer, root_fingerprint)"
                                " VALUES ($issuer, $root_fingerprint)"},
    [ISSUER_KNOWN] = {"issuer_known", "SELECT 1 FROM issuer_identities WHERE issuer = $issuer LIMIT 1"},
};

const struct statement_table store_issuer_identity_statements = {statements,
                                                                 sizeof statements / sizeof *statements};

static enum store_result find(struct store_reader *reader, const char *issuer, const char *root_fingerprint,
                              int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_ISSUER_IDENTITIES, ISSUER_IDENTITY_FIND);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_text(&query, "$root_fingerprint", root_fingerprint);
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        *id = query_take_integer(&query);
    return result;
}

enum store_result issuer_identity_id_of(struct store_writer *writer, const char *issuer,
                                        const char *root_fingerprint, int64_t *id)
{
    enum store_result result = find(store_reader_of(writer), issuer, root_fingerprint, id);
    if (result != STORE_NOT_FOUND)
        return result;
    CHANGE(query, writer, STATEMENTS_ISSUER_IDENTITIES, ISSUER_IDENTITY_INSERT);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_text(&query, "$root_fingerprint", root_fingerprint);
    result = query_run(&query);
    return result == STORE_OK ? find(store_reader_of(writer), issuer, root_fingerprint, id) : result;
}

enum store_result store_issuer_known(struct store_reader *reader, const char *issuer)
{
    QUERY(query, reader, NULL, STATEMENTS_ISSUER_IDENTITIES, ISSUER_KNOWN);
    query_bind_text(&query, "$issuer", issuer);
    return query_next(&query);
}
