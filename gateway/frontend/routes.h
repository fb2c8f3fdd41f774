/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of every route, one file a resource:
 * route_{directory,account,order,authorization,certificate,renewal_info}.c.
 */
#pragma once

#include "gateway/frontend/exchange.h"

/* The resources of an endpoint, and those that belong to none. */
extern const struct route_table routes_of_endpoints, routes_of_site;

/* route_directory.c (RFC 8555 §7.1.1, §7.2) */
void directory_render_route(struct exchange *exchange);
void new_nonce_render(struct exchange *exchange);
/* Renders the target of the help link in a rateLimited problem. */
void limits_render(struct exchange *exchange);
/* route_health.c */

/* Tells that this process is alive and has its database. The answer is step-ca's. */
void health_render(struct exchange *exchange);
/* Tells load balancers whether clients can get certificates here: writes work, the database is in its place,
 * and an issuer works. While writes fail, a request writes, to find out. */
void ready_check(struct exchange *exchange);
enum store_apply_result ready_apply(struct exchange *exchange, struct store_writer *writer);
void ready_render(struct exchange *exchange);

/* route_account.c (§7.3, §7.3.5, §7.1.2.1) */
void new_account_prepare(struct exchange *exchange);
enum store_apply_result new_account_apply(struct exchange *exchange, struct store_writer *writer);
void account_prepare(struct exchange *exchange);
enum store_apply_result account_apply(struct exchange *exchange, struct store_writer *writer);
void account_render_route(struct exchange *exchange);
void key_change_prepare(struct exchange *exchange);
enum store_apply_result key_change_apply(struct exchange *exchange, struct store_writer *writer);
void account_orders_prepare(struct exchange *exchange);
void account_orders_load(struct exchange *exchange, struct store_reader *reader);
void account_orders_render(struct exchange *exchange);

/* route_order.c (§7.4) */
void new_order_prepare(struct exchange *exchange);
enum store_apply_result new_order_apply(struct exchange *exchange, struct store_writer *writer);
exchange_load_step order_ask;
void order_load(struct exchange *exchange, struct store_reader *reader);
bool order_is_over(const struct exchange *exchange);
void finalize_check(struct exchange *exchange);
enum store_apply_result finalize_apply(struct exchange *exchange, struct store_writer *writer);
void order_render_route(struct exchange *exchange);

/* route_authorization.c (§7.4.1, §7.5) */
void new_authorization_prepare(struct exchange *exchange);
enum store_apply_result new_authorization_apply(struct exchange *exchange, struct store_writer *writer);
void new_authorization_render(struct exchange *exchange);
exchange_load_step authorization_ask;
void authorization_load(struct exchange *exchange, struct store_reader *reader);
void authorization_check(struct exchange *exchange);
enum store_apply_result authorization_apply(struct exchange *exchange, struct store_writer *writer);
void authorization_render_route(struct exchange *exchange);
void challenge_load(struct exchange *exchange, struct store_reader *reader);
bool challenge_is_over(const struct exchange *exchange);
void challenge_check(struct exchange *exchange);
enum store_apply_result challenge_apply(struct exchange *exchange, struct store_writer *writer);
void challenge_render_route(struct exchange *exchange);

/* route_renewal_info.c (RFC 9773 §4) */
void renewal_info_prepare(struct exchange *exchange);
void renewal_info_load(struct exchange *exchange, struct store_reader *reader);
void renewal_info_check(struct exchange *exchange);
void renewal_info_render_route(struct exchange *exchange);
/* Finds the certificate of this endpoint that an identifier of RFC 9773 names. STORE_NOT_FOUND when there is
 * none. */
enum store_result find_renewed_certificate(struct exchange *exchange, struct store_reader *reader,
                                           struct bytes identifier, const char *serial,
                                           struct certificate *out);

/* route_status.c (RFC 5280 §5, RFC 6960, RFC 5019): the status of an issuer's certificates */
void crl_render(struct exchange *exchange);
void ocsp_prepare(struct exchange *exchange);
void ocsp_load(struct exchange *exchange, struct store_reader *reader);
void ocsp_check(struct exchange *exchange);
void ocsp_render(struct exchange *exchange);

/* route_certificate.c (§7.4.2, §7.6) */
exchange_load_step certificate_ask;
void certificate_load(struct exchange *exchange, struct store_reader *reader);
void certificate_check_chain(struct exchange *exchange);
void certificate_render(struct exchange *exchange);
void revoke_prepare(struct exchange *exchange);
void revoke_load(struct exchange *exchange, struct store_reader *reader);
void revoke_check(struct exchange *exchange);
enum store_apply_result revoke_apply(struct exchange *exchange, struct store_writer *writer);
void revoke_reload(struct exchange *exchange, struct store_reader *reader);
bool revoke_is_over(const struct exchange *exchange);
void revoke_render(struct exchange *exchange);
