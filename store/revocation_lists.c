#include "store/issuer_identities.h"
#include "store/query.h"

enum { REVOCATION_LIST_LOAD, REVOCATION_LIST_SAVE, CERTIFICATE_STANDING };

static const struct statement statements[] = {
    [REVOCATION_LIST_LOAD] =
        {"revocation_list_load",
         "SELECT r.fetched_at, r.next_update, r.crl, r.chain"
         " FROM issuer_identities i JOIN revocation_lists r ON r.issuer_identity_id = i.id"
         " WHERE i.issuer = $issuer AND i.root_fingerprint = $root_fingerprint"},
    [REVOCATION_LIST_SAVE] =
        {"revocation_list_save",
         "INSERT INTO revocation_lists (issuer_identity_id, fetched_at, next_update, crl, chain)"
         " VALUES ($issuer_identity_id, $fetched_at, $next_update, $crl, $chain)"
         " ON CONFLICT (issuer_identity_id) DO UPDATE SET fetched_at = excluded.fetched_at,"
         " next_update = excluded.next_update, crl = excluded.crl, chain = excluded.chain"},
    [CERTIFICATE_STANDING] =
        {"certificate_standing",
         "SELECT c.revoked_at, c.revocation_reason FROM issuer_identities i"
         " CROSS JOIN certificates c ON c.issuer_identity_id = i.id AND c.serial = $serial"
         " WHERE i.issuer = $issuer AND i.root_fingerprint = $root_fingerprint"},
};

const struct statement_table store_revocation_list_statements = {statements,
                                                                 sizeof statements / sizeof *statements};

enum store_result store_revocation_list_load(struct store_session *session, struct arena *arena,
                                             const char *issuer, const char *root_fingerprint,
                                             struct revocation_list_row *out)
{
    QUERY(query, session, arena, STATEMENTS_REVOCATION_LISTS, REVOCATION_LIST_LOAD);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_text(&query, "$root_fingerprint", root_fingerprint);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *out = (struct revocation_list_row){.issuer = issuer, .root_fingerprint = root_fingerprint};
    out->fetched_at = query_take_integer(&query);
    out->next_update = query_take_integer(&query);
    out->crl = query_take_bytes(&query);
    out->chain_pem = query_take_bytes(&query);
    return query_finish(&query);
}

enum store_result store_revocation_list_save(struct store_session *session,
                                             const struct revocation_list_row *row)
{
    int64_t id;
    enum store_result result = issuer_identity_id_of(session, row->issuer, row->root_fingerprint, &id);
    if (result != STORE_OK)
        return result;
    QUERY(query, session, NULL, STATEMENTS_REVOCATION_LISTS, REVOCATION_LIST_SAVE);
    query_bind_integer(&query, "$issuer_identity_id", id);
    query_bind_integer(&query, "$fetched_at", row->fetched_at);
    query_bind_integer(&query, "$next_update", row->next_update);
    query_bind_blob(&query, "$crl", row->crl);
    query_bind_blob(&query, "$chain", row->chain_pem);
    return query_run(&query);
}

enum store_result store_certificate_standing(struct store_session *session, const char *issuer,
                                             const char *root_fingerprint, const char *serial,
                                             struct certificate_standing *out)
{
    QUERY(query, session, NULL, STATEMENTS_REVOCATION_LISTS, CERTIFICATE_STANDING);
    query_bind_text(&query, "$issuer", issuer);
    query_bind_text(&query, "$root_fingerprint", root_fingerprint);
    query_bind_text(&query, "$serial", serial);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *out = (struct certificate_standing){.revoked_at = query_take_integer(&query)};
    out->reason = (int)query_take_integer(&query);
    return query_finish(&query);
}
