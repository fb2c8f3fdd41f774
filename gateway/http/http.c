/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "acme/base/thread.h"
#include "gateway/http/http_connections.h"
#include "gateway/runtime/log.h"

enum {
    HANDSHAKE_TIMEOUT_MS = 10 * 1000,
    DRAIN_TURN_MS = 50,
};

_Static_assert(sizeof(h2o_multithread_message_t) == sizeof(((struct http_message *)0)->link),
               "http_message begins with libh2o's message");

void http_reply_add_header(struct http_reply *reply, const char *name, const char *value)
{
    if (reply->header_count == HTTP_MAX_REPLY_HEADERS) {
        log_error("the header %s was left out: more than %d headers in one reply", name,
                  HTTP_MAX_REPLY_HEADERS);
        return;
    }
    reply->headers[reply->header_count++] = (struct http_header){name, value};
}

void http_loop_set_data(struct http_loop *loop, void *data)
{
    loop->data = data;
}

void *http_loop_data(struct http_loop *loop)
{
    return loop->data;
}

void http_loop_post(struct http_loop *loop, struct http_message *message)
{
    h2o_multithread_send_message(&loop->receiver, (h2o_multithread_message_t *)message);
}

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        struct http_message *message = (struct http_message *)messages->next;
        h2o_linklist_unlink(messages->next);
        message->run(message);
    }
}

/* ---- draining ---- */

struct drain_message {
    struct http_message message;
    struct http_loop *loop;
};

static void run_drain(struct http_message *message)
{
    struct drain_message *drain = (struct drain_message *)message;
    struct http_loop *loop = drain->loop;
    free(drain);
    loop->draining = true;
    http_accept_stop(loop);
    http_proxy_header_drain(loop);
    http_park_drain(loop);
    h2o_context_request_shutdown(&loop->context);
    http_h2o_close_idle(&loop->context);
}

/* ---- loops ---- */

static void report_start(struct http_loop *loop, bool good)
{
    struct http_server *server = loop->server;
    pthread_mutex_lock(&server->start_lock);
    server->started++;
    if (!good)
        server->failed++;
    pthread_cond_signal(&server->start_changed);
    pthread_mutex_unlock(&server->start_lock);
}

/* Everything of libh2o that belongs to a loop is made on the loop's own thread: its recyclers are
 * thread-local. */
static bool prepare_loop(struct http_loop *loop)
{
    struct http_server *server = loop->server;
    h2o_context_init(&loop->context, h2o_evloop_create(), &server->globalconf);
    h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, on_messages);
    h2o_timeout_init(loop->context.loop, &loop->handshake_timeout, HANDSHAKE_TIMEOUT_MS);
    http_park_start(loop);
    http_deadline_start(loop);
    loop->accept = (h2o_accept_ctx_t){.ctx = &loop->context, .hosts = server->globalconf.hosts};
    loop->accept_plain = loop->accept;
    h2o_linklist_init_anchor(&loop->awaited);
    loop->accept.ssl_ctx = server->config.plain ? NULL : http_tls_context_new(loop);
    if ((!server->config.plain && loop->accept.ssl_ctx == NULL) || !http_accept_prepare(loop) ||
        !server->config.application.loop_started(server->config.application.context, loop))
        return false;
    http_accept_resume(loop);
    return true;
}

static void run_until_drained(struct http_loop *loop)
{
    while (!loop->draining)
        h2o_evloop_run(loop->context.loop, http_h2o_collect(&loop->context));
    uint64_t deadline = h2o_now(loop->context.loop) + HTTP_DRAIN_MS;
    while ((loop->connections != 0 || loop->requests != 0) && h2o_now(loop->context.loop) < deadline)
        h2o_evloop_run(loop->context.loop, DRAIN_TURN_MS);
    if (loop->requests != 0)
        log_warning("stopping with %zu requests unanswered", loop->requests);
}

static void *loop_main(void *argument)
{
    struct http_loop *loop = argument;
    bool good = prepare_loop(loop);
    report_start(loop, good);
    if (!good)
        return NULL;
    run_until_drained(loop);
    const struct http_application *application = &loop->server->config.application;
    application->loop_stopped(application->context, loop);
    http_tls_certificate_free(loop->certificate);
    http_park_stop(loop);
    http_deadline_stop(loop);
    h2o_timeout_dispose(loop->context.loop, &loop->handshake_timeout);
    /* With connections left at the deadline the context cannot be disposed of. The process is about to
     * end. */
    if (loop->connections == 0 && loop->requests == 0) {
        h2o_multithread_unregister_receiver(loop->context.queue, &loop->receiver);
        http_h2o_dispose(&loop->context);
    }
    SSL_CTX_free(loop->accept.ssl_ctx);
    return NULL;
}

/* ---- the server ---- */

