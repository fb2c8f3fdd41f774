/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/kept/own_certificate.h"
#include "gateway/runtime/log.h"
#include "gateway/runtime/passed_sockets.h"
#include "gateway/runtime/version.h"
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

/* ---- the start ---- */

static void log_listeners(const char *what, const struct http_server *http,
                          const struct listen_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        log_info("%s: listening on %s port %u%s%s%s", what, addresses[i].host,
                 (unsigned)http_server_port(http, i), addresses[i].plain ? ", without TLS" : "",
                 addresses[i].proxy_protocol ? ", with the PROXY protocol" : "",
                 passed_socket_of_address(addresses[i].host, addresses[i].port) == NULL
                     ? ""
                     : ", passed by the service manager");
}

static void log_issuer(const struct issuer_config *issuer)
{
    if (issuer->type == ISSUER_LOCAL)
        log_info("issuer %s: local CA in %s", issuer->id, issuer->directory);
    else
        log_info("issuer %s: step-ca at %s, provisioner %s", issuer->id, issuer->ca_url,
                 issuer->provisioner_name);
}

void server_log_start(const struct server *server)
{
    const struct config *config = server->config;
    log_info("acmegate %s, commit %s, configuration %s", ACMEGATE_VERSION, ACMEGATE_COMMIT,
             server->config_path);
    log_info("database %s, schema %zu", store_location_text(server->location), store_schema());
    log_listeners("listen", server->http, config->listen, config->listen_count);
    log_listeners("pki_listen", server->pki_http, config->pki_listen, config->pki_listen_count);
    for (size_t i = 0; i < config->issuer_count; i++)
        log_issuer(issuers_find(server->issuers, config->issuers[i].id)->config);
    for (size_t i = 0; i < config->endpoint_count; i++)
        log_info("directory %s/acme/%s/directory", config->base_url, config->endpoints[i].name);
}
