/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/frontend.h"
#include "gateway/housekeeping/account_exporter.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/metrics/metrics.h"
#include "gateway/preflight/name_servers.h"
#include "gateway/preflight/shared_key.h"
#include "gateway/runtime/log.h"
#include "gateway/server/event_log.h"
#include "gateway/server/file_limit.h"
#include "gateway/server/server_certificate.h"
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

/* All that a reload needs, made before anything changes. */
struct plan {
    const struct config *next;
    struct own_certificate_files files; /* unless an issuer signs the own certificate */
    struct server_certificate certificate;
    struct issuers_plan *issuers;
    struct name_servers *names;
    struct account_exporter *exporter; /* NULL: there is one, or none is needed */
    struct secret_box *secrets;        /* NULL: they are open, or none are needed */
};

static void abandon(struct plan *plan)
{
    server_certificate_discard(&plan->certificate);
    issuers_abandon(plan->issuers);
    outbound_name_servers_free(plan->names);
    account_exporter_stop(plan->exporter);
    secret_box_free(plan->secrets);
}

static bool plan_certificate(struct server *server, struct arena *arena, struct plan *plan,
                             struct fault *fault)
{
    return plan->next->tls_issuer != NULL ||
           (own_certificate_files_read(arena, plan->next, &plan->files, fault) &&
            server_certificate_prepare(server, plan->files.chain_pem, plan->files.key_pem, &plan->certificate,
                                       fault));
}

static bool plan_issuers(struct server *server, struct plan *plan, struct fault *fault)
{
    server->next_config = plan->next;
    plan->issuers = issuers_plan(server->issuers, plan->next, fault);
    server->next_config = NULL;
    return plan->issuers != NULL;
}

/* The system's are read again, too. */
static bool plan_names(struct plan *plan, struct fault *fault)
{
    const struct validation_config *validation = &plan->next->validation;
    const struct outbound_config config = {.resolvers = validation->resolvers,
                                           .resolver_count = validation->resolver_count};
    plan->names = outbound_name_servers_open(&config, fault);
    return plan->names != NULL;
}

/* It writes nothing before the configuration that names its file is in force. */
static bool plan_exporter(struct server *server, struct plan *plan, struct fault *fault)
{
    if (server->account_exporter != NULL || plan->next->account_export_path == NULL)
        return true;
    plan->exporter = account_exporter_start(server->config, server->location, fault);
    return plan->exporter != NULL;
}

/* A configuration that needs them may replace one that did not. They may be made: so this comes last. */
static bool plan_secrets(struct server *server, struct plan *plan, struct fault *fault)
{
    if (server->secrets != NULL || !config_needs_secrets(plan->next))
        return true;
    plan->secrets = shared_key_join(server->store, server->location, plan->next, fault);
    return plan->secrets != NULL;
}

/* Makes every step that can fail. False with `fault`, and everything as it was. */
static bool make_plan(struct server *server, struct arena *arena, const struct config *next,
                      struct plan *plan, struct fault *fault)
{
    *plan = (struct plan){.next = next};
    if (plan_certificate(server, arena, plan, fault) && plan_issuers(server, plan, fault) &&
        plan_names(plan, fault) && plan_exporter(server, plan, fault) && plan_secrets(server, plan, fault))
        return true;
    abandon(plan);
    return false;
}

/* Nothing here can fail. */
static void commit(struct server *server, struct plan *plan, bool serves_more)
{
    if (plan->secrets != NULL) {
        server->secrets = plan->secrets;
        frontend_set_secrets(server->frontend, server->secrets);
    }
    issuers_commit(plan->issuers);
    server_certificate_commit(&plan->certificate);
    if (plan->files.count != 0)
        own_certificate_note_files(server->own_certificate, &plan->files);
    if (serves_more) {
        metrics_add_names(plan->next);
        config_publish(server->config, plan->next);
    }
    if (plan->exporter != NULL)
        server->account_exporter = plan->exporter;
    account_exporter_look_again(server->account_exporter);
    outbound_name_servers_use(server->outbound, plan->names);
    http_server_set_hold(server->http, plan->next->hold_reply_ms);
    server_raise_file_limit(plan->next);
    http_server_set_max_connections(server->http, (size_t)plan->next->max_connections);
    event_log_configure(plan->next);
    status_begin(server->status);
    own_certificate_issuer_changed(server->own_certificate);
}

static void log_report(void *context, enum preflight_verdict verdict, const char *line)
{
    (void)context;
    if (verdict == PREFLIGHT_OK)
        log_debug("%s", line);
    else
        log_warning("%s", line);
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

/* As at a start, their answers are not waited for. The probe is the outbound thread's: it has an arena of its
 * own, which lives as long as the configuration. */
static void probe_name_servers(const struct server *server, struct arena *arena, const struct config *next)
{
    struct arena *own = arena_new();
    struct name_servers_probe *probe = arena_alloc(own, sizeof *probe);
    arena_on_free(arena, free_arena, own);
    *probe = (struct name_servers_probe){
        .outbound = server->outbound, .config = next, .arena = own, .tell = log_report};
    name_servers_probe(probe);
}

bool server_reload(struct server *server, struct arena *arena, const struct config *fresh,
                   struct config_changes *changes, struct fault *fault)
{
    struct plan plan;
    const struct config *next = config_take(arena, config_now(server->config), fresh, changes, fault);
    if (next == NULL || !make_plan(server, arena, next, &plan, fault))
        return false;
    bool serves_more = false;
    for (size_t i = 0; i < changes->count; i++)
        serves_more = serves_more || changes->items[i].at_once;
    commit(server, &plan, serves_more);
    for (size_t i = 0; i < changes->count; i++)
        log_change(server, arena, &changes->items[i]);
    for (size_t i = 0; i < changes->count; i++)
        if (strcmp(changes->items[i].path, "validation.resolvers") == 0)
            probe_name_servers(server, arena, next);
    return true;
}