static void configure_h2o(struct http_server *server)
{
    h2o_config_init(&server->globalconf);
    h2o_globalconf_t *conf = &server->globalconf;
    conf->server_name = h2o_iovec_init(NULL, 0);
    conf->max_request_entity_size = HTTP_MAX_READ_BYTES;
    conf->handshake_timeout = HANDSHAKE_TIMEOUT_MS;
    http_h2o_set_request_timeout(conf, (uint64_t)server->config.request_timeout_ms);
    conf->http1.upgrade_to_http2 = 0;
    server->host = h2o_config_register_host(conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(server->host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = http_on_request;
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = http_on_setup_ostream;
    h2o_create_filter(&server->host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream =
        http_on_setup_ostream;
}

static bool bind_all(struct http_server *server, struct fault *fault)
{
    const struct http_server_config *config = &server->config;
    server->listen_fds = h2o_mem_alloc(sizeof(int) * (config->listen_count + 1));
    for (; server->listen_count < config->listen_count; server->listen_count++) {
        int fd = http_listen(&config->listen[server->listen_count], fault);
        if (fd == -1)
            return false;
        server->listen_fds[server->listen_count] = fd;
    }
    if (config->socket_path == NULL)
        return true;
    server->local = http_local_listen(config->socket_path, fault);
    if (server->local == NULL)
        return false;
    server->listen_fds[server->listen_count++] = http_local_fd(server->local);
    return true;
}

static void unbind_all(struct http_server *server)
{
    http_local_remove(server->local);
    for (size_t i = 0; i < server->listen_count; i++)
        close(server->listen_fds[i]);
    free(server->listen_fds);
}

static void free_loop(struct http_loop *loop)
{
    http_connections_free(loop->tcp);
    http_connections_free(loop->local);
    free(loop->listeners);
    free(loop);
}

/* Of one loop. Clients are not shared out evenly. */
static size_t share_of(const struct http_server *server, size_t max_connections)
{
    return max_connections / server->config.loops + 1;
}

static bool start_loops(struct http_server *server)
{
    server->loops = h2o_mem_alloc(sizeof server->loops[0] * server->config.loops);
    for (size_t i = 0; i < server->config.loops; i++) {
        struct http_loop *loop = h2o_mem_alloc(sizeof *loop);
        memset(loop, 0, sizeof *loop);
        loop->server = server;
        loop->tcp = http_connections_new(share_of(server, server->config.max_connections));
        loop->local = http_connections_new(server->config.max_connections);
        server->loops[i] = loop;
        if (thread_start(&loop->thread, loop_main, loop) != 0) {
            free_loop(loop);
            break;
        }
        server->loop_count++;
    }
    pthread_mutex_lock(&server->start_lock);
    while (server->started < server->loop_count)
        pthread_cond_wait(&server->start_changed, &server->start_lock);
    bool good = server->failed == 0 && server->loop_count == server->config.loops;
    pthread_mutex_unlock(&server->start_lock);
    return good;
}

struct http_server *http_server_start(const struct http_server_config *config, struct fault *fault)
{
    struct http_server *server = h2o_mem_alloc(sizeof *server);
    memset(server, 0, sizeof *server);
    server->config = *config;
    atomic_init(&server->hold_ms, config->hold_ms);
    pthread_mutex_init(&server->start_lock, NULL);
    pthread_cond_init(&server->start_changed, NULL);
    configure_h2o(server);
    if (!bind_all(server, fault)) {
        unbind_all(server);
        h2o_config_dispose(&server->globalconf);
        free(server);
        return NULL;
    }
    if (!start_loops(server)) {
        /* If a loop fails to start, the process ends at once: it cannot serve. */
        fault_set(fault, "an HTTP thread could not be started");
        return NULL;
    }
    return server;
}

uint16_t http_server_port(const struct http_server *server, size_t i)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(server->listen_fds[i], (struct sockaddr *)&address, &length) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

struct resize_message {
    struct http_message message;
    struct http_loop *loop;
    size_t max;
};

static void run_resize(struct http_message *message)
{
    struct resize_message *resize = (struct resize_message *)message;
    http_accept_resize(resize->loop, resize->max);
    free(resize);
}

void http_server_set_max_connections(struct http_server *server, size_t max_connections)
{
    for (size_t i = 0; i < server->loop_count; i++) {
        struct resize_message *resize = h2o_mem_alloc(sizeof *resize);
        *resize =
            (struct resize_message){{.run = run_resize}, server->loops[i], share_of(server, max_connections)};
        http_loop_post(server->loops[i], &resize->message);
    }
}

size_t http_server_loops(const struct http_server *server)
{
    return server->loop_count;
}

struct http_loop *http_server_loop(const struct http_server *server, size_t i)
{
    return i < server->loop_count ? server->loops[i] : NULL;
}

size_t http_server_connections(const struct http_server *server)
{
    size_t connections = 0;
    for (size_t i = 0; i < server->loop_count; i++)
        connections += atomic_load_explicit(&server->loops[i]->connections, memory_order_relaxed);
    return connections;
}

void http_server_stop(struct http_server *server)
{
    for (size_t i = 0; i < server->loop_count; i++) {
        struct drain_message *drain = h2o_mem_alloc(sizeof *drain);
        *drain = (struct drain_message){{.run = run_drain}, server->loops[i]};
        http_loop_post(server->loops[i], &drain->message);
    }
    bool clean = true;
    for (size_t i = 0; i < server->loop_count; i++) {
        pthread_join(server->loops[i]->thread, NULL);
        clean = clean && server->loops[i]->connections == 0 && server->loops[i]->requests == 0;
    }
    unbind_all(server);
    if (clean)
        h2o_config_dispose(&server->globalconf);
    for (size_t i = 0; clean && i < server->loop_count; i++)
        free_loop(server->loops[i]);
    free(server->loops);
    free(server);
}
