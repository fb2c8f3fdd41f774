/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "gateway/http/http_internal.h"
#include "gateway/runtime/passed_sockets.h"

enum {
    LISTEN_BACKLOG = 1024,
    PRIVILEGED_PORTS_END = 1024,
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
    if (error == EADDRINUSE && passed_socket_of_both(port) != NULL)
        return "; the socket that was passed for [::] takes IPv4 too: its unit needs BindIPv6Only=ipv6-only";
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

/* Returns a duplicate of a socket that the service manager has passed. */
static int duplicate(const struct passed_socket *socket, struct fault *fault)
{
    unsigned stalled_ms = STALLED_CLIENT_MS;
    int fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
    if (fd != -1 && (socket->is_local ||
                     setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms, sizeof stalled_ms) == 0))
        return fd;
    fault_set(fault, "%s, which was passed, cannot be used: %s", socket->text, strerror(errno));
    if (fd != -1)
        close(fd);
    return -1;
}

int http_listen(const struct listen_address *address, struct fault *fault)
{
    const struct passed_socket *passed = passed_socket_of_address(address->host, address->port);
    if (passed != NULL)
        return duplicate(passed, fault);
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
    if (passed_socket_of_address(address->host, address->port) != NULL)
        return HTTP_ADDRESS_PASSED;
    int fd = bind_address(address, fault);
    if (fd == -1)
        return errno == EADDRINUSE ? HTTP_ADDRESS_IN_USE
               : errno == EACCES   ? HTTP_ADDRESS_DENIED
                                   : HTTP_ADDRESS_UNUSABLE;
    close(fd);
    return HTTP_ADDRESS_FREE;
}

/* ---- the Unix socket ---- */

struct http_local_socket {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    bool passed;  /* the service manager's, which stays in its folder */
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
    if (passed_socket_of_path(path) != NULL)
        return true;
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

static struct http_local_socket *local_of_passed(const struct passed_socket *passed, struct fault *fault)
{
    int fd = duplicate(passed, fault);
    if (fd == -1)
        return NULL;
    struct http_local_socket *local = h2o_mem_alloc(sizeof *local);
    *local = (struct http_local_socket){.fd = fd, .passed = true};
    return local;
}

struct http_local_socket *http_local_listen(const char *path, struct fault *fault)
{
    const struct passed_socket *passed = passed_socket_of_path(path);
    if (passed != NULL)
        return local_of_passed(passed, fault);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!http_local_try(path, fault))
        return NULL;
    memcpy(address.sun_path, path, strlen(path));
    if (!clear_path(&address, fault))
        return NULL;
    struct http_local_socket *local = h2o_mem_alloc(sizeof *local);
    struct stat status = {0};
    *local = (struct http_local_socket){.fd = bind_local(&address)};
    memcpy(local->path, address.sun_path, sizeof local->path);
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
    if (!local->passed && lstat(local->path, &status) == 0 && status.st_dev == local->device &&
        status.st_ino == local->inode)
        unlink(local->path);
    free(local);
}
