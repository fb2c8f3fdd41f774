/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of c-ares that differ since its version 1.31: Debian 12 has 1.18, Debian 13 has 1.34. */
#include <arpa/inet.h>

#include "acme/base/buffer.h"
#include "gateway/outbound/dns_message.h"
#include "gateway/outbound/outbound_internal.h"

#if ARES_VERSION >= 0x011f00

/* c-ares 1.31 and later keeps answers for an hour unless told otherwise: a client's new TXT record would not
 * be seen. It also sends again after five times a server's usual time, 250 ms at least, instead of a second.
 * With three more sends it waits as long as before for a server that is slow once. */
enum { SENDS_MORE = 3 };

int cares_add_options(struct ares_options *options)
{
    options->qcache_max_ttl = 0;
    options->tries += SENDS_MORE;
    return ARES_OPT_QUERY_CACHE;
}

static void on_answer(void *context, ares_status_t status, size_t timeouts, const ares_dns_record_t *answer)
{
    (void)timeouts;
    unsigned char *octets = NULL;
    size_t length = 0;
    if (answer != NULL) {
        ares_status_t written = ares_dns_write(answer, &octets, &length);
        status = written == ARES_SUCCESS ? status : written;
    }
    struct cares_question *question = context;
    question->answered(question, (int)status, bytes_of(octets, length));
    ares_free_string(octets);
}

void cares_query(ares_channel channel, const char *name, int type, struct cares_question *question)
{
    ares_query_dnsrec(channel, name, ARES_CLASS_IN, (ares_dns_rec_type_t)type, on_answer, question, NULL);
}

char *cares_servers(struct arena *arena, ares_channel channel)
{
    char *servers = ares_get_servers_csv(channel);
    char *copy = arena_duplicate(arena, servers);
    ares_free_string(servers);
    return copy;
}

#else

enum { DNS_PORT = 53, SERVERS_MAX_BYTES = 4096 };

int cares_add_options(struct ares_options *options)
{
    (void)options;
    return 0;
}

static void on_answer(void *context, int status, int timeouts, unsigned char *octets, int length)
{
    (void)timeouts;
    struct cares_question *question = context;
    question->answered(question, status,
                       bytes_of(octets, octets == NULL || length <= 0 ? 0 : (size_t)length));
}

void cares_query(ares_channel channel, const char *name, int type, struct cares_question *question)
{
    ares_query(channel, name, DNS_CLASS_INTERNET, type, on_answer, question);
}

static void add_server(struct buffer *servers, const struct ares_addr_port_node *node)
{
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(node->family, &node->addr, address, sizeof address);
    buffer_append_string(servers, servers->n == 0 ? "" : ",");
    if (node->udp_port == 0 || node->udp_port == DNS_PORT)
        buffer_append_string(servers, address);
    else
        buffer_printf(servers, node->family == AF_INET6 ? "[%s]:%d" : "%s:%d", address, node->udp_port);
}

char *cares_servers(struct arena *arena, ares_channel channel)
{
    struct ares_addr_port_node *nodes = NULL;
    struct buffer servers;
    if (ares_get_servers_ports(channel, &nodes) != ARES_SUCCESS)
        return NULL;
    buffer_init(&servers, arena, SERVERS_MAX_BYTES);
    for (const struct ares_addr_port_node *node = nodes; node != NULL; node = node->next)
        add_server(&servers, node);
    ares_free_data(nodes);
    return arena_string(arena, buffer_bytes(&servers));
}

#endif
