/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners of a loop: who is accepted, and what a connection begins with. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "gateway/http/http_connections.h"

enum {
    ACCEPTS_PER_TURN = 16,        /* a burst of connections must not starve those in progress */
    SCARCE_TIMEOUT_MS = 5 * 1000, /* of a request, and of the idle time before it */
};

/* Shortens the idle time when few connections are left. */
static void adapt_timeout(struct http_loop *loop)
{
    uint64_t usual = (uint64_t)loop->server->config.request_timeout_ms;
    bool scarce = http_connections_are_scarce(loop->tcp);
    http_deadline_set(loop, scarce && usual > SCARCE_TIMEOUT_MS ? SCARCE_TIMEOUT_MS : usual);
}

static void tell_handshake(struct http_loop *loop, enum http_event outcome)
{
    static const char *const words[HTTP_EVENTS] = {
        [HTTP_HANDSHAKE_PROTOCOL_VERSION] = "the client offers no TLS 1.2 or 1.3",
        [HTTP_HANDSHAKE_NO_SHARED_CIPHER] = "no cipher suite in common",
        [HTTP_HANDSHAKE_NO_APPLICATION_PROTOCOL] = "the client offers protocols, but not http/1.1",
        [HTTP_HANDSHAKE_REFUSED_BY_CLIENT] =
            "the client refused with an alert; does it trust the certificate?",
        [HTTP_HANDSHAKE_OTHER] = "the client's messages violate TLS",
        [HTTP_HANDSHAKE_UNFINISHED] = "the client did not finish it",
    };
    if (outcome == HTTP_HANDSHAKE_DONE)
        return;
    loop->server->config.application.told(outcome);
    log_gate_write(&loop->failures, LOG_LEVEL_DEBUG, "a TLS handshake failed: %s", words[outcome]);
}

void http_on_connection_closed(struct http_connection *connection)
{
    struct http_loop *loop = http_connection_listener(connection)->loop;
    tell_handshake(loop, http_connection_closed(connection));
    loop->connections--;
    adapt_timeout(loop);
    http_accept_resume(loop);
}

/* ---- listeners ---- */

static bool is_local(const struct http_listener *listener)
{
    return listener->address == NULL;
}

bool http_listener_is_plain(const struct http_listener *listener)
{
    return is_local(listener) || listener->loop->server->config.plain || listener->address->plain;
}

static void accept_pause(struct http_loop *loop, bool local)
{
    for (size_t i = 0; i < loop->server->listen_count; i++) {
        struct http_listener *listener = &loop->listeners[i];
        if (is_local(listener) != local)
            continue;
        h2o_socket_read_stop(listener->socket);
        listener->is_reading = false;
    }
}

static bool make_room(struct http_loop *loop, bool local)
{
    char evicted[ADDRESS_NETWORK_BYTES];
    bool room = http_connections_make_room(local ? loop->local : loop->tcp, evicted);
    if (evicted[0] != '\0')
        loop->server->config.application.told(HTTP_CONNECTION_EVICTED);
    if (!room || evicted[0] != '\0')
        log_gate_write(&loop->evictions, LOG_LEVEL_WARNING, "%zu connections on one loop, its maximum: %s%s",
                       loop->connections,
                       room ? "the oldest idle ones are closed, last one from "
                            : "all have requests in progress, and no more are accepted until one ends",
                       evicted);
    return room;
}

/* ---- one connection ---- */

static const struct config *config_of(const struct http_loop *loop)
{
    const struct config *config = loop->server->config.config;
    return config == NULL ? NULL : config_now(config);
}

bool http_is_trusted_proxy(const struct http_loop *loop, const struct address *address)
{
    const struct config *config = config_of(loop);
    return config != NULL &&
           networks_hold_address(config->trusted_proxies, config->trusted_proxy_count, address);
}

/* The listeners on which a client could otherwise pass for another, or read and write without TLS. */
static bool is_for_proxies_only(const struct http_listener *listener)
{
    const struct config *config = config_of(listener->loop);
    return !is_local(listener) && config != NULL &&
           (listener->address->proxy_protocol ||
            (listener->address->plain && config->trusted_proxy_count != 0));
}

void http_tell_refusal(struct http_loop *loop, enum http_event event, const struct address *from,
                       const char *why)
{
    char text[INET6_ADDRSTRLEN];
    loop->server->config.application.told(event);
    address_write(text, from);
    log_gate_write(&loop->refusals, LOG_LEVEL_WARNING, "a connection from %s is closed: %s", text, why);
}

