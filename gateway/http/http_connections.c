/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_connections.h"

#include <sys/socket.h>

enum { PEER_BUCKETS = 256 };

/* All connections from one network, or one connection of a trusted proxy. */
struct peer {
    h2o_linklist_t in_bucket;
    h2o_linklist_t in_level; /* with the others that have as many connections */
    h2o_linklist_t idle;     /* oldest first */
    size_t count;
    bool is_proxy; /* one connection of a trusted proxy */
    char network[ADDRESS_NETWORK_BYTES];
};

struct http_connection {
    h2o_linklist_t in_idle; /* linked while no request is in progress */
    struct http_deadline deadline;
    struct http_connections *connections;
    const struct http_listener *listener;
    h2o_socket_t *socket;
    struct address client;
    struct peer *peer; /* NULL: it was told to close */
    enum http_event handshake;
};

struct http_connections {
    size_t max;
    size_t count; /* without those that were told to close */
    h2o_linklist_t buckets[PEER_BUCKETS];
    size_t highest;         /* highest level that is not empty; 0: no connections */
    h2o_linklist_t *levels; /* one more than the connections that there can be */
};

static h2o_linklist_t *levels_new(size_t most)
{
    h2o_linklist_t *levels = h2o_mem_alloc((most + 1) * sizeof levels[0]);
    for (size_t i = 0; i <= most; i++)
        h2o_linklist_init_anchor(&levels[i]);
    return levels;
}

struct http_connections *http_connections_new(size_t max)
{
    struct http_connections *connections = h2o_mem_alloc(sizeof *connections);
    connections->max = max;
    connections->count = connections->highest = 0;
    for (size_t i = 0; i < PEER_BUCKETS; i++)
        h2o_linklist_init_anchor(&connections->buckets[i]);
    connections->levels = levels_new(max);
    return connections;
}

void http_connections_free(struct http_connections *connections)
{
    if (connections != NULL)
        free(connections->levels);
    free(connections);
}

void http_connections_resize(struct http_connections *connections, size_t max)
{
    size_t most = max > connections->count ? max : connections->count;
    h2o_linklist_t *levels = levels_new(most);
    for (size_t i = 1; i <= connections->highest; i++)
        h2o_linklist_insert_list(&levels[i], &connections->levels[i]);
    free(connections->levels);
    connections->levels = levels;
    connections->max = max;
}

/* ---- peers ---- */

static struct peer *find_peer(struct http_connections *connections, const char *network, bool is_proxy)
{
    size_t hash = 5381;
    for (const char *c = network; *c != '\0'; c++)
        hash = hash * 33 + (unsigned char)*c;
    h2o_linklist_t *bucket = &connections->buckets[hash % PEER_BUCKETS];
    for (h2o_linklist_t *at = bucket->next; at != bucket; at = at->next) {
        struct peer *peer = H2O_STRUCT_FROM_MEMBER(struct peer, in_bucket, at);
        if (!is_proxy && !peer->is_proxy && strcmp(peer->network, network) == 0)
            return peer;
    }
    struct peer *peer = h2o_mem_alloc(sizeof *peer);
    memset(peer, 0, sizeof *peer);
    peer->is_proxy = is_proxy;
    h2o_linklist_init_anchor(&peer->idle);
    snprintf(peer->network, sizeof peer->network, "%s", network);
    h2o_linklist_insert(bucket, &peer->in_bucket);
    return peer;
}

static void set_level(struct http_connections *connections, struct peer *peer, size_t count)
{
    if (h2o_linklist_is_linked(&peer->in_level))
        h2o_linklist_unlink(&peer->in_level);
    peer->count = count;
    if (count != 0)
        h2o_linklist_insert(&connections->levels[count], &peer->in_level);
    if (count > connections->highest)
        connections->highest = count;
    while (connections->highest != 0 && h2o_linklist_is_empty(&connections->levels[connections->highest]))
        connections->highest--;
    if (count != 0)
        return;
    h2o_linklist_unlink(&peer->in_bucket);
    free(peer);
}

/* Stops counting the connection. */
static void leave(struct http_connection *connection)
{
    struct peer *peer = connection->peer;
    if (peer == NULL)
        return;
    if (h2o_linklist_is_linked(&connection->in_idle))
        h2o_linklist_unlink(&connection->in_idle);
    connection->peer = NULL;
    connection->connections->count--;
    set_level(connection->connections, peer, peer->count - 1);
}

/* ---- room ---- */

