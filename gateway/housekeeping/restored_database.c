/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/housekeeping/restored_database.h"

#include "acme/order.h"
#include "store/events.h"
#include "store/orders.h"

enum { ORDERS_AT_ONCE = 256 };

#define DETAIL \
    "The server's database was restored from a copy made while this order was in processing: it " \
    "may have been " \
    "signed since. Make a new order."

static enum store_result record(struct store_writer *writer, int64_t now, struct event event,
                                const char *detail)
{
    event.at = now;
    event.actor = "gateway";
    event.detail = detail;
    return store_event_insert(writer, &event);
}

static enum store_result end_order(struct store_writer *writer, struct arena *arena, int64_t now, int64_t id)
{
    struct order order;
    enum store_result result = store_order_load(store_reader_of(writer), arena, id, &order);
    if (result != STORE_OK)
        return result;
    order_fail(arena, &order, problem_new(arena, PROBLEM_SERVER_INTERNAL, DETAIL), now);
    result = store_order_update(writer, &order, ORDER_PROCESSING);
    return result == STORE_OK
               ? record(writer, now, event_of_order(arena, EVENT_ORDER_INVALID, &order), DETAIL)
               : result;
}

static enum store_result end_some(struct store_writer *writer, int64_t now, size_t *count)
{
    int64_t ids[ORDERS_AT_ONCE];
    enum store_result result =
        store_orders_processing_since(store_reader_of(writer), INT64_MAX, ids, ORDERS_AT_ONCE, count);
    struct arena *arena = arena_new();
    for (size_t i = 0; result == STORE_OK && i < *count; i++)
        result = end_order(writer, arena, now, ids[i]);
    arena_free(arena);
    return result;
}

enum store_result restored_database_settle(struct store_writer *writer, int64_t now, const char *why,
                                           int64_t *ended)
{
    size_t count = 0;
    enum store_result result;
    *ended = 0;
    while ((result = end_some(writer, now, &count)) == STORE_OK && count != 0)
        *ended += (int64_t)count;
    struct arena *arena = arena_new();
    if (result == STORE_OK)
        result = record(writer, now, (struct event){.type = EVENT_DATABASE_RESTORED},
                        arena_printf(arena, "%s; orders in processing that became invalid: %lld", why,
                                     (long long)*ended));
    arena_free(arena);
    return result;
}
