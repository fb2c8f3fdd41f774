/* What commands need of the outbound thread: to make a request on it and wait for its end. */
#pragma once

#include "gateway/outbound/outbound.h"

/* The reply belongs to `arena`. */
void cli_call(struct outbound *outbound, struct arena *arena, const struct outbound_http_request *request,
              struct outbound_http_reply *reply);
