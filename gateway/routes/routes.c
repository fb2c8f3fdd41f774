#include "gateway/routes/routes.h"

/* Every resource of an endpoint, below /acme/{endpoint}. */
static const struct route endpoint_routes[] = {
    {"/directory", "GET, HEAD, POST", ROUTE_OPEN, true, NULL, NULL, directory_render_route},
    {"/new-nonce", "GET, HEAD, POST", ROUTE_OPEN, true, NULL, NULL, new_nonce_render},
    {"/limits", "GET, HEAD", ROUTE_OPEN, true, NULL, NULL, limits_render},
    {"/new-account", "POST", ROUTE_JWK, false, new_account_prepare, new_account_apply, account_render_route},
    {"/account/{id}", "POST", ROUTE_KID, false, account_prepare, account_apply, account_render_route},
    {"/account/{id}/orders", "POST", ROUTE_KID, true, account_orders_prepare, NULL, account_orders_render},
    {"/key-change", "POST", ROUTE_KID, false, key_change_prepare, key_change_apply, account_render_route},
    {"/new-order", "POST", ROUTE_KID, false, new_order_prepare, new_order_apply, order_render_route},
    {"/new-authz", "POST", ROUTE_KID, false, new_authorization_prepare, new_authorization_apply,
     new_authorization_render},
    {"/order/{id}", "POST", ROUTE_KID, true, order_prepare, NULL, order_render_route},
    {"/order/{id}/finalize", "POST", ROUTE_KID, false, finalize_prepare, finalize_apply, order_render_route},
    {"/authz/{id}", "POST", ROUTE_KID, false, authorization_prepare, authorization_apply,
     authorization_render_route},
    {"/challenge/{id}/{type}", "POST", ROUTE_KID, false, challenge_prepare, challenge_apply,
     challenge_render_route},
    {"/certificate/{id}", "POST", ROUTE_KID, true, certificate_prepare, NULL, certificate_render},
    {"/certificate/{id}/{chain}", "POST", ROUTE_KID, true, certificate_prepare, NULL, certificate_render},
    {"/renewal-info/{certificate}", "GET, HEAD", ROUTE_OPEN, true, renewal_info_prepare, NULL,
     renewal_info_render_route},
    {"/revoke-cert", "POST", ROUTE_EITHER, false, revoke_prepare, revoke_apply, revoke_render},
};

/* What belongs to no endpoint. */
static const struct route site_routes[] = {
    {"/health", "GET, HEAD", ROUTE_PLAIN, false, NULL, NULL, health_render},
    {"/.well-known/pki/crl/{issuer}", "GET, HEAD", ROUTE_PLAIN, false, NULL, NULL, crl_render},
    {"/.well-known/pki/ocsp/{issuer}", "GET, HEAD, POST", ROUTE_PLAIN, false, NULL, NULL, ocsp_render},
    {"/.well-known/pki/ocsp/{issuer}/{rest}", "GET, HEAD, POST", ROUTE_PLAIN, false, NULL, NULL, ocsp_render},
};

/* step-ca's own API, where the configuration passes it on: at "/" and at "/1.0". Its /health is ours. */
static const struct route native_routes[] = {
    {"/health", "GET", ROUTE_PLAIN, false, NULL, NULL, health_render},
    {"/version", "GET", ROUTE_STEPCA, false, native_read_prepare, NULL, NULL},
    {"/roots", "GET", ROUTE_STEPCA, false, native_read_prepare, NULL, NULL},
    {"/root/{name}", "GET", ROUTE_STEPCA, false, native_read_prepare, NULL, NULL},
    {"/provisioners", "GET", ROUTE_STEPCA, false, native_read_prepare, NULL, NULL},
    {"/provisioners/{name}/encrypted-key", "GET", ROUTE_STEPCA, false, native_read_prepare, NULL, NULL},
    {"/sign", "POST", ROUTE_STEPCA, false, native_sign_prepare, NULL, NULL},
    {"/renew", "POST", ROUTE_STEPCA, false, native_renew_prepare, NULL, NULL},
    {"/rekey", "POST", ROUTE_STEPCA, false, native_rekey_prepare, NULL, NULL},
    {"/revoke", "POST", ROUTE_STEPCA, false, native_revoke_prepare, NULL, NULL},
};

/* The next segment, its slash left off; `path` goes on behind it. */
static struct bytes take_segment(struct bytes *path)
{
    if (path->n == 0 || path->p[0] != '/')
        return (struct bytes){0};
    const uint8_t *begin = path->p + 1;
    const uint8_t *end = memchr(begin, '/', path->n - 1);
    if (end == NULL)
        end = path->p + path->n;
    *path = bytes_of(end, (size_t)(path->p + path->n - end));
    return bytes_of(begin, (size_t)(end - begin));
}

