/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gateway/http/http_connections.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"

enum {
    LISTEN_BACKLOG = 1024,
    PRIVILEGED_PORTS_END = 1024,
    ACCEPTS_PER_TURN = 16,        /* a burst of connections must not starve those in progress */
    SCARCE_TIMEOUT_MS = 5 * 1000, /* of a request, and of the idle time before it */
    TELL_EVERY_S = 10,
    STALLED_CLIENT_MS = 30 * 1000 /* a client that does not acknowledge our data is cut off */
};

static bool address_to_sockaddr(const struct listen_address *address, struct sockaddr_storage *out,
                                socklen_t *length)
{
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, address->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        *length = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, address->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        *length = sizeof *v6;
        return true;
    }
    return false;
}

/* Returns what an operator has to do; "" when the system's own words are enough. */
static const char *listen_advice(int error, uint16_t port)
{
    if (error == EADDRINUSE)
        return "; another program has this port: 'ss -ltnp' shows which";
    if (error == EADDRNOTAVAIL)
        return "; this host does not have this address: 'ip address' shows those that it has";
    if (error == EACCES && port < PRIVILEGED_PORTS_END)
        return "; ports below 1024 need root or CAP_NET_BIND_SERVICE (AmbientCapabilities= of the systemd "
               "unit)";
    return "";
}

/* Returns a socket that is bound and not yet listening; -1 with `fault` and errno. */
static int bind_address(const struct listen_address *address, struct fault *fault)
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    if (!address_to_sockaddr(address, &storage, &length)) {
        fault_set(fault, "%s is not an IP address", address->host);
        errno = EINVAL;
        return -1;
    }
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    unsigned stalled_ms = STALLED_CLIENT_MS;
    if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (storage.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms, sizeof stalled_ms) == 0 &&
        bind(fd, (const struct sockaddr *)&storage, length) == 0)
        return fd;
    int error = errno;
    fault_set(fault, "cannot listen on %s port %u: %s%s", address->host, (unsigned)address->port,
              strerror(error), listen_advice(error, address->port));
    if (fd != -1)
        close(fd);
    errno = error;
    return -1;
}

int http_listen(const struct listen_address *address, struct fault *fault)
{
    int fd = bind_address(address, fault);
    if (fd == -1 || listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    fault_set(fault, "cannot listen on %s port %u: %s%s", address->host, (unsigned)address->port,
              strerror(errno), listen_advice(errno, address->port));
    close(fd);
    return -1;
}

enum http_address_state http_address_try(const struct listen_address *address, struct fault *fault)
{
    int fd = bind_address(address, fault);
    if (fd == -1)
        return errno == EADDRINUSE ? HTTP_ADDRESS_IN_USE : HTTP_ADDRESS_UNUSABLE;
    close(fd);
    return HTTP_ADDRESS_FREE;
}

/* ---- the Unix socket ---- */

struct http_local_socket {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    dev_t device; /* with the inode: identifies our socket */
    ino_t inode;
};

/* A socket may be left over from a server that was killed: then nobody answers there. */
static bool clear_path(const struct sockaddr_un *address, struct fault *fault)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return true;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd != -1 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd != -1)
        close(fd);
    if (refused && unlink(address->sun_path) == 0)
        return true;
    return fault_set(fault, "%s: %s", address->sun_path,
                     refused ? strerror(errno) : "another server listens there, or it does not answer");
}

/* Nobody can connect between bind and listen, so the mode is right before the first connection. */
static int bind_local(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        int error = errno;
        if (fd != -1)
            close(fd);
        errno = error;
        return -1;
    }
    if (chmod(address->sun_path, S_IRUSR | S_IWUSR) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int error = errno;
    unlink(address->sun_path);
    close(fd);
    errno = error;
    return -1;
}

bool http_local_try(const char *path, struct fault *fault)
{
    struct sockaddr_un address;
    struct stat status;
    if (strlen(path) >= sizeof address.sun_path)
        return fault_set(fault,
                         "%s is too long for a socket's path, %zu octets at most: choose a shorter one", path,
                         sizeof address.sun_path - 1);
    const char *slash = strrchr(path, '/');
    char folder[sizeof address.sun_path] = ".";
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (access(folder, W_OK | X_OK) != 0)
        return fault_set(
            fault,
            "%s cannot be made: folder %s: %s; make it for the user that serves (RuntimeDirectory= "
            "of the systemd unit)",
            path, folder, strerror(errno));
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
        return fault_set(fault, "%s exists and is not a socket", path);
    return true;
}

struct http_local_socket *http_local_listen(const char *path, struct fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!http_local_try(path, fault))
        return NULL;
    memcpy(address.sun_path, path, strlen(path));
    if (!clear_path(&address, fault))
        return NULL;
    struct http_local_socket *local = h2o_mem_alloc(sizeof *local);
    struct stat status = {0};
    memcpy(local->path, address.sun_path, sizeof local->path);
    local->fd = bind_local(&address);
    if (local->fd == -1 || stat(path, &status) != 0) {
        fault_set(fault, "cannot listen on %s: %s", path, strerror(errno));
        if (local->fd != -1)
            close(local->fd);
        free(local);
        return NULL;
    }
    local->device = status.st_dev;
    local->inode = status.st_ino;
    return local;
}

int http_local_fd(const struct http_local_socket *local)
{
    return local->fd;
}

