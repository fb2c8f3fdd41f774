/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/routes.h"

/* Every resource of an endpoint, below /acme/{endpoint}. */
static const struct route endpoint_routes[] = {
    {"/directory", "GET, HEAD, POST", ROUTE_OPEN, true, NULL, NULL, .render = directory_render_route,
     .is_index = true},
    {"/new-nonce", "GET, HEAD, POST", ROUTE_OPEN, true, NULL, NULL, .render = new_nonce_render,
     .gives_nonce = true},
    {"/limits", "GET, HEAD", ROUTE_OPEN, true, NULL, NULL, .render = limits_render},
    {"/new-account", "POST", ROUTE_JWK, false, new_account_prepare, new_account_apply,
     .render = account_render_route},
    {"/account/{id}", "POST", ROUTE_KID, false, account_prepare, account_apply,
     .render = account_render_route},
    {"/account/{id}/orders", "POST", ROUTE_KID, true, account_orders_prepare, NULL,
     .render = account_orders_render},
    {"/key-change", "POST", ROUTE_KID, false, key_change_prepare, key_change_apply,
     .render = account_render_route},
    {"/new-order", "POST", ROUTE_KID, false, new_order_prepare, new_order_apply,
     .render = order_render_route},
    {"/new-authz", "POST", ROUTE_KID, false, new_authorization_prepare, new_authorization_apply,
     .render = new_authorization_render},
    {"/order/{id}", "POST", ROUTE_KID, true, order_prepare, NULL, .render = order_render_route},
    {"/order/{id}/finalize", "POST", ROUTE_KID, false, finalize_prepare, finalize_apply,
     .render = order_render_route},
    {"/authz/{id}", "POST", ROUTE_KID, false, authorization_prepare, authorization_apply,
     .render = authorization_render_route},
    {"/challenge/{id}/{type}", "POST", ROUTE_KID, false, challenge_prepare, challenge_apply,
     .render = challenge_render_route},
    {"/certificate/{id}", "POST", ROUTE_KID, true, certificate_prepare, NULL, .render = certificate_render},
    {"/certificate/{id}/{chain}", "POST", ROUTE_KID, true, certificate_prepare, NULL,
     .render = certificate_render},
    {"/renewal-info/{certificate}", "GET, HEAD", ROUTE_OPEN, true, renewal_info_prepare, NULL,
     .render = renewal_info_render_route},
    {"/revoke-cert", "POST", ROUTE_EITHER, false, revoke_prepare, revoke_apply, .render = revoke_render},
};

/* What belongs to no endpoint. */
static const struct route site_routes[] = {
    {"/health", "GET, HEAD", ROUTE_PLAIN, false, NULL, NULL, .render = health_render},
    {"/.well-known/pki/crl/{issuer}", "GET, HEAD", ROUTE_PLAIN, false, NULL, NULL, .render = crl_render},
    {"/.well-known/pki/ocsp/{issuer}", "GET, HEAD, POST", ROUTE_PLAIN, false, NULL, NULL,
     .render = ocsp_render},
    {"/.well-known/pki/ocsp/{issuer}/{rest}", "GET, HEAD, POST", ROUTE_PLAIN, false, NULL, NULL,
     .render = ocsp_render},
};

enum {
    ENDPOINT_ROUTES = sizeof endpoint_routes / sizeof endpoint_routes[0],
    SITE_ROUTES = sizeof site_routes / sizeof site_routes[0],
};

const struct route_table routes_of_endpoints = {endpoint_routes, ENDPOINT_ROUTES, "/acme/{endpoint}",
                                                .of_endpoints = true};
const struct route_table routes_of_site = {site_routes, SITE_ROUTES, "", .is_served = NULL};
