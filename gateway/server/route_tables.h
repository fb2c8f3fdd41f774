/* SPDX-License-Identifier: Apache-2.0 */
/* All routes that the ACME listeners serve. */
#pragma once

#include "gateway/frontend/exchange.h"

/* NULL behind the last one. */
extern const struct route_table *const server_route_tables[];

/* Returns the number of routes, for the metrics; a route's number begins at 1. The name is NULL for a route
 * that this configuration does not serve. */
size_t server_route_count(void);
const char *server_route_label(struct arena *arena, const struct config *config, size_t number);
