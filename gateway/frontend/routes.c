/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/routes.h"

/* The resources of an endpoint, below /acme/{endpoint}. */
static const struct route endpoint_routes[] = {
    {"/directory", "GET, HEAD, POST", ROUTE_OPEN, true, .render = directory_render_route, .is_index = true},
    {"/new-nonce", "GET, HEAD, POST", ROUTE_OPEN, true, .render = new_nonce_render, .gives_nonce = true},
    {"/limits", "GET, HEAD", ROUTE_OPEN, true, .render = limits_render},
    {"/new-account", "POST", ROUTE_JWK, false, .prepare = new_account_prepare, .apply = new_account_apply,
     .render = account_render_route},
    {"/account/{id}", "POST", ROUTE_KID, false, .prepare = account_prepare, .apply = account_apply,
     .render = account_render_route},
    {"/account/{id}/orders", "POST", ROUTE_KID, true, .prepare = account_orders_prepare,
     .load = account_orders_load, .render = account_orders_render},
    {"/key-change", "POST", ROUTE_KID, false, .prepare = key_change_prepare, .apply = key_change_apply,
     .render = account_render_route},
    {"/new-order", "POST", ROUTE_KID, false, .prepare = new_order_prepare, .apply = new_order_apply,
     .render = order_render_route},
    {"/new-authz", "POST", ROUTE_KID, false, .prepare = new_authorization_prepare,
     .apply = new_authorization_apply, .render = new_authorization_render},
    {"/order/{id}", "POST", ROUTE_KID, true, .ask = order_ask, .load = order_load,
     .render = order_render_route},
    {"/order/{id}/finalize", "POST", ROUTE_KID, false, .ask = order_ask, .load = order_load,
     .check = finalize_check, .reload = order_load, .is_over = order_is_over, .apply = finalize_apply,
     .render = order_render_route},
    {"/authz/{id}", "POST", ROUTE_KID, false, .ask = authorization_ask, .load = authorization_load,
     .check = authorization_check, .apply = authorization_apply, .render = authorization_render_route},
    {"/challenge/{id}/{type}", "POST", ROUTE_KID, false, .ask = authorization_ask, .load = challenge_load,
     .check = challenge_check, .reload = challenge_load, .is_over = challenge_is_over,
     .apply = challenge_apply, .render = challenge_render_route},
    {"/certificate/{id}", "POST", ROUTE_KID, true, .ask = certificate_ask, .load = certificate_load,
     .check = certificate_check_chain, .render = certificate_render},
    {"/certificate/{id}/{chain}", "POST", ROUTE_KID, true, .ask = certificate_ask, .load = certificate_load,
     .check = certificate_check_chain, .render = certificate_render},
    {"/renewal-info/{certificate}", "GET, HEAD", ROUTE_OPEN, true, .prepare = renewal_info_prepare,
     .load = renewal_info_load, .check = renewal_info_check, .render = renewal_info_render_route},
    {"/revoke-cert", "POST", ROUTE_EITHER, false, .prepare = revoke_prepare, .load = revoke_load,
     .check = revoke_check, .reload = revoke_reload, .is_over = revoke_is_over, .apply = revoke_apply,
     .render = revoke_render},
};

/* The resources that belong to no endpoint. */
static const struct route site_routes[] = {
    {"/health", "GET, HEAD", ROUTE_PLAIN, false, .render = health_render},
    {"/ready", "GET, HEAD", ROUTE_PLAIN, false, .check = ready_check, .apply = ready_apply,
     .render = ready_render},
    {"/.well-known/pki/crl/{issuer}", "GET, HEAD", ROUTE_PLAIN, false, .render = crl_render},
    {"/.well-known/pki/ocsp/{issuer}", "GET, HEAD, POST", ROUTE_PLAIN, false, .prepare = ocsp_prepare,
     .load = ocsp_load, .check = ocsp_check, .render = ocsp_render},
    {"/.well-known/pki/ocsp/{issuer}/{rest}", "GET, HEAD, POST", ROUTE_PLAIN, false, .prepare = ocsp_prepare,
     .load = ocsp_load, .check = ocsp_check, .render = ocsp_render},
};

enum {
    ENDPOINT_ROUTES = sizeof endpoint_routes / sizeof endpoint_routes[0],
    SITE_ROUTES = sizeof site_routes / sizeof site_routes[0],
};

const struct route_table routes_of_endpoints = {endpoint_routes, ENDPOINT_ROUTES, "/acme/{endpoint}",
                                                .of_endpoints = true};
const struct route_table routes_of_site = {site_routes, SITE_ROUTES, "", .is_served = NULL};
