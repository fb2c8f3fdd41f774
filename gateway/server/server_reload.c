/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/config_changes.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/runtime/log.h"
#include "gateway/server/event_log.h"
#include "gateway/server/server.h"
#include "gateway/status/status.h"

static void log_change(const struct server *server, const struct config_change *change)
{
    const struct issuer *issuer = change->is_issuer ? issuers_find(server->issuers, change->section) : NULL;
    if (!change->at_once)
        log_warning("configuration: %s waits for a restart", change->path);
    else if (issuer != NULL && issuer->config->overridden)
        log_warning("configuration: %s has no effect while issuer %s follows the admin API; 'acmegate issuer "
                    "reset %s' returns to the file",
                    change->path, change->section, change->section);
    else
        log_info("configuration: %s is in force", change->path);
}

/* Makes every check that can fail before anything changes. */
static bool take(struct server *server, struct arena *arena, const struct config *next, struct fault *fault)
{
    struct own_certificate_files files;
    bool from_files = next->tls_issuer == NULL;
    if (from_files && !own_certificate_files_read(arena, next, &files, fault))
        return false;
    return issuers_reload(server->issuers, next, fault) &&
           (!from_files || own_certificate_use_files(server->own_certificate, &files, fault));
}

bool server_reload(struct server *server, struct arena *arena, const struct config *fresh,
                   struct fault *fault)
{
    struct config_changes changes;
    const struct config *next = config_take(arena, config_now(server->config), fresh, &changes, fault);
    if (next == NULL)
        return false;
    if (!take(server, arena, next, fault))
        return false;
    bool serves_more = false;
    for (size_t i = 0; i < changes.count; i++)
        serves_more = serves_more || changes.items[i].at_once;
    if (serves_more)
        config_publish(server->config, next);
    event_log_configure(next);
    status_begin(server->status);
    own_certificate_issuer_changed(server->own_certificate);
    for (size_t i = 0; i < changes.count; i++)
        log_change(server, &changes.items[i]);
    return true;
}
