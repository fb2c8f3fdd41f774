/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>

#include "store/events.h"
#include "store/orders.h"
#include "store/sql/gateways.h"

enum {
    ORDER_LOAD,
    ORDER_LOAD_IDENTIFIERS,
    ORDER_INSERT,
    ORDER_INSERT_IDENTIFIER,
    ORDER_UPDATE,
    ORDER_QUEUE_AFTER,
    ORDERS_DUE,
    ORDERS_PROCESSING_SINCE,
    ORDERS_OF_ACCOUNT,
    ORDERS_OF_NAME,
    ORDER_THAT_REPLACED,
    ORDER_EXISTS,
};

static const struct statement statements[] = {
    [ORDER_LOAD] =
        {"order_load",
         "SELECT o.id, o.account_id, a.endpoint, o.profile, o.status, o.status_since, o.created_at,"
         " o.expires_at, o.not_before, o.not_after, o.csr, o.processing_since, o.next_attempt_at,"
         " o.attempt_count, o.certificate_id, o.error, o.client_address, o.user_agent, o.replaces"
         " FROM orders o CROSS JOIN accounts a ON a.id = o.account_id WHERE o.id = $id"},
    [ORDER_LOAD_IDENTIFIERS] =
        {"order_load_identifiers",
         "SELECT z.id, z.identifier_type, z.wildcard, z.identifier"
         " FROM order_authorizations oa CROSS JOIN authorizations z ON z.id = oa.authorization_id"
         " WHERE oa.order_id = $id ORDER BY oa.position"},
    [ORDER_EXISTS] = {"order_exists", "SELECT 1 FROM orders WHERE id = $id"},
    [ORDER_INSERT] =
        {"order_insert",
         "INSERT INTO orders (id, account_id, profile, status, status_since, created_at, expires_at,"
         " not_before, not_after, csr, processing_since, next_attempt_at, attempt_count, certificate_id,"
         " error, error_detail, client_address, user_agent, replaces)"
         " VALUES ($id, $account_id, $profile, $status, $status_since, $created_at, $expires_at,"
         " $not_before, $not_after, $csr, $processing_since, $next_attempt_at, $attempt_count,"
         " $certificate_id, $error, $error_detail, $client_address, $user_agent, $replaces)"},
    [ORDER_INSERT_IDENTIFIER] = {"order_insert_identifier",
                                 "INSERT INTO order_authorizations (order_id, position, authorization_id)"
                                 " VALUES ($id, $position, $authorization_id)"},
    [ORDER_UPDATE] = {"order_update",
                      "UPDATE orders SET status = $status, status_since = $status_since, csr = $csr,"
                      " processing_since = $processing_since, next_attempt_at = $next_attempt_at,"
                      " attempt_count = $attempt_count, certificate_id = $certificate_id, error = $error,"
                      " error_detail = $error_detail, expires_at = $expires_at,"
                      " gateway_id = CASE WHEN status = 'processing' THEN gateway_id"
                      " ELSE " GATEWAY_OWNER " END"
                      " WHERE id = $id AND status = $was"},
    [ORDER_QUEUE_AFTER] = {"order_queue_after",
                           "SELECT profile FROM orders WHERE status = 'processing' AND gateway_id = $gateway"
                           " AND profile > $after"
                           " ORDER BY profile LIMIT 1"},
    [ORDERS_DUE] = {"orders_due", "SELECT id FROM orders WHERE status = 'processing'"
                                  " AND gateway_id = $gateway AND profile = $profile"
                                  " AND next_attempt_at <= $now ORDER BY next_attempt_at LIMIT $max"},
    [ORDERS_PROCESSING_SINCE] = {"orders_processing_since",
                                 "SELECT id FROM orders WHERE status = 'processing' AND gateway_id = $gateway"
                                 " AND processing_since <= $since ORDER BY processing_since LIMIT $max"},
    [ORDERS_OF_ACCOUNT] = {"orders_of_account",
                           "SELECT id FROM orders WHERE account_id = $account_id AND id < $before"
                           " ORDER BY id DESC LIMIT $max"},
    [ORDERS_OF_NAME] = {"orders_of_name", "SELECT oa.order_id FROM authorizations z"
                                          " CROSS JOIN order_authorizations oa ON oa.authorization_id = z.id"
                                          " WHERE z.identifier = $identifier AND z.wildcard = $wildcard"
                                          " ORDER BY oa.order_id DESC LIMIT $max"},
    [ORDER_THAT_REPLACED] = {"order_that_replaced",
                             "SELECT id FROM orders o WHERE replaces = $replaces AND status = 'valid'"
                             " AND (account_id = $account_id OR NOT EXISTS (SELECT 1"
                             " FROM order_authorizations oa"
                             " CROSS JOIN authorizations z ON z.id = oa.authorization_id"
                             " WHERE oa.order_id = o.id AND z.basis IS DISTINCT FROM 'proven'))"
                             " LIMIT 1"},
};

