/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that writes: its ids, and the verdict on its transaction. */
#include <stdlib.h>

#include "store/sql/gateways.h"

/* 2026-01-01T00:00:00Z */
#define ID_EPOCH_MS INT64_C(1767225600000)

/*
 * An id is the millisecond, the number of the gateway, and a count within that millisecond. So no two
 * gateways make the same one, and none asks another. Commands have the number 0.
 */
#define IDS_PER_GATEWAY INT64_C(256) /* within one millisecond, before they run ahead of the clock */
#define IDS_PER_MS      (IDS_PER_GATEWAY * (STORE_GATEWAYS_MAX + 1))

enum { HIGHEST_ID, NEWEST_EVENT };

static const struct statement statements[] = {
    [HIGHEST_ID] = {"highest_id", "SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM accounts"
                                  " UNION ALL SELECT max(id) FROM authorizations"
                                  " UNION ALL SELECT max(id) FROM orders"
                                  " UNION ALL SELECT max(id) FROM attempts"
                                  " UNION ALL SELECT max(id) FROM certificates"
                                  " UNION ALL SELECT max(id) FROM eab_keys"
                                  " UNION ALL SELECT max(id) FROM early_renewals"
                                  " UNION ALL SELECT max(id) FROM events) AS subquery_ids"},
    [NEWEST_EVENT] = {"newest_event", "SELECT max(id) FROM events WHERE id > 0 AND id <= $until"},
};

const struct statement_table store_writer_statements = {statements, sizeof statements / sizeof *statements};

struct store_reader *store_reader_of(struct store_writer *writer)
{
    return writer->reader;
}

struct store_writer *writer_new(struct store_reader *reader)
{
    struct store_writer *writer = calloc(1, sizeof *writer);
    if (writer != NULL)
        writer->reader = reader;
    else
        store_reader_close(reader);
    return writer;
}

void writer_close(struct store_writer *writer)
{
    if (writer == NULL)
        return;
    store_reader_close(writer->reader);
    free(writer);
}

bool writer_continue_ids(struct store_writer *writer)
{
    QUERY(query, writer->reader, NULL, STATEMENTS_WRITER, HIGHEST_ID);
    if (query_next(&query) != STORE_OK)
        return false;
    writer->last_id = query_take_integer(&query);
    return true;
}

bool reader_newest_event(struct store_reader *reader, int64_t until, int64_t *id)
{
    QUERY(query, reader, NULL, STATEMENTS_WRITER, NEWEST_EVENT);
    query_bind_integer(&query, "$until", until);
    if (query_next(&query) != STORE_OK)
        return false;
    *id = query_take_integer(&query);
    return true;
}

int64_t first_id_at(int64_t unix_seconds)
{
    return (unix_seconds * 1000 - ID_EPOCH_MS) * IDS_PER_MS;
}

/* Returns the first id of the gateway with this number that is above `id`. */
static int64_t next_above(int64_t id, unsigned number)
{
    int64_t first = (int64_t)number * IDS_PER_GATEWAY;
    int64_t next = id + 1, within = next % IDS_PER_MS;
    if (within >= first && within < first + IDS_PER_GATEWAY)
        return next;
    return next - within + first + (within > first ? IDS_PER_MS : 0);
}

int64_t store_next_id(struct store_writer *writer, int64_t now_ms)
{
    unsigned number = writer->is_command ? 0 : gateway_identity()->number;
    int64_t by_clock = (now_ms - ID_EPOCH_MS) * IDS_PER_MS;
    writer->last_id = next_above(by_clock > writer->last_id ? by_clock - 1 : writer->last_id, number);
    return writer->last_id;
}
