/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP server of a test's own, on a free port of 127.0.0.1 or ::1, with a thread of its own. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>

struct loopback_server {
    /* One connection, on the server's thread, which closes it afterwards. */
    void (*serve)(void *context, int fd);
    void *context;
    /* Since loopback_server_start. */
    struct sockaddr_storage address; /* with the port */
    unsigned port;
    unsigned connections; /* to read after loopback_server_stop */
    int fd;
    pthread_t thread;
};

/* With `serve` and `context` set. `family`: AF_INET or AF_INET6. */
void loopback_server_start(struct loopback_server *server, int family);
/* Waits for the end of the connection that is served. */
void loopback_server_stop(struct loopback_server *server);

/* Reads until the other side closes. */
void loopback_read_to_end(int fd);

/* The loopback address of the family, with this port. */
struct sockaddr_storage loopback_address(int family, unsigned port);
/* A port of 127.0.0.1 on which nobody listens. `fd` keeps it from others until it is closed. */
unsigned loopback_closed_port(int *fd);
