/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/frontend.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/log.h"
#include "gateway/server/event_log.h"
#include "gateway/server/server.h"
#include "gateway/status/status.h"

const char *server_change_text(const struct server *server, struct arena *arena,
                               const struct config_change *change)
{
    const struct issuer *issuer = change->is_issuer ? issuers_find(server->issuers, change->section) : NULL;
    if (!change->at_once)
        return arena_printf(arena, "%s waits for a restart", change->path);
    if (issuer != NULL && issuer->config->overridden)
        return arena_printf(
            arena,
            "%s has no effect while issuer %s follows the admin API; 'acmegate issuer reset %s' "
            "returns to the file",
            change->path, change->section, change->section);
    if (change->kind == CONFIG_SECTION_ADDED)
        return arena_printf(arena, "%s was added", change->path);
    if (change->kind == CONFIG_SECTION_REMOVED)
        return arena_printf(arena, "%s was removed", change->path);
    return arena_printf(arena, "%s is in force", change->path);
}

static void log_change(const struct server *server, struct arena *arena, const struct config_change *change)
{
    const char *text = server_change_text(server, arena, change);
    const struct issuer *issuer = change->is_issuer ? issuers_find(server->issuers, change->section) : NULL;
    if (change->at_once && (issuer == NULL || !issuer->config->overridden))
        log_info("configuration: %s", text);
    else
        log_warning("configuration: %s", text);
}

/* A configuration that needs them may replace one that did not. False with `fault`. */
static bool open_secrets(struct server *server, const struct config *next, struct fault *fault)
{
    if (server->secrets != NULL || !config_needs_secrets(next))
        return true;
    server->secrets = config_open_secrets(next, SECRET_BOX_MAKE, fault);
    frontend_set_secrets(server->frontend, server->secrets);
    return server->secrets != NULL;
}

/* Makes every check that can fail before anything changes. */
static bool take(struct server *server, struct arena *arena, const struct config *next, struct fault *fault)
{
    struct own_certificate_files files;
    bool from_files = next->tls_issuer == NULL;
    if (from_files && !own_certificate_files_read(arena, next, &files, fault))
        return false;
    server->next_config = next;
    bool good = open_secrets(server, next, fault) && issuers_reload(server->issuers, next, fault) &&
                (!from_files || own_certificate_use_files(server->own_certificate, &files, fault));
    server->next_config = NULL;
    return good;
}

bool server_reload(struct server *server, struct arena *arena, const struct config *fresh,
                   struct config_changes *changes, struct fault *fault)
{
    const struct config *next = config_take(arena, config_now(server->config), fresh, changes, fault);
    if (next == NULL)
        return false;
    if (!take(server, arena, next, fault))
        return false;
    bool serves_more = false;
    for (size_t i = 0; i < changes->count; i++)
        serves_more = serves_more || changes->items[i].at_once;
    if (serves_more) {
        metrics_add_names(next);
        config_publish(server->config, next);
    }
    event_log_configure(next);
    status_begin(server->status);
    own_certificate_issuer_changed(server->own_certificate);
    for (size_t i = 0; i < changes->count; i++)
        log_change(server, arena, &changes->items[i]);
    return true;
}
