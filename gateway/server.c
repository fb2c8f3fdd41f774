#include "gateway/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "gateway/account_exporter.h"
#include "gateway/exchange.h"
#include "gateway/log.h"
#include "gateway/own_certificate.h"
#include "gateway/retention.h"
#include "gateway/work.h"

enum { MAX_LOOPS = 4, DNS_TIMEOUT_MS = 5000 };

struct issuer *server_issuer(const struct server *server, const char *id)
{
    return issuers_find(server->issuers, id);
}

struct issuer *server_issuer_of_profile(const struct server *server, const char *name,
                                        const struct profile_config **profile_out)
{
    const struct profile_config *profile = config_profile(server->config, name);
    if (profile_out != NULL)
        *profile_out = profile;
    return profile == NULL ? NULL : server_issuer(server, profile->issuer);
}

void server_profile_limits(const struct server *server, const struct profile_config *profile,
                           struct validity_limits *out)
{
    struct issuer_status status;
    issuer_read_status(server_issuer(server, profile->issuer), &status);
    *out = status.limits;
    out->profile_max_s = profile->max_ttl_s;
}

/* ---- each loop's own ---- */

static bool loop_started(void *context, struct http_loop *loop)
{
    const struct server *server = context;
    struct store_error error;
    struct loop_state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        abort();
    state->session = store_session_open(server->config->database, &error);
    if (state->session == NULL) {
        log_error("%s", error.message);
        free(state);
        return false;
    }
    state->keys = account_key_cache_new();
    http_loop_set_data(loop, state);
    return true;
}

static void loop_stopped(void *context, struct http_loop *loop)
{
    (void)context;
    struct loop_state *state = http_loop_data(loop);
    store_session_close(state->session);
    account_key_cache_free(state->keys);
    free(state);
}

/* ---- a write of the server's own, waited for ---- */

struct startup_write {
    struct store_operation operation; /* first */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    enum store_outcome outcome;
    int64_t unknown_attempts;
};

static enum store_apply_result mark_unknown(struct store_operation *operation, struct store_session *session)
{
    struct startup_write *write = (struct startup_write *)operation;
    return store_attempts_mark_unknown(session, clock_now(), &write->unknown_attempts) == STORE_OK
               ? STORE_APPLIED
               : STORE_DISCARD;
}

static void on_startup_written(struct store_operation *operation, enum store_outcome outcome)
{
    struct startup_write *write = (struct startup_write *)operation;
    pthread_mutex_lock(&write->lock);
    write->outcome = outcome;
    write->done = true;
    pthread_cond_signal(&write->ended);
    pthread_mutex_unlock(&write->lock);
}

/* Attempts that a killed server left without an answer: the CA may have issued for them. */
static bool account_for_lost_attempts(struct server *server)
{
    struct startup_write write = {.operation = {.apply = mark_unknown, .done = on_startup_written}};
    pthread_mutex_init(&write.lock, NULL);
    pthread_cond_init(&write.ended, NULL);
    store_submit(server->store, &write.operation);
    pthread_mutex_lock(&write.lock);
    while (!write.done)
        pthread_cond_wait(&write.ended, &write.lock);
    pthread_mutex_unlock(&write.lock);
    pthread_mutex_destroy(&write.lock);
    pthread_cond_destroy(&write.ended);
    if (write.unknown_attempts > 0)
        log_warning(
            "%lld signing attempts were without an answer when the server stopped: possible orphans, see "
            "docs/sql.md",
            (long long)write.unknown_attempts);
    return write.outcome == STORE_COMMITTED;
}

/* ---- start, in the order of dependence; every step says why it failed ---- */

static bool start_store(struct server *server, char why[static 512])
{
    struct store_error error;
    server->store = store_open(server->config->database, STORE_MIGRATE, &error);
    if (server->store == NULL) {
        snprintf(why, 512, "%s", error.message);
        return false;
    }
    if (account_for_lost_attempts(server))
        return true;
    snprintf(why, 512, "the database %.300s cannot be written", server->config->database);
    return false;
}

