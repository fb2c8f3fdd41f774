/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "acme/base/visible.h"
#include "gateway/admin/admin.h"
#include "gateway/ca/issuer_overrides.h"
#include "gateway/ca/recognition.h"
#include "gateway/frontend/exchange.h"
#include "gateway/housekeeping/account_exporter.h"
#include "gateway/housekeeping/restored_database.h"
#include "gateway/housekeeping/retention.h"
#include "gateway/jobs/jobs.h"
#include "gateway/kept/own_certificate.h"
#include "gateway/loads/loads.h"
#include "gateway/metrics/metrics.h"
#include "gateway/peers/peers.h"
#include "gateway/preflight/check.h"
#include "gateway/preflight/shared_key.h"
#include "gateway/runtime/background.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/runtime/version.h"
#include "gateway/server/event_log.h"
#include "gateway/server/gauges.h"
#include "gateway/server/grace_period.h"
#include "gateway/server/issuer_follow.h"
#include "gateway/server/route_tables.h"
#include "gateway/server/server_certificate.h"
#include "gateway/server/server_peers.h"
#include "gateway/status/status.h"
#include "store/channel.h"
#include "store/gateways.h"

enum { MAX_LOOPS = 4, PKI_MAX_CONNECTIONS = 1024, REQUEST_TIMEOUT_MS = 30 * 1000 };

struct past {
    const char *restored; /* NULL: it is not a restored copy */
    int64_t unknown_attempts;
    int64_t ended_orders;
};

static enum store_apply_result settle(void *context, struct store_writer *writer)
{
    struct past *past = context;
    int64_t now = clock_now();
    enum store_result result = store_gateway_settle(writer, now, &past->unknown_attempts);
    if (result == STORE_OK && past->restored != NULL)
        result = restored_database_settle(writer, now, past->restored, &past->ended_orders);
    return store_applied(result);
}

/* Settles attempts that a killed server left without an answer: the CA may have issued for them. After a
 * restore, the work in progress in the copy is not taken up. */
static bool settle_the_past(struct server *server)
{
    struct past past = {.restored = store_restored(server->store)};
    if (!store_write_and_wait(server->store, settle, &past))
        return false;
    store_take_as_it_is(server->store);
    METRICS_ADD(METRIC_ORDERS_INVALID, (uint64_t)past.ended_orders, PROBLEM_SERVER_INTERNAL);
    if (past.restored != NULL)
        log_warning("the database is a restored copy: %s; orders in processing that became invalid: %lld",
                    past.restored, (long long)past.ended_orders);
    if (past.unknown_attempts > 0)
        log_warning(
            "%lld signing attempts were without an answer when the server stopped: possible orphans, see "
            "docs/sql.md",
            (long long)past.unknown_attempts);
    return true;
}

/* ---- start, in the order of dependence; every step says why it failed ---- */

static bool start_store(struct server *server, struct fault *fault)
{
    server->store = store_open(server->location, STORE_MIGRATE, fault);
    if (server->store == NULL)
        return false;
    if (settle_the_past(server))
        return true;
    return fault_set(fault, "the database %s cannot be written", store_location_text(server->location));
}

static bool is_administered(const struct config *config)
{
    return config->admin_socket != NULL || config->admin_listen_count != 0;
}

static bool start_secrets(struct server *server, struct fault *fault)
{
    const struct config *config = server->config;
    if (!config_needs_secrets(config))
        return true;
    server->secrets = shared_key_join(server->store, server->location, config, fault);
    return server->secrets != NULL;
}

static bool start_outbound(struct server *server, struct fault *fault)
{
    const struct validation_config *validation = &server->config->validation;
    struct outbound_config config = {.resolvers = validation->resolvers,
                                     .resolver_count = validation->resolver_count};
    server->outbound = outbound_start(&config, fault);
    if (server->outbound == NULL)
        fault_prefix(fault, "the outbound thread did not start: ");
    return server->outbound != NULL;
}

static bool start_loads(struct server *server, struct fault *fault)
{
    if (store_reads_wait(server->location) &&
        (server->readers = readers_new(server->location, fault)) == NULL)
        return false;
    server->loads = loads_new(server->location, server->outbound, server->readers, fault);
    return server->loads != NULL;
}

static void log_preflight(const char *verdict, const char *line)
{
    if (strcmp(verdict, "ok") == 0)
        log_debug("preflight: %s", line);
    else
        log_warning("preflight: %s", line);
}

