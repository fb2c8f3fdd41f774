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

static bool add_server(struct name_servers *names, const char *text)
{
    struct name_server *server = &names->server[names->count];
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
    names->count++;
    snprintf(server->text, sizeof server->text, "%s", text);
    return ares_set_servers_ports_csv(server->channel, text) == ARES_SUCCESS;
}

/* With room for so many. */
static struct name_servers *names_new(size_t most)
{
    struct name_servers *names = calloc(1, sizeof *names + most * sizeof names->server[0]);
    if (names == NULL)
        end_without("memory");
    return names;
}

/* NULL when one cannot be used. */
static struct name_servers *open_list(char *list)
{
    size_t most = 1;
    for (const char *at = list; *at != '\0'; at++)
        most += *at == ',';
    struct name_servers *names = names_new(most);
    for (const char *text; (text = strsep(&list, ",")) != NULL;)
        if (!add_server(names, text)) {
            outbound_name_servers_free(names);
            return NULL;
        }
    return names;
}

/* Opens the servers of resolv.conf, as c-ares reads it. */
static struct name_servers *open_those_of_system(struct fault *fault)
{
    ares_channel system = NULL;
    struct name_servers *names = NULL;
    if (ares_init_options(&system, NULL, 0) == ARES_SUCCESS) {
        struct arena *arena = arena_new();
        char *list = cares_servers(arena, system);
        if (list != NULL && *list != '\0')
            names = open_list(list);
        arena_free(arena);
        ares_destroy(system);
    }
    if (names == NULL)
        fault_set(fault, "the system's name servers cannot be read");
    return names;
}

struct name_servers *outbound_name_servers_open(const struct outbound_config *config, struct fault *fault)
{
    if (config->resolver_count == 0)
        return open_those_of_system(fault);
    struct name_servers *names = names_new(config->resolver_count);
    for (size_t i = 0; i < config->resolver_count; i++)
        if (!add_server(names, config->resolvers[i])) {
            fault_set(fault, "validation.resolvers: \"%s\" is not an \"address\" or \"address:port\"",
                      config->resolvers[i]);
            outbound_name_servers_free(names);
            return NULL;
        }
    return names;
}

void outbound_name_servers_free(struct name_servers *names)
{
    if (names == NULL)
        return;
    for (size_t i = 0; i < names->count; i++) {
        ares_destroy(names->server[i].channel);
        free(names->server[i].sockets);
    }
    free(names);
}

static void run_use(struct outbound_message *message)
{
    struct name_servers *names = (struct name_servers *)message;
    names->next = names->outbound->names;
    names->outbound->names = names;
}

void outbound_name_servers_use(struct outbound *outbound, struct name_servers *names)
{
    names->use.run = run_use;
    names->outbound = outbound;
    outbound_post(outbound, &names->use);
}

void outbound_dns_drop_unused(struct outbound *outbound)
{
    for (struct name_servers **at = &outbound->names->next; *at != NULL;) {
        struct name_servers *names = *at;
        if (names->look_ups != 0) {
            at = &names->next;
            continue;
        }
        *at = names->next;
        outbound_name_servers_free(names);
    }
}

void outbound_dns_close(struct outbound *outbound)
{
    while (outbound->names != NULL) {
        struct name_servers *names = outbound->names;
        outbound->names = names->next;
        outbound_name_servers_free(names);
    }
}

size_t outbound_dns_fds_most(const struct outbound *outbound)
{
    size_t most = 0;
    for (const struct name_servers *names = outbound->names; names != NULL; names = names->next)
        for (size_t i = 0; i < names->count; i++)
            most += names->server[i].socket_count;
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
    for (struct name_servers *names = outbound->names; names != NULL; names = names->next)
        for (size_t i = 0; i < names->count; i++) {
            struct name_server *server = &names->server[i];
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
    for (const struct name_servers *names = outbound->names; names != NULL; names = names->next)
        for (size_t i = 0; i < names->count; i++) {
            process_server(&names->server[i], fds);
            fds += names->server[i].fd_count;
        }
}
