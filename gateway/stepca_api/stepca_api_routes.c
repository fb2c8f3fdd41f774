/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/stepca_api/stepca_api_routes.h"

#include "gateway/frontend/routes.h"

/* step-ca's /health is replaced by our own. */
static const struct route stepca_api_routes[] = {
    {"/health", "GET", ROUTE_PLAIN, false, .render = health_render},
    {"/version", "GET", ROUTE_PLAIN, false, .prepare = stepca_api_read_prepare, .finish = stepca_api_finish},
    {"/roots", "GET", ROUTE_PLAIN, false, .prepare = stepca_api_read_prepare, .finish = stepca_api_finish},
    {"/root/{name}", "GET", ROUTE_PLAIN, false, .prepare = stepca_api_read_prepare,
     .finish = stepca_api_finish},
    {"/provisioners", "GET", ROUTE_PLAIN, false, .prepare = stepca_api_read_prepare,
     .finish = stepca_api_finish},
    {"/provisioners/{name}/encrypted-key", "GET", ROUTE_PLAIN, false, .prepare = stepca_api_read_prepare,
     .finish = stepca_api_finish},
    {"/sign", "POST", ROUTE_PLAIN, false, .prepare = stepca_api_sign_prepare, .finish = stepca_api_finish},
    {"/renew", "POST", ROUTE_PLAIN, false, .prepare = stepca_api_renew_prepare, .finish = stepca_api_finish},
    {"/rekey", "POST", ROUTE_PLAIN, false, .prepare = stepca_api_rekey_prepare, .finish = stepca_api_finish},
    {"/revoke", "POST", ROUTE_PLAIN, false, .prepare = stepca_api_revoke_prepare,
     .finish = stepca_api_finish},
};

static bool is_served(const struct config *config)
{
    return config->stepca_api_profile != NULL;
}

const struct route_table routes_of_stepca_api = {stepca_api_routes,
                                                 sizeof stepca_api_routes / sizeof stepca_api_routes[0],
                                                 "/1.0", .is_served = is_served};
