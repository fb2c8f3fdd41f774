/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "store/authorizations.h"
#include "store/sql/gateways.h"

enum {
    AUTHORIZATION_LOAD,
    AUTHORIZATION_INSERT,
    AUTHORIZATION_FIND_VALID,
    AUTHORIZATION_UPDATE,
    VALIDATION_QUEUE_AFTER,
    VALIDATIONS_DUE,
    ORDERS_WAITING_ON,
    AUTHORIZATIONS_INHERITED,
    AUTHORIZATIONS_OF_ORDER,
    AUTHORIZATION_EXISTS,
};

#define AUTHORIZATION_COLUMNS \
    "SELECT z.id, z.account_id, a.endpoint, z.identifier_type, z.identifier, z.wildcard, z.subdomains, " \
    "z.status, " \
    "z.created_at," \
    " z.expires_at, z.token, z.offered, z.challenge_type, z.challenge_status, z.validated_at, z.error," \
    " z.attempt_count, z.first_attempt_at, z.next_attempt_at, z.basis, z.parent_id FROM "
#define AUTHORIZATION_SELECT \
    AUTHORIZATION_COLUMNS "authorizations z CROSS JOIN accounts a ON a.id = z.account_id "

/* The condition of the index authorizations_due. */
#define DUE_CONDITION "challenge_status = 'processing' AND status = 'pending'"

static const struct statement statements[] = {
    [AUTHORIZATION_LOAD] = {"authorization_load", AUTHORIZATION_SELECT "WHERE z.id = $id"},
    [AUTHORIZATION_EXISTS] = {"authorization_exists", "SELECT 1 FROM authorizations WHERE id = $id"},
    [AUTHORIZATION_INSERT] =
        {"authorization_insert",
         "INSERT INTO authorizations (id, account_id, identifier_type, identifier, wildcard, subdomains, "
         "status,"
         " created_at, expires_at, token, offered, challenge_type, challenge_status, validated_at, error,"
         " error_detail, attempt_count, first_attempt_at, next_attempt_at, basis, parent_id)"
         " VALUES ($id, $account_id, $identifier_type, $identifier, $wildcard, $subdomains, $status,"
         " $created_at, $expires_at, $token, $offered, $challenge_type, $challenge_status, $validated_at, "
         "$error,"
         " $error_detail, $attempt_count, $first_attempt_at, $next_attempt_at, $basis, $parent_id)"},
    [AUTHORIZATION_FIND_VALID] =
        {"authorization_find_valid", AUTHORIZATION_SELECT
         "WHERE z.identifier = $identifier AND z.account_id = $account_id AND z.status = 'valid'"
         " AND z.expires_at >= $until AND z.wildcard = $wildcard AND z.subdomains >= $subdomains"
         " AND ($proven = 0 OR z.basis = 'proven')"
         " ORDER BY coalesce(z.basis, '') = 'proven' DESC, z.expires_at DESC LIMIT 1"},
    [AUTHORIZATION_UPDATE] =
        {"authorization_update",
         "UPDATE authorizations SET status = $status, expires_at = $expires_at,"
         " challenge_type = $challenge_type, challenge_status = $challenge_status,"
         " validated_at = $validated_at, error = $error, error_detail = $error_detail,"
         " attempt_count = $attempt_count, first_attempt_at = $first_attempt_at,"
         " next_attempt_at = $next_attempt_at, basis = $basis,"
         " gateway_id = CASE WHEN " DUE_CONDITION " THEN gateway_id ELSE " GATEWAY_OWNER " END"
         " WHERE id = $id AND status = $was AND challenge_status IS NOT DISTINCT FROM $challenge_was"},
    [VALIDATION_QUEUE_AFTER] =
        {"validation_queue_after",
         "SELECT account_id FROM authorizations WHERE " DUE_CONDITION
         " AND gateway_id = $gateway AND account_id > $after ORDER BY account_id LIMIT 1"},
    [VALIDATIONS_DUE] = {"validations_due", "SELECT id, identifier FROM authorizations WHERE " DUE_CONDITION
                                            " AND gateway_id = $gateway AND account_id = $account_id"
                                            " AND next_attempt_at <= $now"
                                            " ORDER BY next_attempt_at LIMIT $max"},
    [ORDERS_WAITING_ON] =
        {"orders_waiting_on",
         "SELECT o.id FROM order_authorizations oa CROSS JOIN orders o ON o.id = oa.order_id"
         " WHERE oa.authorization_id = $authorization_id AND o.status IN ('pending', 'ready')"},
    [AUTHORIZATIONS_INHERITED] = {"authorizations_inherited",
                                  AUTHORIZATION_SELECT "WHERE z.parent_id = $parent_id AND z.status = 'valid'"
                                                       " AND z.expires_at > $now"},
    [AUTHORIZATIONS_OF_ORDER] = {"authorizations_of_order", AUTHORIZATION_COLUMNS
                                 "order_authorizations oa"
                                 " CROSS JOIN authorizations z ON z.id = oa.authorization_id"
                                 " CROSS JOIN accounts a ON a.id = z.account_id"
                                 " WHERE oa.order_id = $order_id"},
};

