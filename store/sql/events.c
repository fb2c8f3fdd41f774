/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/event_notes.h"
#include "store/sql/gateways.h"

enum {
    EVENT_INSERT,
    EVENTS_OF_ORDER,
    EVENT_OF_NAME,
    CAUSE_OF_CERTIFICATE,
    CONFIGURATION_EVENT,
    NEWEST_CONFIGURATION_EVENT
};

#define EVENT_COLUMNS \
    "id, at, kind, account_id, order_id, authorization_id, certificate_id, who, detail, cause, names, " \
    "request"

static const struct statement statements[] = {
    [EVENT_INSERT] = {"event_insert", "INSERT INTO events (" EVENT_COLUMNS ", gateway_id)"
                                      " VALUES ($id, $at, $kind, $account_id, $order_id, $authorization_id,"
                                      " $certificate_id, $who, $detail, $cause, $names, $request, $gateway)"},
    /* Events of a shared authorization are included, whichever order they were recorded for. */
    [EVENTS_OF_ORDER] =
        {"events_of_order",
         "SELECT " EVENT_COLUMNS " FROM events WHERE id IN ("
         " SELECT id FROM events WHERE order_id = $order_id"
         " UNION SELECT e.id FROM order_authorizations oa"
         " CROSS JOIN events e ON e.authorization_id = oa.authorization_id"
         " WHERE oa.order_id = $order_id"
         " UNION SELECT e.id FROM orders o CROSS JOIN events e ON e.certificate_id = o.certificate_id"
         " WHERE o.id = $order_id)"
         " ORDER BY id"},
    [EVENT_OF_NAME] = {"event_of_name",
                       "SELECT " EVENT_COLUMNS " FROM events WHERE names IS NOT NULL AND id > $after"
                       " AND replace(', ' || names || ', ', ', ' || $name || ', ', '') <> ', ' || names || "
                       "', ' ORDER BY id DESC LIMIT 1"},
    [CAUSE_OF_CERTIFICATE] = {"cause_of_certificate",
                              "SELECT cause FROM events WHERE certificate_id = $certificate_id"
                              " AND cause IS NOT NULL ORDER BY id DESC LIMIT 1"},
    [CONFIGURATION_EVENT] = {"configuration_event", "SELECT " EVENT_COLUMNS " FROM events WHERE id > $after"
                                                    " AND kind IN ($loaded, $rejected) ORDER BY id LIMIT 1"},
    [NEWEST_CONFIGURATION_EVENT] = {"newest_configuration_event",
                                    "SELECT id FROM events WHERE id > 0 AND kind IN ($loaded, $rejected)"
                                    " ORDER BY id DESC LIMIT 1"},
};

const struct statement_table store_event_statements = {statements, sizeof statements / sizeof *statements};

enum store_result store_event_insert(struct store_writer *writer, const struct event *event)
{
    CHANGE(query, writer, STATEMENTS_EVENTS, EVENT_INSERT);
    query_bind_integer(&query, "$id", store_next_id(writer, event->at * 1000));
    query_bind_integer(&query, "$at", event->at);
    query_bind_text(&query, "$kind", event_type_name(event->type));
    query_bind_optional(&query, "$account_id", event->account_id);
    query_bind_optional(&query, "$order_id", event->order_id);
    query_bind_optional(&query, "$authorization_id", event->authorization_id);
    query_bind_optional(&query, "$certificate_id", event->certificate_id);
    query_bind_text(&query, "$who", event->actor);
    query_bind_text(&query, "$detail", event->detail);
    query_bind_text(&query, "$cause", cause_name(event->cause));
    query_bind_text(&query, "$names", event->names);
    query_bind_text(&query, "$request", event->request);
    gateway_bind(&query, writer);
    enum store_result result = query_send(&query);
    if (result == STORE_OK)
        event_notes_add(writer->notes, event);
    return result;
}

/* Later versions may have more causes. */
static enum cause take_cause(struct query *query)
{
    const char *name = query_take_text(query);
    return name == NULL ? CAUSE_NONE : cause_find(bytes_from_string(name));
}

static void take_event(struct query *query, struct event_row *out)
{
    *out = (struct event_row){.id = query_take_integer(query)};
    out->event.at = query_take_integer(query);
    const char *type_name = query_take_text(query);
    out->type_name = type_name == NULL ? "" : type_name;
    out->event.type = event_type_find(bytes_from_string(out->type_name));
    out->event.account_id = query_take_integer(query);
    out->event.order_id = query_take_integer(query);
    out->event.authorization_id = query_take_integer(query);
    out->event.certificate_id = query_take_integer(query);
    out->event.actor = query_take_text(query);
    out->event.detail = query_take_text(query);
    out->event.cause = take_cause(query);
    out->event.names = query_take_text(query);
    out->event.request = query_take_text(query);
}

enum store_result store_events_of_order(struct store_reader *reader, struct arena *arena, int64_t order_id,
                                        struct event_row **out, size_t *count)
{
    enum store_result result;
    QUERY(query, reader, arena, STATEMENTS_EVENTS, EVENTS_OF_ORDER);
    query_bind_integer(&query, "$order_id", order_id);
    *out = NULL;
    *count = 0;
    while ((result = query_next(&query)) == STORE_OK) {
        *out = array_with_room(arena, *out, *count, sizeof **out);
        take_event(&query, &(*out)[(*count)++]);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

enum store_result store_event_of_name(struct store_reader *reader, struct arena *arena, const char *name,
                                      int64_t after, struct event_row *out)
{
    QUERY(query, reader, arena, STATEMENTS_EVENTS, EVENT_OF_NAME);
    query_bind_text(&query, "$name", name);
    query_bind_integer(&query, "$after", after);
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        take_event(&query, out);
    return result == STORE_OK ? query_finish(&query) : result;
}

enum store_result store_cause_of_certificate(struct store_reader *reader, int64_t certificate_id,
                                             enum cause *out)
{
    struct arena *arena = arena_new();
    QUERY(query, reader, arena, STATEMENTS_EVENTS, CAUSE_OF_CERTIFICATE);
    query_bind_integer(&query, "$certificate_id", certificate_id);
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        *out = take_cause(&query);
    if (result == STORE_OK)
        result = query_finish(&query);
    arena_free(arena);
    return result;
}

static void bind_verdicts(struct query *query)
{
    query_bind_text(query, "$loaded", event_type_name(EVENT_CONFIGURATION_LOADED));
    query_bind_text(query, "$rejected", event_type_name(EVENT_CONFIGURATION_REJECTED));
}

enum store_result store_configuration_event(struct store_reader *reader, struct arena *arena, int64_t after,
                                            struct event_row *out)
{
    QUERY(query, reader, arena, STATEMENTS_EVENTS, CONFIGURATION_EVENT);
    query_bind_integer(&query, "$after", after);
    bind_verdicts(&query);
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        take_event(&query, out);
    return result == STORE_OK ? query_finish(&query) : result;
}

enum store_result store_newest_configuration_event(struct store_reader *reader, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_EVENTS, NEWEST_CONFIGURATION_EVENT);
    bind_verdicts(&query);
    *id = 0;
    enum store_result result = query_next(&query);
    if (result == STORE_OK)
        *id = query_take_integer(&query);
    if (result == STORE_OK)
        result = query_finish(&query);
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}