void http_tell_unclear(struct http_loop *loop, const struct address *proxy, const char *why)
{
    char text[INET6_ADDRSTRLEN];
    address_write(text, proxy);
    log_gate_write(&loop->unclear, LOG_LEVEL_WARNING, "a request counts as one of the proxy %s itself: %s",
                   text, why);
}

void http_accept_go_on(struct http_connection *connection, h2o_socket_t *socket)
{
    const struct http_listener *listener = http_connection_listener(connection);
    bool plain = http_listener_is_plain(listener);
    if (plain)
        http_connection_set_handshake(connection, HTTP_HANDSHAKE_DONE);
    h2o_accept(plain ? &listener->loop->accept_plain : &listener->loop->accept, socket);
}

static void enter(const struct http_listener *listener, h2o_socket_t *socket)
{
    struct http_loop *loop = listener->loop;
    struct address peer = {{0}};
    struct sockaddr_storage name = {0};
    bool has_address = !is_local(listener) && h2o_socket_getpeername(socket, (struct sockaddr *)&name) != 0 &&
                       address_of_peer(&peer, (const struct sockaddr *)&name);
    bool is_proxy = has_address && http_is_trusted_proxy(loop, &peer);
    if (is_for_proxies_only(listener) && !is_proxy) {
        h2o_socket_close(socket);
        if (!has_address)
            return; /* it has left already */
        http_tell_refusal(loop, HTTP_CONNECTION_NOT_FROM_A_PROXY, &peer,
                          "the listener is for proxies, and trusted_proxies does not hold this address");
        return;
    }
    loop->connections++;
    struct http_connection *connection =
        http_connection_open(listener, socket, has_address ? &peer : NULL, is_proxy);
    adapt_timeout(loop);
    if (!is_local(listener) && listener->address->proxy_protocol)
        http_proxy_header_await(connection, socket);
    else
        http_accept_go_on(connection, socket);
}

static bool somebody_waits(h2o_socket_t *listener)
{
    struct pollfd at = {.fd = h2o_socket_get_fd(listener), .events = POLLIN};
    return poll(&at, 1, 0) == 1;
}

static void on_acceptable(h2o_socket_t *socket, const char *error)
{
    const struct http_listener *listener = socket->data;
    struct http_loop *loop = listener->loop;
    bool local = is_local(listener);
    for (int i = 0; error == NULL && i < ACCEPTS_PER_TURN; i++) {
        /* No connection makes room for nobody. */
        if (http_connections_are_full(local ? loop->local : loop->tcp) && !somebody_waits(socket))
            return;
        if (!make_room(loop, local)) {
            accept_pause(loop, local);
            return;
        }
        h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
        if (accepted == NULL)
            return;
        enter(listener, accepted);
    }
}

/* ---- begin and end ---- */

bool http_accept_prepare(struct http_loop *loop)
{
    const struct http_server *server = loop->server;
    loop->listeners = h2o_mem_alloc(sizeof loop->listeners[0] * server->listen_count);
    for (size_t i = 0; i < server->listen_count; i++) {
        int fd = fcntl(server->listen_fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd == -1)
            return false;
        h2o_socket_t *socket = h2o_evloop_socket_create(loop->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
        loop->listeners[i] = (struct http_listener){
            .loop = loop,
            .address = i < server->config.listen_count ? &server->config.listen[i] : NULL,
            .socket = socket};
        socket->data = &loop->listeners[i];
    }
    return true;
}

void http_accept_resize(struct http_loop *loop, size_t max)
{
    http_connections_resize(loop->tcp, max);
    while (http_connections_are_too_many(loop->tcp) && make_room(loop, false))
        ;
    adapt_timeout(loop);
    http_accept_resume(loop);
}

void http_accept_resume(struct http_loop *loop)
{
    if (loop->draining)
        return;
    for (size_t i = 0; i < loop->server->listen_count; i++) {
        struct http_listener *listener = &loop->listeners[i];
        if (listener->is_reading || (!http_listener_is_plain(listener) && loop->certificate == NULL))
            continue;
        h2o_socket_read_start(listener->socket, on_acceptable);
        listener->is_reading = true;
    }
}

void http_accept_stop(struct http_loop *loop)
{
    for (size_t i = 0; i < loop->server->listen_count; i++)
        h2o_socket_close(loop->listeners[i].socket);
}
