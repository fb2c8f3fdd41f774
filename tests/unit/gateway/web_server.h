/* SPDX-License-Identifier: Apache-2.0 */
/* A web server of a test's own that says what the test wants, over TLS if it wants that. */
#pragma once

#include <openssl/ssl.h>

#include "loopback_server.h"

enum { WEB_REQUESTS_MAX_BYTES = 16 * 1024 };

struct web_server {
    /* One for each request, in their order; NULL behind the last one. "": the connection is closed instead.
     * Requests behind the last one get no answer until the client closes. */
    const char *const *replies;
    bool closes;  /* after each reply */
    SSL_CTX *tls; /* NULL: none */
    /* To read after web_server_stop. */
    char requests[WEB_REQUESTS_MAX_BYTES]; /* all that came, one behind the other */
    size_t requests_bytes;
    unsigned request_count;
    struct loopback_server server;
};

void web_server_start(struct web_server *web, int family);
void web_server_stop(struct web_server *web);
