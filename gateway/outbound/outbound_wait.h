/* SPDX-License-Identifier: Apache-2.0 */
/* For threads that may block: to make a request on the outbound thread and wait for its end. */
#pragma once

#include "gateway/outbound/outbound.h"

/* The reply belongs to `arena`. */
void outbound_http_and_wait(struct outbound *outbound, struct arena *arena,
                            const struct outbound_http_request *request, struct outbound_http_reply *reply);
