/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retention.h"

#include "acme/base/monotonic.h"
#include "acme/renewal.h"
#include "store/sql/query.h"

/* Rows that one step reads, and its time limits: clients' writes wait for it. */
enum { ROWS_PER_STEP = 64, STEP_MAX_MS = 4, LOOK_MAX_MS = 2 };

/* Events of the last day may be from this start, with any clock. */
enum { DAY_S = 86400 };

/* The least time after its end for which a revoked certificate stays known as revoked. Lists name it until
 * one that was made after its end, and responses are used later than they were made. */
#define REVOKED_STAYS_S "604800"

/* Certificates of a name that are read to find out whether one is its last from ACME, and whether the name is
 * in use. */
#define NEIGHBOURS "50"

enum {
    OLD_ORDERS,
    OLD_AUTHORIZATIONS,
    OLD_CERTIFICATES,
    OLD_EVENTS,
    OLD_GATEWAYS,
    SERIAL_LIVES,
    ORDER_FORGET,
    ORDER_DELETE_ATTEMPTS,
    ORDER_DELETE_AUTHORIZATIONS,
    ORDER_DELETE,
    AUTHORIZATION_DELETE,
    CERTIFICATE_DELETE_NAMES,
    CERTIFICATE_DELETE,
    EVENT_DELETE,
    GATEWAY_DELETE,
    LAST_SEEN,
};

/*
 * Ids grow with time: older rows are below an id, and `goes` selects those to delete. An order that says
 * which certificate it replaces returns that too.
 */
static const struct statement statements[] = {
    [OLD_ORDERS] =
        {"retention_orders",
         "SELECT o.id,"
         " (o.status IN ('valid', 'invalid') AND o.status_since < $before"
         " OR o.status IN ('pending', 'ready') AND o.expires_at < $before)"
         " AND NOT EXISTS (SELECT 1 FROM certificates c WHERE c.order_id = o.id AND (c.not_after >= $now"
         " OR c.revocation_requested_at IS NOT NULL AND c.revoked_at IS NULL)) AS goes,"
         " CASE WHEN o.status = 'valid' THEN o.replaces END AS replaces"
         " FROM orders o WHERE o.id > $after AND o.id < $below ORDER BY o.id LIMIT $max"},
    [OLD_AUTHORIZATIONS] =
        {"retention_authorizations",
         "SELECT z.id, z.expires_at < $before"
         " AND NOT (z.status = 'pending' AND z.challenge_status IS NOT DISTINCT FROM 'processing')"
         " AND NOT EXISTS (SELECT 1 FROM order_authorizations WHERE authorization_id = z.id) AS goes, NULL"
         " FROM authorizations z WHERE z.id > $after AND z.id < $below AND $now = $now ORDER BY z.id LIMIT "
         "$max"},
    /* A certificate from ACME, of a name that has others since, shows that the name has moved once
     * (acme/migration.h). It counts as the last when the next ones of the name are not from ACME. */
    [OLD_CERTIFICATES] =
        {"retention_certificates",
         "SELECT c.id, c.not_after < $before"
         " AND (c.revocation_requested_at IS NULL"
         " OR c.revoked_at IS NOT NULL AND c.not_after < $now - " REVOKED_STAYS_S ")"
         " AND NOT EXISTS (SELECT 1 FROM orders WHERE certificate_id = c.id)"
         " AND NOT (c.origin = 'acme' AND c.status <> 'rejected' AND EXISTS ("
         "SELECT 1 FROM certificate_names s WHERE s.certificate_id = c.id"
         " AND NOT EXISTS (SELECT 1 FROM (SELECT x.origin AS origin, x.status AS status"
         " FROM certificate_names n CROSS JOIN certificates x ON x.id = n.certificate_id"
         " WHERE n.name = s.name AND n.certificate_id > c.id ORDER BY n.certificate_id LIMIT " NEIGHBOURS
         ") AS subquery_next"
         " WHERE origin = 'acme' AND status <> 'rejected')"
         " AND EXISTS (SELECT 1 FROM (SELECT x.not_after AS not_after"
         " FROM certificate_names n CROSS JOIN certificates x ON x.id = n.certificate_id"
         " WHERE n.name = s.name ORDER BY n.certificate_id DESC LIMIT " NEIGHBOURS ") AS subquery_last"
         " WHERE not_after >= $before))) AS goes, NULL"
         " FROM certificates c WHERE c.id > $after AND c.id < $below ORDER BY c.id LIMIT $max"},
    /* The newest event stays, whatever its age: it shows the newest state of the database. */
    [OLD_EVENTS] = {"retention_events",
                    "SELECT id, at < $before AND id < (SELECT max(id) FROM events) AS goes, NULL FROM events"
                    " WHERE id > $after AND id < $below AND $now = $now ORDER BY id LIMIT $max"},
    /* Its work was taken over, and its events are gone. Hosts that come and go have a new name each time. */
    [OLD_GATEWAYS] = {"retention_gateways",
                      "SELECT id, state = 'gone' AND seen_at < $before AS goes, NULL FROM gateways"
                      " WHERE id > $after AND $below = $below AND $now = $now ORDER BY id LIMIT $max"},
    [SERIAL_LIVES] = {"retention_serial_lives",
                      "SELECT 1 FROM certificates WHERE serial = $serial AND not_after >= $now LIMIT 1"},
    [ORDER_FORGET] = {"retention_order_forget",
                      "UPDATE certificates SET order_id = NULL WHERE order_id = $id"},
    [ORDER_DELETE_ATTEMPTS] = {"retention_order_attempts", "DELETE FROM attempts WHERE order_id = $id"},
    [ORDER_DELETE_AUTHORIZATIONS] = {"retention_order_authorizations",
                                     "DELETE FROM order_authorizations WHERE order_id = $id"},
    [ORDER_DELETE] = {"retention_order", "DELETE FROM orders WHERE id = $id"},
    [AUTHORIZATION_DELETE] = {"retention_authorization", "DELETE FROM authorizations WHERE id = $id"},
    [CERTIFICATE_DELETE_NAMES] = {"retention_certificate_names",
                                  "DELETE FROM certificate_names WHERE certificate_id = $id"},
    [CERTIFICATE_DELETE] = {"retention_certificate", "DELETE FROM certificates WHERE id = $id"},
    [EVENT_DELETE] = {"retention_event", "DELETE FROM events WHERE id = $id"},
    [GATEWAY_DELETE] = {"retention_gateway", "DELETE FROM gateways WHERE id = $id"},
    [LAST_SEEN] = {"retention_last_seen", "SELECT at FROM events WHERE id < $below ORDER BY id DESC LIMIT 1"},
};