const struct statement_table store_authorization_statements = {statements,
                                                               sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(authorization_status, AUTHORIZATION_PENDING, AUTHORIZATION_REVOKED)
QUERY_TAKE_STATUS(authorization_basis, AUTHORIZATION_PROVEN, AUTHORIZATION_TRUSTED_KEY)
QUERY_TAKE_STATUS(challenge_status, CHALLENGE_PENDING, CHALLENGE_INVALID)
QUERY_TAKE_STATUS(identifier_type, IDENTIFIER_DNS, IDENTIFIER_IP)

static enum challenge_type take_challenge_type(struct query *query)
{
    enum challenge_type type;
    const char *name = query_take_text(query);
    if (name == NULL)
        return 0;
    if (challenge_type_from_name(bytes_from_string(name), &type))
        return type;
    query_reject(query, "challenge_type", name);
    return 0;
}

static void take_identifier(struct query *query, struct identifier *out)
{
    out->type = query_take_identifier_type(query);
    const char *value = query_take_text(query);
    if (value != NULL)
        snprintf(out->value, sizeof out->value, "%s", value);
}

static enum store_result take_authorization(struct query *query, struct authorization *out)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *out = (struct authorization){.id = query_take_integer(query)};
    out->account_id = query_take_integer(query);
    out->endpoint = query_take_text(query);
    take_identifier(query, &out->identifier);
    out->wildcard = query_take_integer(query) != 0;
    out->subdomains = query_take_integer(query) != 0;
    out->status = query_take_authorization_status(query);
    out->created_at = query_take_integer(query);
    out->expires_at = query_take_integer(query);
    out->token = query_take_text(query);
    out->offered = (challenge_set)query_take_integer(query);
    out->chosen = take_challenge_type(query);
    out->challenge_status = query_take_challenge_status(query);
    out->validated_at = query_take_integer(query);
    out->error_json = query_take_text(query);
    out->attempt_count = query_take_integer(query);
    out->first_attempt_at = query_take_integer(query);
    out->next_attempt_at = query_take_integer(query);
    out->basis = query_take_authorization_basis(query);
    out->parent_id = query_take_integer(query);
    return query_finish(query);
}

void store_authorization_ask(struct store_reader *reader, int64_t id)
{
    query_ask_by_id(reader, STATEMENTS_AUTHORIZATIONS, AUTHORIZATION_LOAD, "$id", id);
}

enum store_result store_authorization_load(struct store_reader *reader, struct arena *arena, int64_t id,
                                           struct authorization *out)
{
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, AUTHORIZATION_LOAD);
    query_bind_integer(&query, "$id", id);
    return take_authorization(&query, out);
}

static void bind_challenge_status(struct query *query, const char *parameter, enum challenge_status status)
{
    query_bind_text(query, parameter, status == 0 ? NULL : challenge_status_name(status));
}

static enum challenge_status challenge_of(const struct authorization *authorization)
{
    return authorization->chosen != 0 ? authorization->challenge_status : 0;
}

/* Called before each write. The update's own condition ensures that the row has these states. */
static bool may_write(struct store_writer *writer, const struct authorization *authorization,
                      enum authorization_status was, enum challenge_status challenge_was)
{
    enum challenge_status challenge = challenge_of(authorization);
    if (authorization_may_be_written(was, challenge_was, authorization->status, challenge))
        return true;
    store_log("store: authorization %lld is not written: from %s (challenge %s) to %s (challenge %s) is not "
              "a transition of an authorization; please report this fault",
              (long long)authorization->id, authorization_status_name(was),
              challenge_status_name(challenge_was), authorization_status_name(authorization->status),
              challenge_status_name(challenge));
    writer->refused = true;
    return false;
}

static void bind_changeable(struct query *query, const struct authorization *authorization)
{
    bool chosen = authorization->chosen != 0;
    query_bind_integer(query, "$id", authorization->id);
    query_bind_text(query, "$status", authorization_status_name(authorization->status));
    query_bind_integer(query, "$expires_at", authorization->expires_at);
    query_bind_text(query, "$challenge_type",
                    chosen ? challenge_type_info(authorization->chosen)->name : NULL);
    bind_challenge_status(query, "$challenge_status", challenge_of(authorization));
    query_bind_optional(query, "$validated_at", authorization->validated_at);
    query_bind_problem(query, authorization->error_json);
    query_bind_integer(query, "$attempt_count", authorization->attempt_count);
    query_bind_optional(query, "$first_attempt_at", authorization->first_attempt_at);
    query_bind_integer(query, "$next_attempt_at", authorization->next_attempt_at);
    query_bind_text(query, "$basis",
                    authorization->basis == 0 ? NULL : authorization_basis_name(authorization->basis));
}

