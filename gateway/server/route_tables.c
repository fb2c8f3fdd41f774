/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/route_tables.h"

#include "gateway/frontend/routes.h"
#include "gateway/stepca_api/stepca_api_routes.h"

const struct route_table *const server_route_tables[] = {&routes_of_endpoints, &routes_of_site,
                                                         &routes_of_stepca_api, NULL};

size_t server_route_count(void)
{
    return routes_count(server_route_tables);
}

const char *server_route_label(struct arena *arena, const struct config *config, size_t number)
{
    return routes_label(arena, server_route_tables, number, config);
}
