#include "gateway/stepca_api/native_routes.h"

#include "gateway/frontend/routes.h"

/* Its /health is ours. */
static const struct route native_routes[] = {
    {"/health", "GET", ROUTE_PLAIN, false, NULL, NULL, .render = health_render},
    {"/version", "GET", ROUTE_PLAIN, false, native_read_prepare, NULL, NULL, .finish = native_finish},
    {"/roots", "GET", ROUTE_PLAIN, false, native_read_prepare, NULL, NULL, .finish = native_finish},
    {"/root/{name}", "GET", ROUTE_PLAIN, false, native_read_prepare, NULL, NULL, .finish = native_finish},
    {"/provisioners", "GET", ROUTE_PLAIN, false, native_read_prepare, NULL, NULL, .finish = native_finish},
    {"/provisioners/{name}/encrypted-key", "GET", ROUTE_PLAIN, false, native_read_prepare, NULL, NULL,
     .finish = native_finish},
    {"/sign", "POST", ROUTE_PLAIN, false, native_sign_prepare, NULL, NULL, .finish = native_finish},
    {"/renew", "POST", ROUTE_PLAIN, false, native_renew_prepare, NULL, NULL, .finish = native_finish},
    {"/rekey", "POST", ROUTE_PLAIN, false, native_rekey_prepare, NULL, NULL, .finish = native_finish},
    {"/revoke", "POST", ROUTE_PLAIN, false, native_revoke_prepare, NULL, NULL, .finish = native_finish},
};

static bool is_served(const struct config *config)
{
    return config->native_profile != NULL;
}

const struct route_table routes_of_native = {native_routes, sizeof(native_routes) / sizeof(native_routes[0]),
                                             "/1.0", .is_served = is_served};
