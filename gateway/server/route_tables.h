/* SPDX-License-Identifier: Apache-2.0 */
/* Every route that is served where ACME is. */
#pragma once

#include "gateway/frontend/exchange.h"

/* NULL behind the last one. */
extern const struct route_table *const server_route_tables[];

/* For the metrics: the routes by number, 0 for none. NULL for what this configuration does not serve. */
size_t server_route_count(void);
const char *server_route_label(struct arena *arena, const struct config *config, size_t number);