const struct statement_table store_retention_statements = {statements,
                                                           sizeof statements / sizeof *statements};

/* ---- rows ---- */

static enum store_result run_for(struct store_writer *writer, size_t statement, int64_t id)
{
    CHANGE(query, writer, STATEMENTS_RETENTION, statement);
    query_bind_integer(&query, "$id", id);
    return query_run(&query) == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* Rows that depend on a row are deleted before it. */
static const struct stage {
    size_t old;
    size_t deletions[4];
    size_t deletion_count;
    size_t before;  /* in struct retention */
    size_t deleted; /* in struct retention_pass */
} stages[] = {
    {OLD_ORDERS,
     {ORDER_FORGET, ORDER_DELETE_ATTEMPTS, ORDER_DELETE_AUTHORIZATIONS, ORDER_DELETE},
     4,
     offsetof(struct retention, orders_before),
     offsetof(struct retention_pass, orders)},
    {OLD_AUTHORIZATIONS,
     {AUTHORIZATION_DELETE},
     1,
     offsetof(struct retention, orders_before),
     offsetof(struct retention_pass, authorizations)},
    {OLD_CERTIFICATES,
     {CERTIFICATE_DELETE_NAMES, CERTIFICATE_DELETE},
     2,
     offsetof(struct retention, certificates_before),
     offsetof(struct retention_pass, certificates)},
    {OLD_EVENTS,
     {EVENT_DELETE},
     1,
     offsetof(struct retention, events_before),
     offsetof(struct retention_pass, events)},
    {OLD_GATEWAYS,
     {GATEWAY_DELETE},
     1,
     offsetof(struct retention, events_before),
     offsetof(struct retention_pass, gateways)},
};
enum { STAGE_COUNT = sizeof stages / sizeof *stages };

struct old_row {
    int64_t id;
    bool goes;
    const char *replaces; /* NULL: none */
};

/* While a certificate is live, the order that replaced it stays, so that no second one does (RFC 9773 §5). */
static enum store_result spare_if_it_replaced(struct store_reader *reader, struct arena *arena, int64_t now,
                                              struct old_row *row)
{
    char serial[SERIAL_HEX_BYTES];
    if (!row->goes || row->replaces == NULL ||
        !renewal_id_parse(arena, bytes_from_string(row->replaces), serial))
        return STORE_OK;
    QUERY(query, reader, NULL, STATEMENTS_RETENTION, SERIAL_LIVES);
    query_bind_text(&query, "$serial", serial);
    query_bind_integer(&query, "$now", now);
    enum store_result result = query_next(&query);
    row->goes = result == STORE_NOT_FOUND;
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* The next old rows, at most as many as can be handled in the time. */
struct old_rows {
    struct old_row rows[ROWS_PER_STEP];
    size_t count;
    bool are_last; /* the last ones of their stage */
};

static enum store_result find_old(struct store_reader *reader, struct arena *arena, int64_t began,
                                  const struct retention *retention, const struct retention_pass *pass,
                                  struct old_rows *out)
{
    const struct stage *stage = &stages[pass->stage];
    int64_t before = *(const int64_t *)((const char *)retention + stage->before);
    size_t max = pass->after < pass->alone_until ? 1 : ROWS_PER_STEP;
    enum store_result result = STORE_OK;
    QUERY(query, reader, arena, STATEMENTS_RETENTION, stage->old);
    query_bind_integer(&query, "$before", before);
    query_bind_integer(&query, "$now", retention->now);
    query_bind_integer(&query, "$after", pass->after);
    query_bind_integer(&query, "$below", first_id_at(before));
    query_bind_integer(&query, "$max", ROWS_PER_STEP);
    out->count = 0;
    while (out->count < max && (out->count == 0 || monotonic_ms() - began < LOOK_MAX_MS) &&
           (result = query_next(&query)) == STORE_OK) {
        struct old_row *row = &out->rows[out->count++];
        row->id = query_take_integer(&query);
        row->goes = query_take_integer(&query) != 0;
        row->replaces = query_take_text(&query);
    }
    out->are_last = result == STORE_NOT_FOUND;
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

static enum store_result delete_row(struct store_writer *writer, const struct stage *stage, int64_t id)
{
    enum store_result result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && i < stage->deletion_count; i++)
        result = run_for(writer, stage->deletions[i], id);
    return result;
}

static void next_stage(struct retention_pass *pass)
{
    pass->stage++;
    pass->after = 0;
    pass->alone_until = 0;
}

/* Deletes until the time is over, at least one row. `done` is the number of rows handled. */
static enum store_result delete_of(struct store_writer *writer, struct arena *arena, int64_t began,
                                   int64_t now, struct old_rows *old, struct retention_pass *pass,
                                   size_t *done)
{
    const struct stage *stage = &stages[pass->stage];
    int64_t *deleted = (int64_t *)((char *)pass + stage->deleted);
    enum store_result result = STORE_OK;
    bool has_time = true;
    for (*done = 0; result == STORE_OK && *done < old->count && (has_time || !old->rows[*done].goes);
         ++*done) {
        struct old_row *row = &old->rows[*done];
        result = spare_if_it_replaced(store_reader_of(writer), arena, now, row);
        if (result == STORE_OK && row->goes) {
            result = delete_row(writer, stage, row->id);
            ++*deleted;
            has_time = monotonic_ms() - began < STEP_MAX_MS;
        }
        pass->after = row->id;
    }
    return result;
}

static enum store_result delete_some(struct store_writer *writer, const struct retention *retention,
                                     struct retention_pass *pass)
{
    struct old_rows old = {.are_last = true};
    size_t done = 0;
    int64_t began = monotonic_ms();
    struct arena *arena = arena_new();
    enum store_result result = STORE_OK;
    if (*(const int64_t *)((const char *)retention + stages[pass->stage].before) != 0)
        result = find_old(store_reader_of(writer), arena, began, retention, pass, &old);
    if (result == STORE_OK)
        result = delete_of(writer, arena, began, retention->now, &old, pass, &done);
    if (result == STORE_OK && done == old.count && old.are_last)
        next_stage(pass);
    arena_free(arena);
    return result;
}

bool store_retention_go_on(struct retention_pass *pass, const struct retention_pass *reached)
{
    if (reached->stage != pass->stage || reached->after <= pass->after)
        return false;
    bool was_alone = pass->after < pass->alone_until;
    pass->alone_until = was_alone ? pass->alone_until : reached->after;
    if (was_alone) {
        pass->after = reached->after;
        pass->undeleted++;
    }
    return pass->undeleted < RETENTION_UNDELETED_MAX;
}

enum store_result store_retention_last_seen(struct store_reader *reader, int64_t now, int64_t *at)
{
    QUERY(query, reader, NULL, STATEMENTS_RETENTION, LAST_SEEN);
    query_bind_integer(&query, "$below", first_id_at(now - DAY_S));
    enum store_result result = query_next(&query);
    *at = result == STORE_OK ? query_take_integer(&query) : 0;
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

enum store_result store_retention_step(struct store_writer *writer, const struct retention *retention,
                                       struct retention_pass *pass)
{
    if (pass->stage < STAGE_COUNT)
        return delete_some(writer, retention, pass);
    return writer->reader->engine->give_back(writer, pass);
}
