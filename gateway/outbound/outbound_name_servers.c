/* SPDX-License-Identifier: Apache-2.0 */
/* The name servers: a c-ares channel for each, and its sockets. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "gateway/outbound/outbound_internal.h"

enum {
    /* Sent again after 1, 3 and 7 seconds, within the time that the look-up has. */
    RESEND_FIRST_MS = 1000,
    SENDS = 4,
    DNS_PORT = 53,
};

static bool add_server(struct outbound *outbound, const char *text)
{
    /* Names are whole names: what resolv.conf would append to short ones is none of ours. An answer that
     * refuses is an answer: it is not hidden. */
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOCHECKRESP, .timeout = RESEND_FIRST_MS, .tries = SENDS};
    struct name_server *server = &outbound->servers[outbound->server_count];
    if (ares_init_options(&server->channel, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
        ARES_SUCCESS)
        return false;
    ++outbound->server_count;
    snprintf(server->text, sizeof(server->text), "%s", text);
    return ares_set_servers_ports_csv(server->channel, text) == ARES_SUCCESS;
}

static void make_room(struct outbound *outbound, size_t count)
{
    outbound->servers = calloc(count, sizeof(outbound->servers[0]));
    if (outbound->servers == NULL)
        end_without("memory");
}

static void format_server(char out[static NAME_SERVER_TEXT_BYTES], const struct ares_addr_port_node *node)
{
    char address[INET6_ADDRSTRLEN] = "";
    bool is_v6 = node->family == AF_INET6;
    inet_ntop(node->family, &node->addr, address, sizeof(address));
    if (node->udp_port == 0 || node->udp_port == DNS_PORT)
        snprintf(out, NAME_SERVER_TEXT_BYTES, "%s", address);
    else
        snprintf(out, NAME_SERVER_TEXT_BYTES, is_v6 ? "[%s]:%d" : "%s:%d", address, node->udp_port);
}

/* Those of resolv.conf, as c-ares reads it. */
static bool add_servers_of_system(struct outbound *outbound)
{
    ares_channel system = NULL;
    struct ares_addr_port_node *nodes = NULL;
    if (ares_init(&system) != ARES_SUCCESS)
        return false;
    bool good = ares_get_servers_ports(system, &nodes) == ARES_SUCCESS && nodes != NULL;
    size_t count = 0;
    for (const struct ares_addr_port_node *node = nodes; node != NULL; node = node->next)
        ++count;
    make_room(outbound, count + 1);
    for (const struct ares_addr_port_node *node = nodes; good && node != NULL; node = node->next) {
        char text[NAME_SERVER_TEXT_BYTES];
        format_server(text, node);
        good = add_server(outbound, text);
    }
    ares_free_data(nodes);
    ares_destroy(system);
    return good;
}

bool outbound_dns_open(struct outbound *outbound, const struct outbound_config *config, const char **why)
{
    bool good = true;
    if (config->resolver_count == 0) {
        *why = "the system's name servers cannot be read";
        good = add_servers_of_system(outbound);
    } else {
        *why = "validation.resolvers: not a list of \"address\" or \"address:port\"";
        make_room(outbound, config->resolver_count);
        for (size_t i = 0; good && i < config->resolver_count; ++i)
            good = add_server(outbound, config->resolvers[i]);
    }
    if (!good)
        outbound_dns_close(outbound);
    return good;
}

void outbound_dns_close(struct outbound *outbound)
{
    for (size_t i = 0; i < outbound->server_count; ++i)
        ares_destroy(outbound->servers[i].channel);
    free(outbound->servers);
    outbound->servers = NULL;
    outbound->server_count = 0;
}

size_t outbound_dns_fds_most(const struct outbound *outbound)
{
    return outbound->server_count * ARES_GETSOCK_MAXNUM;
}

static unsigned wait_for_server(struct name_server *server, struct curl_waitfd *fds, int64_t *timeout_ms)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned bits = (unsigned)ares_getsock(server->channel, sockets, ARES_GETSOCK_MAXNUM);
    unsigned count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        /* As ARES_GETSOCK_READABLE and _WRITABLE, which shift a signed 1 into the sign bit. */
        bool readable = (bits & 1U << i) != 0;
        bool writable = (bits & 1U << (i + ARES_GETSOCK_MAXNUM)) != 0;
        if (readable || writable)
            fds[count++] = (struct curl_waitfd){
                sockets[i], (short)((readable ? CURL_WAIT_POLLIN : 0) | (writable ? CURL_WAIT_POLLOUT : 0)),
                0};
    }
    struct timeval most = {.tv_sec = *timeout_ms / 1000, .tv_usec = *timeout_ms % 1000 * 1000};
    struct timeval wait;
    const struct timeval *next = ares_timeout(server->channel, &most, &wait);
    /* Rounded up: woken a moment too early, the thread would turn for nothing. */
    *timeout_ms = (int64_t)next->tv_sec * 1000 + (next->tv_usec + 999) / 1000;
    return count;
}

unsigned outbound_dns_wait_for(struct outbound *outbound, struct curl_waitfd *fds, int64_t *timeout_ms)
{
    unsigned count = 0;
    for (size_t i = 0; i < outbound->server_count; ++i) {
        struct name_server *server = &outbound->servers[i];
        server->fd_count = wait_for_server(server, fds + count, timeout_ms);
        count += server->fd_count;
    }
    return count;
}

static void process_server(const struct name_server *server, const struct curl_waitfd *fds)
{
    for (unsigned i = 0; i < server->fd_count; ++i) {
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
    for (size_t i = 0; i < outbound->server_count; ++i) {
        process_server(&outbound->servers[i], fds);
        fds += outbound->servers[i].fd_count;
    }
}
