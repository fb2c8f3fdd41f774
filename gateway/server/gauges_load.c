/* SPDX-License-Identifier: Apache-2.0 */
/* The gauges from the database: counts of waiting work, and its size. */
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/clock.h"
#include "gateway/server/gauges.h"
#include "store/waiting.h"

struct loading {
    const struct server *server;
    struct store_reader *reader;
    struct metric_gauges *gauges;
    int64_t now;
};

/* Orders wait by profile: an issuer's are those of all of its profiles. */
static void load_orders(struct loading *loading, const char *id, size_t i)
{
    const struct config *config = config_now(loading->server->config);
    int64_t waiting = 0, since = 0;
    for (size_t p = 0; p < config->profile_count; p++) {
        int64_t count = 0, oldest = 0;
        if (strcmp(config->profiles[p].issuer, id) != 0)
            continue;
        if (store_orders_waiting(loading->reader, config->profiles[p].name, &count, &oldest) != STORE_OK)
            return;
        waiting += count;
        since = oldest != 0 && (since == 0 || oldest < since) ? oldest : since;
    }
    METRICS_SET(loading->gauges, METRIC_ORDERS_WAITING, waiting, i);
    METRICS_SET(loading->gauges, METRIC_ORDERS_OLDEST, since == 0 ? 0 : loading->now - since, i);
}

static void load_issuer(struct loading *loading, const char *id)
{
    size_t i = metrics_issuer(id);
    int64_t count = 0;
    load_orders(loading, id, i);
    if (store_revocations_waiting(loading->reader, id, &count) == STORE_OK)
        METRICS_SET(loading->gauges, METRIC_REVOCATIONS_WAITING, count, i);
    if (store_attempts_unknown(loading->reader, id, &count) == STORE_OK)
        METRICS_SET(loading->gauges, METRIC_CA_ATTEMPTS_UNKNOWN, count, i);
}

static void set_size(struct metric_gauges *gauges, int64_t bytes, enum metric_file file)
{
    if (bytes != STORE_SIZE_UNKNOWN)
        METRICS_SET(gauges, METRIC_DATABASE_BYTES, bytes, file);
}

void gauges_load(const struct server *server, struct store_reader *reader, struct metric_gauges *gauges)
{
    struct loading loading = {server, reader, gauges, clock_now()};
    struct store_size size;
    int64_t count = 0;
    store_read_size(server->location, &size);
    set_size(gauges, size.data, METRIC_FILE_DATABASE);
    set_size(gauges, size.log, METRIC_FILE_WAL);
    if (size.free != STORE_SIZE_UNKNOWN)
        METRICS_SET(gauges, METRIC_DATABASE_FREE_BYTES, size.free);
    if (store_validations_waiting(reader, &count) == STORE_OK)
        METRICS_SET(gauges, METRIC_VALIDATIONS_WAITING, count);
    const struct config *config = config_now(server->config);
    for (size_t i = 0; i < config->issuer_count; i++)
        load_issuer(&loading, config->issuers[i].id);
}
