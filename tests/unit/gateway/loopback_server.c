/* SPDX-License-Identifier: Apache-2.0 */
#include "loopback_server.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct sockaddr_storage loopback_address(int family, unsigned port)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    if (family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
        v6->sin6_addr = in6addr_loopback;
        v6->sin6_port = htons((uint16_t)port);
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v4->sin_port = htons((uint16_t)port);
    }
    return address;
}

/* Returns the port. */
static unsigned bind_to_free_port(int fd, int family)
{
    struct sockaddr_storage address = loopback_address(family, 0);
    socklen_t length = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                    : ((struct sockaddr_in *)&address)->sin_port);
}

static void *accept_all(void *argument)
{
    struct loopback_server *server = argument;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) != -1; close(fd)) {
        server->connections++;
        server->serve(server->context, fd);
    }
    return NULL;
}

void loopback_server_start(struct loopback_server *server, int family)
{
    signal(SIGPIPE, SIG_IGN); /* what is written to a client that has left fails */
    server->connections = 0;
    server->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(server->fd, 0);
    server->port = bind_to_free_port(server->fd, family);
    server->address = loopback_address(family, server->port);
    cr_assert_eq(listen(server->fd, 16), 0);
    cr_assert_eq(pthread_create(&server->thread, NULL, accept_all, server), 0);
}

void loopback_server_stop(struct loopback_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

void loopback_read_to_end(int fd)
{
    char octets[256];
    while (read(fd, octets, sizeof octets) > 0)
        continue;
}

unsigned loopback_closed_port(int *fd)
{
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind_to_free_port(*fd, AF_INET);
}