static bool segment_matches(struct exchange *exchange, struct bytes pattern, struct bytes segment)
{
    if (bytes_equal_string(pattern, "{id}")) {
        exchange->id = url_parse_id(segment);
        return exchange->id != 0;
    }
    if (bytes_equal_string(pattern, "{chain}")) {
        exchange->alternate_chain = (size_t)url_parse_id(segment);
        return exchange->alternate_chain != 0;
    }
    if (bytes_equal_string(pattern, "{type}"))
        return challenge_type_from_name(segment, &exchange->challenge_type);
    if (bytes_equal_string(pattern, "{certificate}")) {
        exchange->certificate_identifier = segment;
        return segment.n != 0;
    }
    if (bytes_equal_string(pattern, "{name}")) {
        exchange->name = segment;
        return segment.n != 0;
    }
    if (bytes_equal_string(pattern, "{issuer}")) {
        exchange->issuer = segment;
        return segment.n != 0;
    }
    return bytes_equal(pattern, segment);
}

static bool route_matches(struct exchange *exchange, const struct route *route, struct bytes path)
{
    struct bytes pattern = bytes_from_string(route->pattern);
    while (pattern.n != 0 && path.n != 0) {
        if (bytes_equal_string(pattern, "/{rest}")) {
            exchange->rest = bytes_of(path.p + 1, path.n - 1);
            return true;
        }
        if (!segment_matches(exchange, take_segment(&pattern), take_segment(&path)))
            return false;
    }
    return pattern.n == 0 && path.n == 0;
}

static const struct route *find_in(struct exchange *exchange, const struct route *routes, size_t count,
                                   struct bytes path)
{
    for (size_t i = 0; i < count; ++i)
        if (route_matches(exchange, &routes[i], path))
            return &routes[i];
    return NULL;
}

static const struct route *find_native(struct exchange *exchange, struct bytes path)
{
    const size_t version_bytes = strlen("/1.0");
    if (exchange->frontend->parts.config->native_profile == NULL)
        return NULL;
    if (bytes_has_prefix(path, BYTES_LITERAL("/1.0/")))
        path = bytes_of(path.p + version_bytes, path.n - version_bytes);
    return find_in(exchange, native_routes, sizeof(native_routes) / sizeof(native_routes[0]), path);
}

const struct route *routes_find(struct exchange *exchange, struct bytes path)
{
    if (exchange->endpoint != NULL)
        return find_in(exchange, endpoint_routes, sizeof(endpoint_routes) / sizeof(endpoint_routes[0]), path);
    const struct route *route =
        find_in(exchange, site_routes, sizeof(site_routes) / sizeof(site_routes[0]), path);
    return route != NULL ? route : find_native(exchange, path);
}

/* ---- by number ---- */

enum {
    ENDPOINT_ROUTES = sizeof(endpoint_routes) / sizeof(endpoint_routes[0]),
    SITE_ROUTES = sizeof(site_routes) / sizeof(site_routes[0]),
    NATIVE_ROUTES = sizeof(native_routes) / sizeof(native_routes[0]),
    ROUTES = ENDPOINT_ROUTES + SITE_ROUTES + NATIVE_ROUTES,
};

size_t routes_count(void)
{
    return ROUTES + 1;
}

static const struct route *route_at(size_t number)
{
    if (number < ENDPOINT_ROUTES)
        return &endpoint_routes[number];
    if (number < ENDPOINT_ROUTES + SITE_ROUTES)
        return &site_routes[number - ENDPOINT_ROUTES];
    return number < ROUTES ? &native_routes[number - ENDPOINT_ROUTES - SITE_ROUTES] : NULL;
}

size_t routes_number(const struct route *route)
{
    size_t number = 0;
    while (number < ROUTES && route_at(number) != route)
        ++number;
    return number;
}

bool routes_are_native(size_t number)
{
    return number >= ENDPOINT_ROUTES + SITE_ROUTES && number < ROUTES;
}

const char *routes_label(struct arena *arena, size_t number)
{
    if (number >= ROUTES)
        return "(none)";
    const char *prefix = number < ENDPOINT_ROUTES    ? "/acme/{endpoint}"
                         : routes_are_native(number) ? "/1.0"
                                                     : "";
    return arena_printf(arena, "%s%s", prefix, route_at(number)->pattern);
}