void http_local_remove(struct http_local_socket *local)
{
    struct stat status;
    if (local == NULL)
        return;
    if (lstat(local->path, &status) == 0 && status.st_dev == local->device && status.st_ino == local->inode)
        unlink(local->path);
    free(local);
}

/* ---- accepting ---- */

/* Shortens the idle time when few connections are left. */
static void adapt_timeout(struct http_loop *loop)
{
    uint64_t usual = loop->context.globalconf->http1.req_timeout;
    bool scarce = http_connections_are_scarce(loop->tcp);
    loop->context.http1.req_timeout.timeout = scarce && usual > SCARCE_TIMEOUT_MS ? SCARCE_TIMEOUT_MS : usual;
}

/* Anybody can cause these lines: at most one is written in so many seconds. */
static bool may_tell(int64_t *told_at)
{
    int64_t now = clock_now();
    if (now < *told_at + TELL_EVERY_S && now >= *told_at)
        return false;
    *told_at = now;
    return true;
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
    if (may_tell(&loop->failures_told_at))
        log_debug("a TLS handshake failed: %s", words[outcome]);
}

void http_on_connection_closed(struct http_connection *connection)
{
    struct http_loop *loop = http_connection_loop(connection);
    tell_handshake(loop, http_connection_closed(connection));
    loop->connections--;
    adapt_timeout(loop);
    http_accept_resume(loop);
}

static bool is_local(const struct http_loop *loop, size_t listener)
{
    return listener == loop->server->config.listen_count;
}

static void accept_pause(struct http_loop *loop, bool local)
{
    for (size_t i = 0; i < loop->server->listen_count; i++)
        if (is_local(loop, i) == local)
            h2o_socket_read_stop(loop->listeners[i]);
    *(local ? &loop->local_listening : &loop->listening) = false;
}

static bool make_room(struct http_loop *loop, bool local)
{
    char evicted[ADDRESS_NETWORK_BYTES];
    bool room = http_connections_make_room(local ? loop->local : loop->tcp, evicted);
    if (evicted[0] != '\0')
        loop->server->config.application.told(HTTP_CONNECTION_EVICTED);
    if ((!room || evicted[0] != '\0') && may_tell(&loop->evictions_told_at))
        log_warning("%zu connections on one loop, its maximum: %s%s", loop->connections,
                    room ? "the oldest idle ones are closed, last one from "
                         : "all have requests in progress, and no more are accepted until one ends",
                    evicted);
    return room;
}

static void enter(struct http_loop *loop, h2o_socket_t *socket, bool local)
{
    char network[ADDRESS_NETWORK_BYTES] = "";
    struct sockaddr_storage peer;
    if (!local && h2o_socket_getpeername(socket, (struct sockaddr *)&peer) != 0)
        address_format_network(network, (const struct sockaddr *)&peer);
    loop->connections++;
    struct http_connection *connection =
        http_connection_open(local ? loop->local : loop->tcp, loop, socket, network);
    if (local || loop->server->config.plain)
        http_connection_set_handshake(connection, HTTP_HANDSHAKE_DONE);
    adapt_timeout(loop);
    h2o_accept(local ? &loop->accept_local : &loop->accept, socket);
}

static bool somebody_waits(h2o_socket_t *listener)
{
    struct pollfd at = {.fd = h2o_socket_get_fd(listener), .events = POLLIN};
    return poll(&at, 1, 0) == 1;
}

static void accept_some(h2o_socket_t *listener, bool local)
{
    struct http_loop *loop = listener->data;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        /* No connection makes room for nobody. */
        if (http_connections_are_full(local ? loop->local : loop->tcp) && !somebody_waits(listener))
            return;
        if (!make_room(loop, local)) {
            accept_pause(loop, local);
            return;
        }
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
        if (socket == NULL)
            return;
        enter(loop, socket, local);
    }
}

static void on_acceptable(h2o_socket_t *listener, const char *error)
{
    if (error == NULL)
        accept_some(listener, false);
}

static void on_local_acceptable(h2o_socket_t *listener, const char *error)
{
    if (error == NULL)
        accept_some(listener, true);
}

bool http_accept_prepare(struct http_loop *loop)
{
    const struct http_server *server = loop->server;
    loop->listeners = h2o_mem_alloc(sizeof loop->listeners[0] * server->listen_count);
    for (size_t i = 0; i < server->listen_count; i++) {
        int fd = fcntl(server->listen_fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd == -1)
            return false;
        loop->listeners[i] = h2o_evloop_socket_create(loop->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
        loop->listeners[i]->data = loop;
    }
    return true;
}

void http_accept_resume(struct http_loop *loop)
{
    const struct http_server *server = loop->server;
    bool ready = server->config.plain || loop->certificate != NULL;
    if (loop->draining)
        return;
    for (size_t i = 0; i < server->listen_count; i++) {
        bool local = is_local(loop, i);
        if (local && !loop->local_listening)
            h2o_socket_read_start(loop->listeners[i], on_local_acceptable);
        else if (!local && ready && !loop->listening)
            h2o_socket_read_start(loop->listeners[i], on_acceptable);
    }
    loop->local_listening = true;
    loop->listening = ready;
}

void http_accept_stop(struct http_loop *loop)
{
    for (size_t i = 0; i < loop->server->listen_count; i++)
        h2o_socket_close(loop->listeners[i]);
    free(loop->listeners);
    loop->listeners = NULL;
    loop->listening = loop->local_listening = false;
}