/* Makes the checks of `acmegate check`, down to a token that the CA must accept. */
static void preflight(void *context, const struct issuer_config *section, struct issuer_preflight *out)
{
    const struct server *server = context;
    struct check check = {.arena = out->arena,
                          .config =
                              server->next_config != NULL ? server->next_config : config_now(server->config),
                          .outbound = server->outbound,
                          .print = log_preflight};
    check_stepca(&check, section);
    out->faults = check.failures;
    out->fault_count = check.failure_count;
    out->key_id = check.failed ? NULL : check.key_id;
}

static void after_all_threads(void *context, void (*over)(void *what), void *what)
{
    grace_period_begin(context, over, what);
}

static void issuer_changed(void *context, const char *id)
{
    struct server *server = context;
    const char *own = server->config->tls_issuer;
    if (own != NULL && strcmp(own, id) == 0)
        own_certificate_issuer_changed(server->own_certificate);
    status_begin(server->status);
}

static bool start_issuer_follow(struct server *server, struct fault *fault)
{
    const struct issuer_follow_parts parts = {.config = server->config,
                                              .config_path = server->config_path,
                                              .location = server->location,
                                              .outbound = server->outbound,
                                              .changed = issuer_changed,
                                              .context = server};
    if (!store_channel_exists(server->location))
        return true;
    server->issuer_follow = issuer_follow_new(&parts, fault);
    return server->issuer_follow != NULL;
}

static bool start_issuers(struct server *server, struct fault *fault)
{
    const struct config *config = server->config;
    const struct issuer_config *sections = NULL;
    struct arena *arena = arena_new();
    const struct issuers_parts parts = {.config = config,
                                        .location = server->location,
                                        .outbound = server->outbound,
                                        .preflight = preflight,
                                        .after_all_threads = after_all_threads,
                                        .context = server};
    server->issuers = issuers_new(&parts);
    bool good = start_issuer_follow(server, fault) &&
                issuer_overrides_take(arena, config, server->location, &sections, fault) &&
                issuers_open(server->issuers, sections, config->issuer_count, fault);
    arena_free(arena);
    return good;
}

static struct bytes own_intermediates(void *context, struct arena *arena)
{
    const struct server *server = context;
    return own_certificate_intermediates(server->own_certificate, arena);
}

static int64_t own_end(void *context)
{
    const struct server *server = context;
    struct own_certificate_expiry expiry;
    own_certificate_read_expiry(server->own_certificate, &expiry);
    return expiry.leaf;
}

static void rejected(void *context, const struct issuer *issuer, const struct bytes *chain, size_t count,
                     const char *why)
{
    const struct server *server = context;
    jobs_keep_rejected(server->jobs, issuer, chain, count, why);
}

static bool start_revocation(struct server *server, struct fault *fault)
{
    const struct status_parts parts = {.config = server->config,
                                       .location = server->location,
                                       .store = server->store,
                                       .outbound = server->outbound,
                                       .loads = server->loads,
                                       .issuers = server->issuers,
                                       .own_intermediates = own_intermediates,
                                       .rejected = rejected,
                                       .context = server};
    server->status = status_new(&parts, fault);
    return server->status != NULL;
}

static void settled(void *context, int64_t id)
{
    const struct server *server = context;
    http_wake(server->http, id);
    peers_tell_settled(server->peers, id);
}

static void revoked(void *context, const char *issuer_id, struct bytes leaf)
{
    const struct server *server = context;
    status_changed(server->status, issuer_id);
    peers_tell_revoked(server->peers);
    own_certificate_revoked(server->own_certificate, leaf);
}

static struct jobs *make_jobs(struct server *server)
{
    const struct jobs_parts parts = {.config = server->config,
                                     .store = server->store,
                                     .outbound = server->outbound,
                                     .loads = server->loads,
                                     .issuers = server->issuers,
                                     .settled = settled,
                                     .revoked = revoked,
                                     .context = server};
    return jobs_new(&parts);
}

static void revoked_at_once(void *context, const char *issuer_id)
{
    const struct server *server = context;
    status_changed(server->status, issuer_id);
    peers_tell_revoked(server->peers);
}

