/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate.h"
#include "gateway/server/server.h"

bool server_has_certificate(const struct server *server)
{
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(server->own_certificate, &expiry);
    return expiry.leaf != 0;
}

/* "; issuer main: the CA is down: …", for each issuer that accepts no orders. */
static void add_troubles(struct buffer *text, const struct server *server)
{
    const struct config *config = config_now(server->config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = issuers_find(server->issuers, config->issuers[i].id);
        struct issuer_status status;
        if (issuer == NULL)
            continue;
        issuer_read_status(issuer, &status);
        if (!status.usable)
            buffer_printf(text, "; issuer %s does not sign: %s", issuer->id, status.last_error);
    }
}

const char *server_summary(const struct server *server, struct arena *arena)
{
    const struct config *config = config_now(server->config);
    struct buffer text;
    buffer_init(&text, arena, SERVER_SUMMARY_MAX_BYTES);
    if (server_has_certificate(server))
        buffer_printf(&text, "Serving %s", config->base_url);
    else
        buffer_printf(&text, "Waiting for the server's own certificate from issuer %s; no client can connect",
                      config->tls_issuer);
    add_troubles(&text, server);
    return buffer_string(&text);
}
