/* SPDX-License-Identifier: Apache-2.0 */
/* The name servers: a c-ares channel for each, and its sockets. */
#include <stdlib.h>

#include "gateway/outbound/outbound_internal.h"

enum {
    /* Queries are sent again after 1, 3 and 7 seconds, within the look-up's time. */
    RESEND_FIRST_MS = 1000,
    SENDS = 4,
};

static struct curl_waitfd *find_socket(struct name_server *server, ares_socket_t fd)
{
    for (unsigned i = 0; i < server->socket_count; i++)
        if (server->sockets[i].fd == fd)
            return &server->sockets[i];
    return NULL;
}

static struct curl_waitfd *add_socket(struct name_server *server, ares_socket_t fd)
{
    if (server->socket_count == server->socket_capacity) {
        unsigned capacity = 2 * server->socket_capacity + 2;
        struct curl_waitfd *sockets = realloc(server->sockets, capacity * sizeof sockets[0]);
        if (sockets == NULL)
            end_without("memory");
        server->sockets = sockets;
        server->socket_capacity = capacity;
    }
    struct curl_waitfd *added = &server->sockets[server->socket_count++];
    *added = (struct curl_waitfd){.fd = fd};
    return added;
}

/* Called also for a socket that c-ares closes: it then waits for nothing. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
    struct name_server *server = context;
    struct curl_waitfd *found = find_socket(server, fd);
    if (readable == 0 && writable == 0) {
        if (found != NULL)
            *found = server->sockets[--server->socket_count];
        return;
    }
    if (found == NULL)
        found = add_socket(server, fd);
    found->events = (short)((readable != 0 ? CURL_WAIT_POLLIN : 0) | (writable != 0 ? CURL_WAIT_POLLOUT : 0));
}

static bool add_server(struct outbound *outbound, const char *text)
{
    struct name_server *server = &outbound->servers[outbound->server_count];
    /* Names are complete: the search list of resolv.conf is not used. A refusal is an answer: it is not
     * hidden. */
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOCHECKRESP,
                                   .timeout = RESEND_FIRST_MS,
                                   .tries = SENDS,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = server};
    int set = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
              cares_add_options(&options);
    if (ares_init_options(&server->channel, &options, set) != ARES_SUCCESS)
        return false;
    outbound->server_count++;
    snprintf(server->text, sizeof server->text, "%s", text);
    return ares_set_servers_ports_csv(server->channel, text) == ARES_SUCCESS;
}

static void make_room(struct outbound *outbound, size_t count)
{
    outbound->servers = calloc(count, sizeof outbound->servers[0]);
    if (outbound->servers == NULL)
        end_without("memory");
}

static bool add_servers(struct outbound *outbound, char *list)
{
    size_t most = 1;
    for (const char *at = list; *at != '\0'; at++)
        most += *at == ',';
    make_room(outbound, most);
    bool good = true;
    for (const char *text; good && (text = strsep(&list, ",")) != NULL;)
        good = add_server(outbound, text);
    return good;
}

/* Adds the servers of resolv.conf, as c-ares reads it. */
static bool add_servers_of_system(struct outbound *outbound)
{
    ares_channel system = NULL;
    if (ares_init_options(&system, NULL, 0) != ARES_SUCCESS)
        return false;
    struct arena *arena = arena_new();
    char *list = cares_servers(arena, system);
    bool good = list != NULL && *list != '\0' && add_servers(outbound, list);
    arena_free(arena);
    ares_destroy(system);
    return good;
}

bool outbound_dns_open(struct outbound *outbound, const struct outbound_config *config, struct fault *fault)
{
    bool good = true;
    if (config->resolver_count == 0) {
        good =
            add_servers_of_system(outbound) || fault_set(fault, "the system's name servers cannot be read");
    } else {
        make_room(outbound, config->resolver_count);
        for (size_t i = 0; good && i < config->resolver_count; i++)
            good = add_server(outbound, config->resolvers[i]) ||
                   fault_set(fault, "validation.resolvers: \"%s\" is not an \"address\" or \"address:port\"",
                             config->resolvers[i]);
    }
    if (!good)
        outbound_dns_close(outbound);
    return good;
}

void outbound_dns_close(struct outbound *outbound)
{
    for (size_t i = 0; i < outbound->server_count; i++) {
        ares_destroy(outbound->servers[i].channel);
        free(outbound->servers[i].sockets);
    }
    free(outbound->servers);
    outbound->servers = NULL;
    outbound->server_count = 0;
}

size_t outbound_dns_fds_most(const struct outbound *outbound)
{
    size_t most = 0;
    for (size_t i = 0; i < outbound->server_count; i++)
        most += outbound->servers[i].socket_count;
    return most;
}

static unsigned wait_for_server(struct name_server *server, struct curl_waitfd *fds, int64_t *timeout_ms)
{
    for (unsigned i = 0; i < server->socket_count; i++)
        fds[i] = server->sockets[i];
    struct timeval most = {.tv_sec = *timeout_ms / 1000, .tv_usec = *timeout_ms % 1000 * 1000};
    struct timeval wait;
    const struct timeval *next = ares_timeout(server->channel, &most, &wait);
    /* Rounded up: if the thread woke too early, it would turn once in vain. */
    *timeout_ms = (int64_t)next->tv_sec * 1000 + (next->tv_usec + 999) / 1000;
    return server->socket_count;
}

unsigned outbound_dns_wait_for(struct outbound *outbound, struct curl_waitfd *fds, int64_t *timeout_ms)
{
    unsigned count = 0;
    for (size_t i = 0; i < outbound->server_count; i++) {
        struct name_server *server = &outbound->servers[i];
        server->fd_count = wait_for_server(server, fds + count, timeout_ms);
        count += server->fd_count;
    }
    return count;
}

static void process_server(const struct name_server *server, const struct curl_waitfd *fds)
{
    for (unsigned i = 0; i < server->fd_count; i++) {
        bool readable = (fds[i].revents & CURL_WAIT_POLLIN) != 0;
        bool writable = (fds[i].revents & CURL_WAIT_POLLOUT) != 0;
        if (readable || writable)
            ares_process_fd(server->channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
                            writable ? fds[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(server->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void outbound_dns_process(struct outbound *outbound, const struct curl_waitfd *fds)
{
    for (size_t i = 0; i < outbound->server_count; i++) {
        process_server(&outbound->servers[i], fds);
        fds += outbound->servers[i].fd_count;
    }
}