static bool start_secrets(struct server *server, char why[static 512])
{
    const struct config *config = server->config;
    bool needed = false;
    for (size_t i = 0; i < config->endpoint_count; i++)
        needed = needed || config->endpoints[i].eab != EAB_OFF;
    if (!needed)
        return true;
    server->secrets = config_open_secrets(config, why);
    return server->secrets != NULL;
}

static bool start_outbound(struct server *server, char why[static 512])
{
    const struct validation_config *validation = &server->config->validation;
    struct outbound_config config = {.resolvers = validation->resolvers,
                                     .resolver_count = validation->resolver_count,
                                     .dns_timeout_ms = DNS_TIMEOUT_MS};
    const char *reason = NULL;
    server->outbound = outbound_start(&config, &reason);
    if (server->outbound == NULL)
        snprintf(why, 512, "the outbound thread did not start: %s", reason);
    return server->outbound != NULL;
}

static bool start_issuers(struct server *server, char why[static 512])
{
    server->issuers = issuers_new(server->outbound);
    return issuers_open(server->issuers, server->config, why);
}

static size_t loop_count(const struct config *config)
{
    if (config->loops > 0)
        return (size_t)config->loops;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_LOOPS ? MAX_LOOPS : (size_t)cores;
}

static bool start_http(struct server *server, char why[static 512])
{
    const struct config *config = server->config;
    char reason[256];
    struct http_server_config http = {
        .listen = config->listen,
        .listen_count = config->listen_count,
        .loops = loop_count(config),
        .max_connections = (size_t)config->max_connections,
        .hold_ms = config->hold_reply_ms,
        .application = {.context = server,
                        .loop_started = loop_started,
                        .loop_stopped = loop_stopped,
                        .handle = exchange_begin,
                        .render_refusal = exchange_render_refusal},
    };
    server->http = http_server_start(&http, reason);
    if (server->http == NULL)
        snprintf(why, 512, "%s", reason);
    return server->http != NULL;
}

static bool start_work(struct server *server, char why[static 512])
{
    char reason[256];
    server->work = work_new(server, server->config->database, reason);
    if (server->work == NULL || !own_certificate_start(server, reason)) {
        snprintf(why, 512, "%s", reason);
        return false;
    }
    work_begin(server->work);
    server->retention = retention_start(server);
    return true;
}

static bool start_account_exporter(struct server *server, char why[static 512])
{
    if (server->config->account_export_path == NULL)
        return true;
    server->account_exporter = account_exporter_start(server->config, why);
    return server->account_exporter != NULL;
}

struct server *server_start(const struct config *config, char why[static 512])
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        abort();
    server->config = config;
    pthread_mutex_init(&server->nonce_lock, NULL);
    server->rates = rate_limiter_new();
    server->nonces = nonce_source_new();
    if (server->nonces == NULL)
        snprintf(why, 512, "OpenSSL has no randomness");
    else if (start_store(server, why) && start_secrets(server, why) && start_outbound(server, why) &&
             start_issuers(server, why) && start_http(server, why) && start_work(server, why) &&
             start_account_exporter(server, why))
        return server;
    server_stop(server);
    return NULL;
}

bool server_reload(struct server *server, const struct config *fresh, char why[static 512])
{
    return issuers_reload(server->issuers, fresh, why) && own_certificate_reload(server, why);
}

/* First what makes work, then the clients that wait for it, then what both rest on. */
void server_stop(struct server *server)
{
    if (server->work != NULL)
        work_stop(server->work);
    if (server->http != NULL)
        http_server_stop(server->http);
    if (server->outbound != NULL)
        outbound_stop(server->outbound);
    issuers_stop(server->issuers);
    store_close(server->store);
    account_exporter_stop(server->account_exporter);
    outbound_free(server->outbound);
    work_free(server->work);
    retention_free(server->retention);
    own_certificate_free(server->own_certificate);
    secret_box_free(server->secrets);
    rate_limiter_free(server->rates);
    nonce_source_free(server->nonces);
    pthread_mutex_destroy(&server->nonce_lock);
    free(server);
}
