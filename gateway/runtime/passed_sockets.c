/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/passed_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct passed_socket sockets[PASSED_SOCKETS_MAX];
    size_t count;
} passed;

/* ---- one socket ---- */

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

/* False for the name of a family that no listener has. */
static bool read_name(struct passed_socket *out, const struct sockaddr_storage *name, socklen_t length)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)name;
    if (name->ss_family == AF_UNIX) {
        size_t n = length - offsetof(struct sockaddr_un, sun_path);
        out->is_local = true;
        memcpy(out->path, local->sun_path, n < sizeof out->path ? n : sizeof out->path - 1);
        if (n > 0 && out->path[0] == '\0')
            out->path[0] = '@';
        return true;
    }
    out->port = ntohs(name->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)name)->sin6_port
                                                  : ((const struct sockaddr_in *)name)->sin_port);
    return address_of_peer(&out->address, (const struct sockaddr *)name);
}

static void write_text(struct passed_socket *socket, const char *name)
{
    char host[INET6_ADDRSTRLEN];
    address_write(host, &socket->address);
    if (socket->is_local)
        snprintf(socket->text, sizeof socket->text, "socket %s (descriptor %d) at %s", name, socket->fd,
                 socket->path);
    else
        snprintf(socket->text, sizeof socket->text, "socket %s (descriptor %d) on %s port %u", name,
                 socket->fd, host, (unsigned)socket->port);
}

static bool take_one(int fd, const char *name, struct passed_socket *out, struct fault *fault)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    int flags = fcntl(fd, F_GETFL);
    *out = (struct passed_socket){.fd = fd};
    if (flags == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
        return fault_set(fault, "LISTEN_FDS counts descriptor %d (%s), which cannot be used: %s", fd, name,
                         strerror(errno));
    if (option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM || option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0 || !read_name(out, &address, length))
        return fault_set(
            fault,
            "descriptor %d (%s) was passed, but it is no listening stream socket: the socket unit "
            "needs ListenStream= and Accept=no",
            fd, name);
    write_text(out, name);
    return true;
}

/* ---- the environment ---- */

/* Returns 0 for NULL and for anything but a whole number above 0. */
static long read_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    long number = text == NULL ? 0 : strtol(text, &end, 10);
    return errno == 0 && end != text && number > 0 && *end == '\0' ? number : 0;
}

/* Writes the next of the names, which colons separate. sd_listen_fds_with_names(3) calls a socket without one
 * "unknown". */
static void take_name(const char **names, char out[static 64])
{
    size_t n = *names == NULL ? 0 : strcspn(*names, ":");
    snprintf(out, 64, "%.*s", n == 0 ? (int)strlen("unknown") : (int)n, n == 0 ? "unknown" : *names);
    if (*names != NULL)
        *names = (*names)[n] == ':' ? *names + n + 1 : NULL;
}

static bool same_address(const struct passed_socket *a, const struct passed_socket *b)
{
    if (a->is_local || b->is_local)
        return a->is_local && b->is_local && strcmp(a->path, b->path) == 0;
    return a->port == b->port && addresses_equal(&a->address, &b->address);
}

/* Connections to the second would wait for ever: a listener takes one. */
static bool is_new(const struct passed_socket *socket, struct fault *fault)
{
    for (size_t i = 0; i < passed.count; i++)
        if (same_address(&passed.sockets[i], socket))
            return fault_set(fault, "two sockets of one address were passed: %s, and %s; pass one of them",
                             passed.sockets[i].text, socket->text);
    return true;
}

static bool take_all(int first, const char *count_text, const char *names, struct fault *fault)
{
    long count = read_number(count_text);
    char name[64];
    if (count == 0 || count > PASSED_SOCKETS_MAX)
        return fault_set(fault, "LISTEN_FDS '%s' is not a number of sockets from 1 to %d", count_text,
                         PASSED_SOCKETS_MAX);
    for (int i = 0; i < (int)count; i++) {
        struct passed_socket *next = &passed.sockets[passed.count];
        take_name(&names, name);
        if (!take_one(first + i, name, next, fault) || !is_new(next, fault))
            return false;
        passed.count++;
    }
    return true;
}

bool passed_sockets_take(int first, struct fault *fault)
{
    const char *count = getenv("LISTEN_FDS");
    bool is_meant = count != NULL && read_number(getenv("LISTEN_PID")) == (long)getpid();
    bool good = !is_meant || take_all(first, count, getenv("LISTEN_FDNAMES"), fault);
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return good;
}

void passed_sockets_close(void)
{
    for (size_t i = 0; i < passed.count; i++)
        close(passed.sockets[i].fd);
    passed.count = 0;
}

/* ---- look-ups ---- */

const struct passed_socket *passed_socket(size_t i)
{
    return i < passed.count ? &passed.sockets[i] : NULL;
}

bool passed_socket_has(const struct passed_socket *socket, const char *host, uint16_t port)
{
    struct address address;
    return !socket->is_local && socket->port == port && address_parse(&address, bytes_from_string(host)) &&
           addresses_equal(&socket->address, &address);
}

bool passed_socket_is_at(const struct passed_socket *socket, const char *path)
{
    struct stat own, other;
    if (!socket->is_local || strcmp(socket->path, path) == 0)
        return socket->is_local;
    return stat(socket->path, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev &&
           own.st_ino == other.st_ino;
}

const struct passed_socket *passed_socket_of_address(const char *host, uint16_t port)
{
    for (size_t i = 0; i < passed.count; i++)
        if (passed_socket_has(&passed.sockets[i], host, port))
            return &passed.sockets[i];
    return NULL;
}

const struct passed_socket *passed_socket_of_path(const char *path)
{
    for (size_t i = 0; i < passed.count; i++)
        if (passed_socket_is_at(&passed.sockets[i], path))
            return &passed.sockets[i];
    return NULL;
}

const struct passed_socket *passed_socket_of_both(uint16_t port)
{
    for (size_t i = 0; i < passed.count; i++)
        if (passed_socket_has(&passed.sockets[i], "::", port) &&
            option_of(passed.sockets[i].fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0)
            return &passed.sockets[i];
    return NULL;
}
