/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attempts.h"
#include "store/sql/gateways.h"
#include "store/sql/issuer_identities.h"

enum { ATTEMPT_INSERT, ATTEMPT_END, ATTEMPT_WITHDRAW, ATTEMPTS_OF_ORDER, ATTEMPT_EXISTS };

static const struct statement statements[] = {
    [ATTEMPT_INSERT] =
        {"attempt_insert",
         "INSERT INTO attempts (id, order_id, issuer_identity_id, token_id, csr_hash, asked_validity,"
         " status, started_at, gateway_id)"
         " VALUES ($id, $order_id, " ISSUER_IDENTITY_ID ", $token_id, $csr_hash, $asked_validity, $status,"
         " $started_at, $gateway)"},
    [ATTEMPT_EXISTS] = {"attempt_exists", "SELECT 1 FROM attempts WHERE id = $id"},
    [ATTEMPT_END] = {"attempt_end",
                     "UPDATE attempts SET status = $status, ended_at = $ended_at, http_status = $http_status,"
                     " message = $message WHERE id = $id AND status = 'started'"},
    [ATTEMPT_WITHDRAW] = {"attempt_withdraw", "DELETE FROM attempts WHERE id = $id AND status = 'started'"},
    [ATTEMPTS_OF_ORDER] = {"attempts_of_order",
                           "SELECT t.id, t.order_id, i.issuer, i.root_fingerprint, t.token_id, t.csr_hash,"
                           " t.asked_validity, t.status, t.started_at, t.ended_at, t.http_status, t.message"
                           " FROM attempts t CROSS JOIN issuer_identities i ON i.id = t.issuer_identity_id"
                           " WHERE t.order_id = $order_id ORDER BY t.id"},
};

const struct statement_table store_attempt_statements = {statements, sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(attempt_status, ATTEMPT_STARTED, ATTEMPT_REJECTED)

enum store_result store_attempt_insert(struct store_writer *writer, struct attempt *attempt)
{
    enum store_result result = issuer_identity_note(writer, attempt->issuer, attempt->root_fingerprint);
    if (result != STORE_OK)
        return result;
    attempt->id = store_next_id(writer, attempt->started_at * 1000);
    CHANGE(query, writer, STATEMENTS_ATTEMPTS, ATTEMPT_INSERT);
    query_bind_integer(&query, "$id", attempt->id);
    query_bind_integer(&query, "$order_id", attempt->order_id);
    query_bind_text(&query, "$issuer", attempt->issuer);
    query_bind_text(&query, "$root_fingerprint", attempt->root_fingerprint);
    query_bind_text(&query, "$token_id", attempt->token_id);
    query_bind_blob(&query, "$csr_hash", attempt->csr_hash);
    query_bind_text(&query, "$asked_validity", attempt->asked_validity);
    query_bind_text(&query, "$status", attempt_status_name(attempt->status));
    query_bind_integer(&query, "$started_at", attempt->started_at);
    gateway_bind(&query, writer);
    return query_send(&query);
}

enum store_result store_attempt_end(struct store_writer *writer, const struct attempt *attempt)
{
    CHANGE(query, writer, STATEMENTS_ATTEMPTS, ATTEMPT_END);
    query_bind_integer(&query, "$id", attempt->id);
    query_bind_text(&query, "$status", attempt_status_name(attempt->status));
    query_bind_optional(&query, "$ended_at", attempt->ended_at);
    query_bind_integer(&query, "$http_status", attempt->http_status);
    query_bind_text(&query, "$message", attempt->message);
    return query_send_guarded(&query, ATTEMPT_EXISTS, attempt->id);
}

enum store_result store_attempt_withdraw(struct store_writer *writer, int64_t id)
{
    CHANGE(query, writer, STATEMENTS_ATTEMPTS, ATTEMPT_WITHDRAW);
    query_bind_integer(&query, "$id", id);
    return query_send_guarded(&query, ATTEMPT_EXISTS, id);
}

static void take_attempt(struct query *query, struct attempt *out)
{
    *out = (struct attempt){.id = query_take_integer(query)};
    out->order_id = query_take_integer(query);
    out->issuer = query_take_text(query);
    out->root_fingerprint = query_take_text(query);
    out->token_id = query_take_text(query);
    out->csr_hash = query_take_bytes(query);
    out->asked_validity = query_take_text(query);
    out->status = query_take_attempt_status(query);
    out->started_at = query_take_integer(query);
    out->ended_at = query_take_integer(query);
    out->http_status = (int)query_take_integer(query);
    out->message = query_take_text(query);
}

enum store_result store_attempts_of_order(struct store_reader *reader, struct arena *arena, int64_t order_id,
                                          struct attempt **out, size_t *count)
{
    enum store_result result;
    QUERY(query, reader, arena, STATEMENTS_ATTEMPTS, ATTEMPTS_OF_ORDER);
    query_bind_integer(&query, "$order_id", order_id);
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        take_attempt(&query, &(*out)[(*count)++]);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}
