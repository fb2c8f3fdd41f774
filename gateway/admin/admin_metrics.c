/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics, for Prometheus. */
#include "gateway/admin/admin_internal.h"
#include "gateway/metrics/metrics.h"

void admin_show_metrics(struct admin_exchange *exchange)
{
    const struct admin *admin = exchange->admin;
    struct metric_gauges gauges = {.arena = exchange->arena};
    if (!admin->parts.read_gauges(admin->gauges, &gauges)) {
        admin_refuse(exchange, 503, "The server is starting.");
        return;
    }
    struct bytes text = metrics_render(exchange->arena, &gauges);
    if (text.n == 0) {
        admin_refuse(exchange, 500, "There are more metrics than an answer may hold.");
        return;
    }
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    exchange->reply.body = text;
    admin_finish(exchange);
}
