/* step-ca's own API, where the configuration passes it on (docs/native.md): at "/" and at "/1.0". */
#pragma once

#include "gateway/frontend/exchange.h"

extern const struct route_table routes_of_native;

/* route_native.c */
void native_read_prepare(struct exchange *exchange);
void native_rekey_prepare(struct exchange *exchange);
/* Sends the reply; a problem as step-ca's {"status": …, "message": …}. */
void native_finish(struct exchange *exchange);

/* route_native_sign.c, route_native_renew.c, route_native_revoke.c */
void native_sign_prepare(struct exchange *exchange);
void native_renew_prepare(struct exchange *exchange);
void native_revoke_prepare(struct exchange *exchange);
