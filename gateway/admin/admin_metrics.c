/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics, for Prometheus. */
#include "gateway/admin/admin_internal.h"
#include "gateway/metrics/metrics.h"

static void make_gauges(struct admin_exchange *exchange)
{
    exchange->gauges = arena_alloc(exchange->arena, sizeof *exchange->gauges);
    exchange->gauges->arena = exchange->arena;
}

void admin_load_metrics(struct admin_exchange *exchange, struct store_reader *reader)
{
    const struct admin_parts *parts = &exchange->admin->parts;
    make_gauges(exchange);
    parts->load_gauges(parts->context, reader, exchange->gauges);
}

/* A database that cannot be read hides its own gauges, and no others. */
void admin_show_metrics(struct admin_exchange *exchange)
{
    const struct admin *admin = exchange->admin;
    if (exchange->gauges == NULL)
        make_gauges(exchange);
    if (!admin->parts.read_gauges(admin->gauges, exchange->gauges)) {
        admin_refuse(exchange, 503, "The server is starting.");
        return;
    }
    struct bytes text = metrics_render(exchange->arena, exchange->gauges);
    if (text.n == 0) {
        admin_refuse(exchange, 500, "The metrics are too long for a reply.");
        return;
    }
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    exchange->reply.body = text;
    admin_finish(exchange);
}