static bool start_frontend(struct server *server, struct fault *fault)
{
    server->peers = server_peers_new(server);
    server->jobs = make_jobs(server);
    const struct frontend_parts parts = {.config = server->config,
                                         .route_tables = server_route_tables,
                                         .location = server->location,
                                         .readers = server->readers,
                                         .store = server->store,
                                         .peers = server->peers,
                                         .gateway_number = store_gateway_number(server->store),
                                         .outbound = server->outbound,
                                         .issuers = server->issuers,
                                         .jobs = server->jobs,
                                         .status = server->status,
                                         .secrets = server->secrets,
                                         .recognition = {.config = server->config,
                                                         .issuers = server->issuers,
                                                         .own_intermediates = own_intermediates,
                                                         .own_end = own_end,
                                                         .context = server},
                                         .revoked = revoked_at_once,
                                         .context = server};
    server->frontend = frontend_new(&parts);
    if (server->frontend == NULL)
        fault_set(fault, "OpenSSL has no randomness");
    return server->frontend != NULL;
}

static size_t loop_count(const struct config *config)
{
    if (config->loops > 0)
        return (size_t)config->loops;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_LOOPS ? MAX_LOOPS : (size_t)cores;
}

static bool start_http(struct server *server, struct fault *fault)
{
    const struct config *config = server->config;
    struct http_server_config http = {
        .config = config,
        .listen = config->listen,
        .listen_count = config->listen_count,
        .loops = loop_count(config),
        .max_connections = (size_t)config->max_connections,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .hold_ms = config->hold_reply_ms,
        .application = {.context = server->frontend,
                        .told = metrics_count_http_event,
                        .loop_started = exchange_loop_started,
                        .loop_stopped = exchange_loop_stopped,
                        .handle = exchange_begin,
                        .render_refusal = exchange_render_refusal},
    };
    server->http = http_server_start(&http, fault);
    if (server->http == NULL)
        fault_prefix(fault, "listen: ");
    return server->http != NULL;
}

/* The others may wake clients as soon as it hears them. */
static bool start_peers(struct server *server, struct fault *fault)
{
    return peers_start(server->peers, fault);
}

static void *open_gauges(void *context)
{
    return gauges_reader_new(context);
}

static void load_gauges(void *context, struct store_reader *reader, struct metric_gauges *gauges)
{
    gauges_load(context, reader, gauges);
}

static void close_gauges(void *reader)
{
    gauges_reader_free(reader);
}

static bool read_gauges(void *reader, struct metric_gauges *gauges)
{
    return gauges_read(reader, gauges);
}

static void issuer_written(void *context, const char *id, struct bytes sealed)
{
    const struct server *server = context;
    issuer_follow_note(server->issuer_follow, id, sealed);
}

static bool start_admin(struct server *server, struct fault *fault)
{
    if (!is_administered(server->config))
        return true;
    const struct admin_parts parts = {.config = server->config,
                                      .config_path = server->config_path,
                                      .store = server->store,
                                      .issuers = server->issuers,
                                      .secrets = server->secrets,
                                      .background = server->background,
                                      .location = server->location,
                                      .readers = server->readers,
                                      .open_gauges = open_gauges,
                                      .close_gauges = close_gauges,
                                      .load_gauges = load_gauges,
                                      .read_gauges = read_gauges,
                                      .issuer_written = issuer_written,
                                      .issuer_changed = issuer_changed,
                                      .context = server};
    server->admin = admin_start(&parts, fault);
    if (server->admin == NULL)
        fault_prefix(fault, "admin: ");
    return server->admin != NULL;
}

/* The answers are small and few, most of them made in advance: one loop is enough. */
static bool start_pki_http(struct server *server, struct fault *fault)
{
    const struct config *config = server->config;
    struct http_server_config http = {
        .config = config,
        .listen = config->pki_listen,
        .listen_count = config->pki_listen_count,
        .plain = true,
        .loops = 1,
        .max_connections = PKI_MAX_CONNECTIONS,
        .request_timeout_ms = REQUEST_TIMEOUT_MS,
        .application = {.context = server->frontend,
                        .told = metrics_count_http_event,
                        .loop_started = exchange_loop_started,
                        .loop_stopped = exchange_loop_stopped,
                        .handle = exchange_begin_pki,
                        .render_refusal = exchange_render_refusal},
    };
    if (config->pki_listen_count == 0)
        return true;
    server->pki_http = http_server_start(&http, fault);
    if (server->pki_http == NULL)
        fault_prefix(fault, "pki_listen: ");
    return server->pki_http != NULL;
}

static bool publish_certificate(void *context, struct bytes chain_pem, struct bytes key_pem,
                                struct fault *fault)
{
    struct server_certificate certificate;
    if (!server_certificate_prepare(context, chain_pem, key_pem, &certificate, fault))
        return false;
    server_certificate_commit(&certificate);
    return true;
}