/* Finds the oldest idle connection of the network with the most connections, among those with an idle one. */
static struct http_connection *find_victim(struct http_connections *connections)
{
    for (size_t level = connections->highest; level != 0; level--) {
        h2o_linklist_t *anchor = &connections->levels[level];
        for (h2o_linklist_t *at = anchor->next; at != anchor; at = at->next) {
            struct peer *peer = H2O_STRUCT_FROM_MEMBER(struct peer, in_level, at);
            if (!h2o_linklist_is_empty(&peer->idle))
                return H2O_STRUCT_FROM_MEMBER(struct http_connection, in_idle, peer->idle.next);
        }
    }
    return NULL;
}

bool http_connections_are_full(const struct http_connections *connections)
{
    return connections->count >= connections->max;
}

bool http_connections_are_too_many(const struct http_connections *connections)
{
    return connections->count > connections->max;
}

bool http_connections_make_room(struct http_connections *connections,
                                char evicted[static ADDRESS_NETWORK_BYTES])
{
    evicted[0] = '\0';
    if (!http_connections_are_full(connections))
        return true;
    struct http_connection *victim = find_victim(connections);
    if (victim == NULL)
        return false;
    memcpy(evicted, victim->peer->network, ADDRESS_NETWORK_BYTES);
    leave(victim);
    /* libh2o reads the end of input and closes the connection in its next turn. */
    shutdown(h2o_socket_get_fd(victim->socket), SHUT_RDWR);
    return true;
}

bool http_connections_are_scarce(const struct http_connections *connections)
{
    return connections->count > connections->max / 4 * 3;
}

/* ---- one connection ---- */

static void close_from_socket(void *data)
{
    http_on_connection_closed(data);
}

/* Counts the connection as an idle one of this network. */
static void join(struct http_connection *connection, const char *network, bool is_proxy)
{
    struct http_connections *connections = connection->connections;
    struct peer *peer = find_peer(connections, network, is_proxy);
    connection->peer = peer;
    connections->count++;
    set_level(connections, peer, peer->count + 1);
    h2o_linklist_insert(&peer->idle, &connection->in_idle);
}

struct http_connection *http_connection_open(const struct http_listener *listener, h2o_socket_t *socket,
                                             const struct address *peer, bool is_trusted_proxy)
{
    struct http_loop *loop = listener->loop;
    char network[ADDRESS_NETWORK_BYTES] = "";
    struct http_connection *connection = h2o_mem_alloc(sizeof *connection);
    *connection = (struct http_connection){
        .connections = listener->address == NULL ? loop->local : loop->tcp,
        .listener = listener,
        .socket = socket,
        .client = peer == NULL ? (struct address){{0}} : *peer,
        .handshake = HTTP_HANDSHAKE_UNFINISHED,
    };
    if (peer != NULL)
        address_write_network(network, peer);
    join(connection, network, is_trusted_proxy);
    socket->on_close.cb = close_from_socket;
    socket->on_close.data = connection;
    return connection;
}

const struct http_listener *http_connection_listener(const struct http_connection *connection)
{
    return connection->listener;
}

void http_connection_set_client(struct http_connection *connection, const struct address *client)
{
    char network[ADDRESS_NETWORK_BYTES];
    connection->client = *client;
    if (connection->peer == NULL)
        return; /* it was told to close */
    address_write_network(network, client);
    leave(connection);
    join(connection, network, http_is_trusted_proxy(connection->listener->loop, client));
}

const struct address *http_connection_client(const struct http_connection *connection)
{
    return &connection->client;
}

bool http_connection_makes_room(const struct http_connection *connection)
{
    return connection->peer == NULL;
}

struct http_connection *http_connection_of(h2o_socket_t *socket)
{
    return socket->on_close.data;
}

void http_connection_begin_request(struct http_connection *connection)
{
    http_deadline_end(&connection->deadline);
    if (connection->peer != NULL && h2o_linklist_is_linked(&connection->in_idle))
        h2o_linklist_unlink(&connection->in_idle);
}

void http_connection_end_request(struct http_connection *connection)
{
    http_deadline_begin(connection->listener->loop, &connection->deadline, connection->socket);
    if (connection->peer != NULL && !h2o_linklist_is_linked(&connection->in_idle))
        h2o_linklist_insert(&connection->peer->idle, &connection->in_idle);
}

void http_connection_set_handshake(struct http_connection *connection, enum http_event outcome)
{
    if (outcome == HTTP_HANDSHAKE_DONE && connection->handshake != HTTP_HANDSHAKE_DONE)
        http_deadline_begin(connection->listener->loop, &connection->deadline, connection->socket);
    connection->handshake = outcome;
}

enum http_event http_connection_closed(struct http_connection *connection)
{
    enum http_event handshake = connection->handshake;
    http_deadline_end(&connection->deadline);
    leave(connection);
    free(connection);
    return handshake;
}
