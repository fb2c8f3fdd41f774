/* SPDX-License-Identifier: Apache-2.0 */
#include "store/waiting.h"
#include "store/sql/query.h"

enum { ORDERS_WAITING, REVOCATIONS_WAITING, VALIDATIONS_WAITING, ATTEMPTS_UNKNOWN };

static const struct statement statements[] = {
    [ORDERS_WAITING] = {"orders_waiting", "SELECT count(*), min(processing_since) FROM orders"
                                          " WHERE status = 'processing' AND profile = $profile"},
    [REVOCATIONS_WAITING] =
        {"revocations_waiting",
         "SELECT count(*) FROM certificates"
         " WHERE ((revocation_requested_at IS NOT NULL AND revoked_at IS NULL)"
         " OR revocation_correction IS NOT NULL)"
         " AND issuer_identity_id IN (SELECT id FROM issuer_identities WHERE issuer = $issuer)"},
    [VALIDATIONS_WAITING] = {"validations_waiting",
                             "SELECT count(*) FROM authorizations"
                             " WHERE challenge_status = 'processing' AND status = 'pending'"
                             " AND account_id >= 0"},
    [ATTEMPTS_UNKNOWN] =
        {"attempts_unknown",
         "SELECT count(*) FROM attempts WHERE status = 'unknown'"
         " AND issuer_identity_id IN (SELECT id FROM issuer_identities WHERE issuer = $issuer)"},
};

const struct statement_table store_waiting_statements = {statements, sizeof statements / sizeof *statements};

static enum store_result take_count(struct query *query, int64_t *count)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *count = query_take_integer(query);
    return query_finish(query);
}

enum store_result store_orders_waiting(struct store_reader *reader, const char *profile, int64_t *count,
                                       int64_t *oldest)
{
    QUERY(query, reader, NULL, STATEMENTS_WAITING, ORDERS_WAITING);
    query_bind_text(&query, "$profile", profile);
    enum store_result result = take_count(&query, count);
    if (result != STORE_OK)
        return result;
    *oldest = query_take_integer(&query);
    return query_finish(&query);
}

enum store_result store_validations_waiting(struct store_reader *reader, int64_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_WAITING, VALIDATIONS_WAITING);
    return take_count(&query, count);
}

static enum store_result count_of_issuer(struct store_reader *reader, size_t statement, const char *issuer,
                                         int64_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_WAITING, statement);
    query_bind_text(&query, "$issuer", issuer);
    return take_count(&query, count);
}

enum store_result store_revocations_waiting(struct store_reader *reader, const char *issuer, int64_t *count)
{
    return count_of_issuer(reader, REVOCATIONS_WAITING, issuer, count);
}

enum store_result store_attempts_unknown(struct store_reader *reader, const char *issuer, int64_t *count)
{
    return count_of_issuer(reader, ATTEMPTS_UNKNOWN, issuer, count);
}
