/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of the server's own for every front end with TLS: all of them get it, or none. */
#pragma once

#include "gateway/server/server.h"

enum { SERVER_TLS_FRONT_ENDS = 2 };

/* All NULL: nothing is prepared. */
struct server_certificate {
    struct http_certificate_change *changes[SERVER_TLS_FRONT_ENDS];
};

/* Fills `out` with a certificate that each can use, and that none uses yet. False with `fault`; `out` is then
 * empty. */
[[gnu::warn_unused_result]] bool server_certificate_prepare(const struct server *server,
                                                            struct bytes chain_pem, struct bytes key_pem,
                                                            struct server_certificate *out,
                                                            struct fault *fault);
/* New connections have it from now on. */
void server_certificate_commit(struct server_certificate *certificate);
void server_certificate_discard(struct server_certificate *certificate);