const struct statement_table store_order_statements = {statements, sizeof statements / sizeof *statements};

QUERY_TAKE_STATUS(order_status, ORDER_PENDING, ORDER_INVALID)
QUERY_TAKE_STATUS(identifier_type, IDENTIFIER_DNS, IDENTIFIER_IP)

static enum store_result take_order(struct query *query, struct order *out)
{
    enum store_result result = query_next(query);
    if (result != STORE_OK)
        return result;
    *out = (struct order){.id = query_take_integer(query)};
    out->account_id = query_take_integer(query);
    out->endpoint = query_take_text(query);
    out->profile = query_take_text(query);
    out->status = query_take_order_status(query);
    out->status_since = query_take_integer(query);
    out->created_at = query_take_integer(query);
    out->expires_at = query_take_integer(query);
    out->not_before = query_take_integer(query);
    out->not_after = query_take_integer(query);
    out->csr = query_take_bytes(query);
    out->processing_since = query_take_integer(query);
    out->next_attempt_at = query_take_integer(query);
    out->attempt_count = query_take_integer(query);
    out->certificate_id = query_take_integer(query);
    out->error_json = query_take_text(query);
    out->client_address = query_take_text(query);
    out->user_agent = query_take_text(query);
    out->replaces = query_take_text(query);
    return query_finish(query);
}

