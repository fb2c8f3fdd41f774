/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the header of the PROXY protocol from a connection, before TLS. libh2o has a reader of its own; it
 * knows only version 1, has no limit, and takes a malformed line for the client's first octets.
 */
#include <errno.h>
#include <sys/socket.h>

#include "gateway/http/http_connections.h"
#include "gateway/http/http_proxy_header.h"

struct http_awaited {
    h2o_linklist_t in_loop;
    h2o_timeout_entry_t timeout;
    struct http_connection *connection;
    h2o_socket_t *socket;
    size_t n;
    uint8_t header[PROXY_HEADER_MAX_BYTES];
};

/* Ends the wait. The socket stays open. */
static void end_wait(struct http_awaited *awaited)
{
    h2o_socket_read_stop(awaited->socket);
    h2o_socket_dont_read(awaited->socket, 0);
    awaited->socket->data = NULL;
    h2o_timeout_unlink(&awaited->timeout);
    h2o_linklist_unlink(&awaited->in_loop);
    free(awaited);
}

static void refuse(struct http_awaited *awaited, const char *why)
{
    h2o_socket_t *socket = awaited->socket;
    struct http_connection *connection = awaited->connection;
    if (!http_connection_makes_room(connection))
        http_tell_refusal(http_connection_listener(connection)->loop, HTTP_CONNECTION_BAD_PROXY_HEADER,
                          http_connection_client(connection), why);
    http_connection_set_handshake(connection, HTTP_HANDSHAKE_DONE); /* none has begun, so none has failed */
    end_wait(awaited);
    h2o_socket_close(socket);
}

static void go_on(struct http_awaited *awaited, const struct proxy_header *header)
{
    h2o_socket_t *socket = awaited->socket;
    struct http_connection *connection = awaited->connection;
    end_wait(awaited);
    if (header->has_client)
        http_connection_set_client(connection, &header->client);
    http_accept_go_on(connection, socket);
}

/* Takes `n` octets that are known to be there. */
static void consume(struct http_awaited *awaited, size_t n)
{
    ssize_t taken = n == 0 ? 0 : recv(h2o_socket_get_fd(awaited->socket), awaited->header + awaited->n, n, 0);
    awaited->n += taken > 0 ? (size_t)taken : 0;
}

/* Looks at what is there, and takes from it only what belongs to the header: the next octet is the client's.
 */
static void on_readable(h2o_socket_t *socket, const char *error)
{
    struct http_awaited *awaited = socket->data;
    struct proxy_header header;
    const char *why = "it ended before its PROXY header did";
    ssize_t n = error != NULL ? 0
                              : recv(h2o_socket_get_fd(socket), awaited->header + awaited->n,
                                     sizeof awaited->header - awaited->n, MSG_PEEK);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        refuse(awaited, why);
        return;
    }
    struct bytes seen = bytes_of(awaited->header, awaited->n + (size_t)n);
    switch (proxy_header_read(seen, &header, &why)) {
    case PROXY_HEADER_BEGUN:
        consume(awaited, (size_t)n);
        return;
    case PROXY_HEADER_WHOLE:
        consume(awaited, header.bytes - awaited->n);
        go_on(awaited, &header);
        return;
    case PROXY_HEADER_BAD:
        refuse(awaited, why);
        return;
    }
}

static void on_timeout(h2o_timeout_entry_t *timeout)
{
    refuse(H2O_STRUCT_FROM_MEMBER(struct http_awaited, timeout, timeout),
           "its PROXY header did not come in time");
}

void http_proxy_header_await(struct http_connection *connection, h2o_socket_t *socket)
{
    struct http_loop *loop = http_connection_listener(connection)->loop;
    struct http_awaited *awaited = h2o_mem_alloc(sizeof *awaited);
    memset(awaited, 0, offsetof(struct http_awaited, header));
    awaited->connection = connection;
    awaited->socket = socket;
    awaited->timeout.cb = on_timeout;
    socket->data = awaited;
    h2o_linklist_insert(&loop->awaited, &awaited->in_loop);
    h2o_timeout_link(loop->context.loop, &loop->handshake_timeout, &awaited->timeout);
    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, on_readable);
}

void http_proxy_header_drain(struct http_loop *loop)
{
    while (!h2o_linklist_is_empty(&loop->awaited)) {
        struct http_awaited *awaited =
            H2O_STRUCT_FROM_MEMBER(struct http_awaited, in_loop, loop->awaited.next);
        h2o_socket_t *socket = awaited->socket;
        http_connection_set_handshake(awaited->connection, HTTP_HANDSHAKE_DONE);
        end_wait(awaited);
        h2o_socket_close(socket);
    }
}
