/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets that a service manager has bound and passed to this process, by the protocol of
 * sd_listen_fds(3). They stay open until the process ends: a connection that comes while no listener accepts
 * waits in their backlog. Neither the address nor the path of such a socket is this process's to remove.
 */
#pragma once

#include <sys/un.h>

#include "acme/base/fault.h"
#include "gateway/runtime/address.h"

enum { PASSED_SOCKETS_FIRST = 3, PASSED_SOCKETS_MAX = 64 };

struct passed_socket {
    int fd;
    bool is_local; /* a Unix socket */
    struct address address;
    uint16_t port;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) +
              1];   /* begins with "@" in the abstract name space */
    char text[256]; /* "socket acmegate.socket (descriptor 3) on 127.0.0.1 port 443" */
};

/*
 * Takes the descriptors from `first` (PASSED_SOCKETS_FIRST) on that LISTEN_FDS counts. Removes LISTEN_FDS,
 * LISTEN_PID and LISTEN_FDNAMES from the environment, so that no child has them. Variables whose LISTEN_PID
 * is another process are not meant for this one. False with `fault` when a descriptor is no listening stream
 * socket, or when two have one address. Before other threads exist, and once.
 */
[[gnu::warn_unused_result]] bool passed_sockets_take(int first, struct fault *fault);
/* Closes them all. */
void passed_sockets_close(void);

/* The i-th; NULL behind the last. */
const struct passed_socket *passed_socket(size_t i);

/* True when it listens on this numeric address and port. */
bool passed_socket_has(const struct passed_socket *socket, const char *host, uint16_t port);
/* True when it is the Unix socket at this path, by whichever name. */
bool passed_socket_is_at(const struct passed_socket *socket, const char *path);

/* Look for a socket among those that were passed. NULL: none. */
const struct passed_socket *passed_socket_of_address(const char *host, uint16_t port);
const struct passed_socket *passed_socket_of_path(const char *path);
/* The one of all IPv6 addresses that takes this port of all IPv4 addresses as well. */
const struct passed_socket *passed_socket_of_both(uint16_t port);
