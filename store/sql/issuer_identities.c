/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/issuer_identities.h"

#include "store/certificates.h"
#include "store/sql/query.h"

enum { ISSUER_IDENTITY_INSERT, ISSUER_KNOWN };

static const struct statement statements[] = {
    [ISSUER_IDENTITY_INSERT] = {"issuer_identity_insert",
                                "INSERT INTO issuer_identities (issuer, root_fingerprint)"
                                " VALUES ($issuer, $root_fingerprint)"
                                " ON CONFLICT (issuer, root_fingerprint) DO NOTHING"},
    [ISSUER_KNOWN] = {"issuer_known", "SELECT 1 FROM issuer_identities WHERE issuer = $issuer LIMIT 1"},
};

const struct statement_table store_issuer_identity_statements = {statements,
                                                                 sizeof statements / sizeof *statements};

enum store_result issuer_identity_note(struct store_writer *writer, const char *issuer,
                                       const char *root_fingerprint)
{
    CHANGE(query, writer, STATEMENTS_ISSUER_IDENTITIES, ISSUER_IDENTITY_INSERT);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_text(&query, "$root_fingerprint", root_fingerprint);
    return query_send(&query);
}

enum store_result store_issuer_known(struct store_reader *reader, const char *issuer)
{
    QUERY(query, reader, NULL, STATEMENTS_ISSUER_IDENTITIES, ISSUER_KNOWN);
    query_bind_text(&query, "$issuer", issuer);
    return query_next(&query);
}