enum store_result store_authorization_insert(struct store_writer *writer, struct authorization *authorization)
{
    if (!may_write(writer, authorization, 0, 0))
        return STORE_REFUSED;
    authorization->id = store_next_id(writer, authorization->created_at * 1000);
    CHANGE(query, writer, STATEMENTS_AUTHORIZATIONS, AUTHORIZATION_INSERT);
    bind_changeable(&query, authorization);
    query_bind_integer(&query, "$account_id", authorization->account_id);
    query_bind_text(&query, "$identifier_type", identifier_type_name(authorization->identifier.type));
    query_bind_text(&query, "$identifier", authorization->identifier.value);
    query_bind_integer(&query, "$wildcard", authorization->wildcard);
    query_bind_integer(&query, "$subdomains", authorization->subdomains);
    query_bind_integer(&query, "$created_at", authorization->created_at);
    query_bind_text(&query, "$token", authorization->token);
    query_bind_integer(&query, "$offered", authorization->offered);
    query_bind_optional(&query, "$parent_id", authorization->parent_id);
    return query_send(&query);
}

enum store_result store_authorization_find_valid(struct store_reader *reader, struct arena *arena,
                                                 const struct authorization_wanted *wanted,
                                                 struct authorization *out)
{
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, AUTHORIZATION_FIND_VALID);
    query_bind_integer(&query, "$account_id", wanted->account_id);
    query_bind_text(&query, "$identifier", wanted->name);
    query_bind_integer(&query, "$wildcard", wanted->wildcard);
    query_bind_integer(&query, "$subdomains", wanted->subdomains);
    query_bind_integer(&query, "$until", wanted->until);
    query_bind_integer(&query, "$proven", wanted->proven);
    return take_authorization(&query, out);
}

enum store_result store_authorization_update(struct store_writer *writer,
                                             const struct authorization *authorization,
                                             enum authorization_status was,
                                             enum challenge_status challenge_was)
{
    if (!may_write(writer, authorization, was, challenge_was))
        return STORE_REFUSED;
    CHANGE(query, writer, STATEMENTS_AUTHORIZATIONS, AUTHORIZATION_UPDATE);
    bind_changeable(&query, authorization);
    query_bind_text(&query, "$was", authorization_status_name(was));
    bind_challenge_status(&query, "$challenge_was", challenge_was);
    gateway_bind(&query, writer);
    return query_send_guarded(&query, AUTHORIZATION_EXISTS, authorization->id);
}

enum store_result store_validation_queue_after(struct store_reader *reader, int64_t after,
                                               int64_t *account_id)
{
    QUERY(query, reader, NULL, STATEMENTS_AUTHORIZATIONS, VALIDATION_QUEUE_AFTER);
    gateway_bind_own(&query);
    query_bind_integer(&query, "$after", after);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *account_id = query_take_integer(&query);
    return query_finish(&query);
}

enum store_result store_validations_due(struct store_reader *reader, struct arena *arena, int64_t account_id,
                                        int64_t now, size_t max, struct due_validation **out, size_t *count)
{
    enum store_result result = STORE_OK;
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, VALIDATIONS_DUE);
    gateway_bind_own(&query);
    query_bind_integer(&query, "$account_id", account_id);
    query_bind_integer(&query, "$now", now);
    query_bind_integer(&query, "$max", max > INT_MAX ? INT_MAX : (int64_t)max);
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        struct due_validation *due = &(*out)[(*count)++];
        due->id = query_take_integer(&query);
        due->name = query_take_text(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_orders_waiting_on(struct store_reader *reader, struct arena *arena,
                                          int64_t authorization_id, int64_t **ids, size_t *count)
{
    enum store_result result;
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, ORDERS_WAITING_ON);
    query_bind_integer(&query, "$authorization_id", authorization_id);
    *ids = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *ids = array_with_room(arena, *ids, *count, sizeof **ids);
        (*ids)[(*count)++] = query_take_integer(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

void store_authorizations_of_order_ask(struct store_reader *reader, int64_t order_id)
{
    query_ask_by_id(reader, STATEMENTS_AUTHORIZATIONS, AUTHORIZATIONS_OF_ORDER, "$order_id", order_id);
}

enum store_result store_authorizations_of_order(struct store_reader *reader, struct arena *arena,
                                                const struct order *order, struct authorization **out)
{
    enum store_result result;
    struct authorization one;
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, AUTHORIZATIONS_OF_ORDER);
    query_bind_integer(&query, "$order_id", order->id);
    *out = arena_alloc_array(arena, order->identifier_count, sizeof **out);
    while ((result = take_authorization(&query, &one)) == STORE_OK) {
        for (size_t i = 0; i < order->identifier_count; i++) {
            if (order->authorization_ids[i] == one.id)
                (*out)[i] = one;
        }
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_authorizations_inherited(struct store_reader *reader, struct arena *arena,
                                                 int64_t parent_id, int64_t now, struct authorization **out,
                                                 size_t *count)
{
    enum store_result result;
    struct authorization one;
    QUERY(query, reader, arena, STATEMENTS_AUTHORIZATIONS, AUTHORIZATIONS_INHERITED);
    query_bind_integer(&query, "$parent_id", parent_id);
    query_bind_integer(&query, "$now", now);
    *out = NULL;
    *count = 0;
    while ((result = take_authorization(&query, &one)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        (*out)[(*count)++] = one;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