/* They are written once with the order, so no transaction is needed to agree with the row read before. */
static enum store_result load_identifiers(struct store_reader *reader, struct arena *arena,
                                          struct order *order)
{
    enum store_result result;
    QUERY(query, reader, arena, STATEMENTS_ORDERS, ORDER_LOAD_IDENTIFIERS);
    query_bind_integer(&query, "$id", order->id);
    while ((result = query_next(&query)) == STORE_OK) {
        size_t i = order->identifier_count;
        order->identifiers = array_with_room(arena, order->identifiers, i, sizeof *order->identifiers);
        order->authorization_ids = array_with_room(arena, order->authorization_ids, i, sizeof(int64_t));
        order->authorization_ids[i] = query_take_integer(&query);
        order->identifiers[i].type = query_take_identifier_type(&query);
        bool wildcard = query_take_integer(&query) != 0;
        const char *name = query_take_text(&query);
        snprintf(order->identifiers[i].value, IDENTIFIER_VALUE_BYTES, "%s%s", wildcard ? "*." : "",
                 name == NULL ? "" : name);
        order->identifier_count++;
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

void store_order_ask(struct store_reader *reader, int64_t id)
{
    query_ask_by_id(reader, STATEMENTS_ORDERS, ORDER_LOAD, "$id", id);
    query_ask_by_id(reader, STATEMENTS_ORDERS, ORDER_LOAD_IDENTIFIERS, "$id", id);
}

enum store_result store_order_load(struct store_reader *reader, struct arena *arena, int64_t id,
                                   struct order *out)
{
    store_order_ask(reader, id);
    QUERY(query, reader, arena, STATEMENTS_ORDERS, ORDER_LOAD);
    query_bind_integer(&query, "$id", id);
    enum store_result result = take_order(&query, out);
    if (result == STORE_OK)
        return load_identifiers(reader, arena, out);
    store_read_ahead_end(reader); /* the names were asked for in vain */
    return result;
}

static void bind_changeable(struct query *query, const struct order *order)
{
    query_bind_integer(query, "$id", order->id);
    query_bind_text(query, "$status", order_status_name(order->status));
    query_bind_integer(query, "$status_since", order->status_since);
    query_bind_integer(query, "$expires_at", order->expires_at);
    query_bind_blob(query, "$csr", order->csr);
    query_bind_optional(query, "$processing_since", order->processing_since);
    query_bind_integer(query, "$next_attempt_at", order->next_attempt_at);
    query_bind_integer(query, "$attempt_count", order->attempt_count);
    query_bind_optional(query, "$certificate_id", order->certificate_id);
    query_bind_problem(query, order->error_json);
}

static enum store_result insert_row(struct store_writer *writer, const struct order *order)
{
    CHANGE(query, writer, STATEMENTS_ORDERS, ORDER_INSERT);
    bind_changeable(&query, order);
    query_bind_integer(&query, "$account_id", order->account_id);
    query_bind_text(&query, "$profile", order->profile);
    query_bind_integer(&query, "$created_at", order->created_at);
    query_bind_optional(&query, "$not_before", order->not_before);
    query_bind_optional(&query, "$not_after", order->not_after);
    query_bind_text(&query, "$client_address", order->client_address);
    query_bind_text(&query, "$user_agent", order->user_agent);
    query_bind_text(&query, "$replaces", order->replaces);
    return query_send(&query);
}

/* Called before each write. The update's own condition ensures that `was` is the row's state. */
static bool may_write(struct store_writer *writer, const struct order *order, enum order_status was)
{
    if (order_may_be_written(was, order->status))
        return true;
    store_log(
        "store: order %lld is not written: from %s to %s is not a transition of an order; please report "
        "this fault",
        (long long)order->id, order_status_name(was), order_status_name(order->status));
    writer->refused = true;
    return false;
}

enum store_result store_order_insert(struct store_writer *writer, struct order *order)
{
    if (!may_write(writer, order, 0))
        return STORE_REFUSED;
    order->id = store_next_id(writer, order->created_at * 1000);
    enum store_result result = insert_row(writer, order);
    for (size_t i = 0; result == STORE_OK && i < order->identifier_count; i++) {
        CHANGE(query, writer, STATEMENTS_ORDERS, ORDER_INSERT_IDENTIFIER);
        query_bind_integer(&query, "$id", order->id);
        query_bind_integer(&query, "$position", (int64_t)i);
        query_bind_integer(&query, "$authorization_id", order->authorization_ids[i]);
        result = query_send(&query);
    }
    return result;
}

enum store_result store_order_update(struct store_writer *writer, const struct order *order,
                                     enum order_status was)
{
    if (!may_write(writer, order, was))
        return STORE_REFUSED;
    CHANGE(query, writer, STATEMENTS_ORDERS, ORDER_UPDATE);
    bind_changeable(&query, order);
    query_bind_text(&query, "$was", order_status_name(was));
    gateway_bind(&query, writer);
    return query_send_guarded(&query, ORDER_EXISTS, order->id);
}

enum store_result store_order_queue_after(struct store_reader *reader, struct arena *arena, const char *after,
                                          const char **profile)
{
    QUERY(query, reader, arena, STATEMENTS_ORDERS, ORDER_QUEUE_AFTER);
    gateway_bind_own(&query);
    query_bind_text(&query, "$after", after);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *profile = query_take_text(&query);
    return query_finish(&query);
}

enum store_result store_orders_due(struct store_reader *reader, const char *profile, int64_t now,
                                   int64_t *ids, size_t max, size_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_ORDERS, ORDERS_DUE);
    gateway_bind_own(&query);
    query_bind_text(&query, "$profile", profile);
    query_bind_integer(&query, "$now", now);
    query_bind_integer(&query, "$max", (int64_t)max);
    return query_take_ids(&query, ids, max, count);
}

enum store_result store_orders_processing_since(struct store_reader *reader, int64_t since, int64_t *ids,
                                                size_t max, size_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_ORDERS, ORDERS_PROCESSING_SINCE);
    gateway_bind_own(&query);
    query_bind_integer(&query, "$since", since);
    query_bind_integer(&query, "$max", (int64_t)max);
    return query_take_ids(&query, ids, max, count);
}

enum store_result store_orders_of_account(struct store_reader *reader, int64_t account_id, int64_t before,
                                          int64_t *ids, size_t max, size_t *count)
{
    QUERY(query, reader, NULL, STATEMENTS_ORDERS, ORDERS_OF_ACCOUNT);
    query_bind_integer(&query, "$account_id", account_id);
    query_bind_integer(&query, "$before", before == 0 ? INT64_MAX : before);
    query_bind_integer(&query, "$max", (int64_t)max);
    return query_take_ids(&query, ids, max, count);
}

enum store_result store_orders_of_name(struct store_reader *reader, const char *name, int64_t *ids,
                                       size_t max, size_t *count)
{
    bool wildcard = strncmp(name, "*.", 2) == 0;
    QUERY(query, reader, NULL, STATEMENTS_ORDERS, ORDERS_OF_NAME);
    query_bind_text(&query, "$identifier", wildcard ? name + 2 : name);
    query_bind_integer(&query, "$wildcard", wildcard);
    query_bind_integer(&query, "$max", (int64_t)max);
    return query_take_ids(&query, ids, max, count);
}

enum store_result store_order_that_replaced(struct store_reader *reader, const char *replaces,
                                            int64_t account_id, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_ORDERS, ORDER_THAT_REPLACED);
    query_bind_integer(&query, "$account_id", account_id);
    query_bind_text(&query, "$replaces", replaces);
    enum store_result result = query_next(&query);
    *id = result == STORE_OK ? query_take_integer(&query) : 0;
    return result;
}
