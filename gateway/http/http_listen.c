#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gateway/http/http_internal.h"
#include "gateway/log.h"

enum {
    LISTEN_BACKLOG = 1024,
    PRIVILEGED_PORTS_END = 1024,
    ACCEPTS_PER_TURN = 16,        /* so that a burst of connections does not starve those under way */
    STALLED_CLIENT_MS = 30 * 1000 /* a client that does not acknowledge what was sent to it is cut off */
};

static bool address_to_sockaddr(const struct listen_address *address, struct sockaddr_storage *out,
                                socklen_t *length)
{
    memset(out, 0, sizeof(*out));
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, address->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        *length = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, address->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address->port);
        *length = sizeof(*v6);
        return true;
    }
    return false;
}

/* What an operator is to do about it; "" where the system's own words say all. */
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

int http_listen(const struct listen_address *address, char why[static 256])
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    if (!address_to_sockaddr(address, &storage, &length)) {
        snprintf(why, 256, "%.64s is not an IP address", address->host);
        return -1;
    }
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    unsigned stalled_ms = STALLED_CLIENT_MS;
    if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (storage.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms, sizeof(stalled_ms)) == 0 &&
        bind(fd, (const struct sockaddr *)&storage, length) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    snprintf(why, 256, "cannot listen on %.64s port %u: %s%s", address->host, (unsigned)address->port,
             strerror(errno), listen_advice(errno, address->port));
    if (fd != -1)
        close(fd);
    return -1;
}

/* ---- the Unix socket ---- */

struct http_local_socket {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    dev_t device; /* with the inode: that it is still ours */
    ino_t inode;
};

/* What stands at the path may be left over from a server that was killed: then nobody answers there. */
static bool clear_path(const struct sockaddr_un *address, char why[static 256])
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return true;
    if (!S_ISSOCK(status.st_mode)) {
        snprintf(why, 256, "%s is there and no socket", address->sun_path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd != -1 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    if (fd != -1)
        close(fd);
    if (refused && unlink(address->sun_path) == 0)
        return true;
    snprintf(why, 256, "%s: %s", address->sun_path,
             refused ? strerror(errno) : "another server listens there, or it cannot be asked");
    return false;
}

/* Nobody can connect between bind and listen: the mode is right before anybody could. */
static int bind_local(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
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

struct http_local_socket *http_local_listen(const char *path, char why[static 256])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(why, 256, "%.150s is too long for a socket's path, %zu octets at most", path,
                 sizeof(address.sun_path) - 1);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (!clear_path(&address, why))
        return NULL;
    struct http_local_socket *local = h2o_mem_alloc(sizeof(*local));
    struct stat status = {0};
    memcpy(local->path, address.sun_path, sizeof(local->path));
    local->fd = bind_local(&address);
    if (local->fd == -1 || stat(path, &status) != 0) {
        snprintf(why, 256, "cannot listen on %s: %s", path, strerror(errno));
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

static void on_connection_closed(void *data)
{
    struct http_loop *loop = data;
    --loop->connections;
    http_accept_resume(loop);
}

static void accept_pause(struct http_loop *loop)
{
    for (size_t i = 0; i < loop->server->listen_count; ++i)
        h2o_socket_read_stop(loop->listeners[i]);
    loop->listening = false;
}

static void accept_some(h2o_socket_t *listener, h2o_accept_ctx_t *way)
{
    struct http_loop *loop = listener->data;
    for (int i = 0; i < ACCEPTS_PER_TURN; ++i) {
        if (loop->connections >= loop->max_connections) {
            log_warning("%zu connections on one loop: no more are accepted until one closes",
                        loop->connections);
            accept_pause(loop);
            return;
        }
        h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
        if (socket == NULL)
            return;
        ++loop->connections;
        socket->on_close.cb = on_connection_closed;
        socket->on_close.data = loop;
        h2o_accept(way, socket);
    }
}

static void on_acceptable(h2o_socket_t *listener, const char *error)
{
    struct http_loop *loop = listener->data;
    if (error == NULL)
        accept_some(listener, &loop->accept);
}

static void on_local_acceptable(h2o_socket_t *listener, const char *error)
{
    struct http_loop *loop = listener->data;
    if (error == NULL)
        accept_some(listener, &loop->accept_local);
}

bool http_accept_prepare(struct http_loop *loop)
{
    const struct http_server *server = loop->server;
    loop->listeners = h2o_mem_alloc(sizeof(loop->listeners[0]) * server->listen_count);
    for (size_t i = 0; i < server->listen_count; ++i) {
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
    if (loop->listening || loop->draining || loop->connections >= loop->max_connections)
        return;
    for (size_t i = 0; i < server->listen_count; ++i) {
        if (i == server->config.listen_count)
            h2o_socket_read_start(loop->listeners[i], on_local_acceptable);
        else if (ready)
            h2o_socket_read_start(loop->listeners[i], on_acceptable);
    }
    loop->listening = true;
}

void http_accept_stop(struct http_loop *loop)
{
    for (size_t i = 0; i < loop->server->listen_count; ++i)
        h2o_socket_close(loop->listeners[i]);
    free(loop->listeners);
    loop->listeners = NULL;
    loop->listening = false;
}