/* The listeners exist: they can get certificates, and clients can be informed. */
static bool begin_jobs(struct server *server, struct fault *fault)
{
    const struct own_certificate_parts parts = {.config = server->config,
                                                .outbound = server->outbound,
                                                .issuers = server->issuers,
                                                .publish = publish_certificate,
                                                .rejected = rejected,
                                                .context = server};
    server->own_certificate = own_certificate_start(&parts, fault);
    if (server->own_certificate == NULL)
        return false;
    jobs_begin(server->jobs);
    status_begin(server->status);
    const struct retention_parts retention = {server->config, server->store, server->outbound};
    server->retention = retention_start(&retention);
    return true;
}

static bool start_account_exporter(struct server *server, struct fault *fault)
{
    if (server->config->account_export_path == NULL)
        return true;
    server->account_exporter = account_exporter_start(server->config, server->location, fault);
    return server->account_exporter != NULL;
}

/* Last, because these tasks need a running server. */
static bool start_background(struct server *server, struct fault *fault)
{
    if (!background_begin(server->background))
        return fault_set(fault, "no thread could be made");
    if (server->issuer_follow != NULL)
        issuer_follow_begin(server->issuer_follow, server->issuers, server->loads, server->background);
    return true;
}

static void observe_batch(const struct store_batch *batch)
{
    METRICS_OBSERVE(METRIC_BATCH_OPERATIONS, (int64_t)batch->operations);
    METRICS_ADD(METRIC_BATCHES_UNDONE, batch->undone);
    if (batch->committed)
        METRICS_OBSERVE(METRIC_COMMIT_DURATION, batch->commit_us);
    else
        METRICS_COUNT(METRIC_BATCHES_FAILED);
}

static const struct metric_routes routes = {server_route_count, server_route_label};

/* The name of this server among those on one database. A host may have any name. */
static const char *gateway_name(struct server *server)
{
    char host[STORE_GATEWAY_NAME_BYTES] = "";
    if (server->config->gateway_id != NULL)
        return server->config->gateway_id;
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        return "acmegate";
    return visible_copy(server->arena, host);
}

struct server *server_start(const struct config *config, const char *path, struct fault *fault)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        end_without("memory");
    server->config = config;
    server->config_path = path;
    server->arena = arena_new();
    server->location = config_location(server->arena, config);
    const char *name = gateway_name(server);
    metrics_start(config, &routes, name);
    store_set_gateway(name, ACMEGATE_VERSION);
    store_set_observer(observe_batch);
    store_set_event_observer(event_log_write);
    server->background = background_new();
    if (start_store(server, fault) && start_secrets(server, fault) && start_outbound(server, fault) &&
        start_loads(server, fault) && start_issuers(server, fault) && start_revocation(server, fault) &&
        start_frontend(server, fault) && start_http(server, fault) && start_peers(server, fault) &&
        start_pki_http(server, fault) && start_admin(server, fault) && begin_jobs(server, fault) &&
        start_account_exporter(server, fault) && start_background(server, fault)) {
        atomic_store(&server->started, true);
        return server;
    }
    server_stop(server);
    return NULL;
}

/* Stops first the sources of work, then the clients that wait for it, then what both rest on. A server that
 * did not start completely lacks some of these. */
void server_stop(struct server *server)
{
    if (server->outbound != NULL)
        outbound_hurry(server->outbound, HTTP_DRAIN_MS / 2);
    background_stop(server->background);
    issuers_settle(server->issuers);
    if (server->jobs != NULL)
        jobs_stop(server->jobs);
    own_certificate_stop(server->own_certificate);
    admin_stop(server->admin);
    peers_stop(server->peers);
    if (server->http != NULL)
        http_server_stop(server->http);
    if (server->pki_http != NULL)
        http_server_stop(server->pki_http);
    if (server->outbound != NULL)
        outbound_stop(server->outbound);
    readers_stop(server->readers);
    loads_stop(server->loads);
    store_close(server->store);
    account_exporter_stop(server->account_exporter);
    own_certificate_free(server->own_certificate);
    status_free(server->status);
    jobs_drop(server->jobs);
    loads_free(server->loads);
    issuers_stop(server->issuers);
    outbound_free(server->outbound);
    jobs_free(server->jobs);
    issuer_follow_free(server->issuer_follow);
    retention_free(server->retention);
    background_free(server->background);
    secret_box_free(server->secrets);
    admin_free(server->admin);
    frontend_free(server->frontend);
    peers_free(server->peers);
    readers_free(server->readers);
    metrics_stop();
    arena_free(server->arena);
    free(server);
}
