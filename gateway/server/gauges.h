/* SPDX-License-Identifier: Apache-2.0 */
/* The gauges of GET /metrics. */
#pragma once

#include "gateway/metrics/metrics.h"
#include "gateway/server/server.h"

/* Sets the gauges that come from the database: waiting work, and its size. Any thread. */
void gauges_load(const struct server *server, struct store_reader *reader, struct metric_gauges *gauges);

/* Belongs to one thread. */
struct gauges_reader;

struct gauges_reader *gauges_reader_new(const struct server *server);
/* NULL is ignored. */
void gauges_reader_free(struct gauges_reader *reader);

/* Sets all other gauges, from the server's present state. False while the server starts. */
[[gnu::warn_unused_result]] bool gauges_read(struct gauges_reader *reader, struct metric_gauges *gauges);
