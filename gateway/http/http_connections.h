/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of one loop, by network (address_write_network). When no room is left, it closes the
 * oldest idle connection of the network that has most. So one address cannot starve the others. Each
 * connection of a trusted proxy counts alone, because its clients share it. Only the loop's thread uses it.
 */
#pragma once

#include "gateway/http/http_internal.h"

struct http_connection;

/* Makes room for at most `max` connections. A connection that was told to close no longer counts. */
struct http_connections *http_connections_new(size_t max);
/* After the last connection. NULL is ignored. */
void http_connections_free(struct http_connections *connections);

/* Makes room for more, or for fewer. Connections beyond `max` stay, until http_connections_make_room has
 * closed them or they end. */
void http_connections_resize(struct http_connections *connections, size_t max);
bool http_connections_are_too_many(const struct http_connections *connections);

/* One more needs room. */
bool http_connections_are_full(const struct http_connections *connections);

/*
 * True when another connection may be accepted: there is room, or an idle connection was told to close
 * (`evicted` is then its network; else ""). False while every connection has a request in progress.
 */
bool http_connections_make_room(struct http_connections *connections,
                                char evicted[static ADDRESS_NETWORK_BYTES]);

/* More than three quarters are in use. */
bool http_connections_are_scarce(const struct http_connections *connections);

/* Enters an accepted socket, idle. It is the socket's on_close that ends it: see http_connection_closed.
 * `peer` is NULL on the Unix socket. */
struct http_connection *http_connection_open(const struct http_listener *listener, h2o_socket_t *socket,
                                             const struct address *peer, bool is_trusted_proxy);
const struct http_listener *http_connection_listener(const struct http_connection *connection);

/* A proxy has told that it passes on a connection of this client: it counts as one from there. */
void http_connection_set_client(struct http_connection *connection, const struct address *client);
/* The peer, or the client of http_connection_set_client; zeros on the Unix socket. */
const struct address *http_connection_client(const struct http_connection *connection);

/* True when it was told to close, to make room. */
bool http_connection_makes_room(const struct http_connection *connection);

/* The one that a socket of http_connection_open is. */
struct http_connection *http_connection_of(h2o_socket_t *socket);

/* A request of it is with the application, or no more: then the next one is awaited. */
void http_connection_begin_request(struct http_connection *connection);
void http_connection_end_request(struct http_connection *connection);

/* Sets the outcome of its TLS handshake; HTTP_HANDSHAKE_UNFINISHED until then. Once it is done, or without
 * TLS, the first request is awaited. */
void http_connection_set_handshake(struct http_connection *connection, enum http_event outcome);

/* Frees the connection when its socket closes. Call it once. Returns the outcome of the handshake. */
enum http_event http_connection_closed(struct http_connection *connection);
