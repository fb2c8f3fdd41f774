/* SPDX-License-Identifier: Apache-2.0 */
/* step-ca's own API, where the configuration passes it on (docs/stepca-api.md): at "/" and at "/1.0". */
#pragma once

#include "gateway/frontend/exchange.h"

extern const struct route_table routes_of_stepca_api;

/* route_read.c */
void stepca_api_read_prepare(struct exchange *exchange);
void stepca_api_rekey_prepare(struct exchange *exchange);
/* Sends the reply; a problem as step-ca's {"status": …, "message": …}. */
void stepca_api_finish(struct exchange *exchange);

/* route_sign.c, route_renew.c, route_revoke.c */
void stepca_api_sign_prepare(struct exchange *exchange);
void stepca_api_renew_prepare(struct exchange *exchange);
void stepca_api_revoke_prepare(struct exchange *exchange);
