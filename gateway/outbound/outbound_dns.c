#include <arpa/nameser.h>
#include <stdlib.h>

#include "acme/base/buffer.h"
#include "gateway/outbound/outbound_internal.h"

/* RFC 8659 §4.1.1; Debian's header does not name it. */
enum { TYPE_CAA = 257 };
enum {
    DNS_TRIES = 2,
    MAX_CAA_RECORDS = 64,
    SERVERS_MAX_BYTES = 4 * 1024,
    TEXT_MAX_BYTES = 64 * 1024,
    MAX_TEXTS = 256
};

static bool set_servers(struct outbound *outbound, const struct outbound_config *config, const char **why)
{
    if (config->resolver_count == 0)
        return true;
    struct arena *arena = arena_new();
    struct buffer list;
    buffer_init(&list, arena, SERVERS_MAX_BYTES);
    for (size_t i = 0; i < config->resolver_count; ++i)
        buffer_printf(&list, "%s%s", i == 0 ? "" : ",", config->resolvers[i]);
    bool good = ares_set_servers_ports_csv(outbound->channel, buffer_string(&list)) == ARES_SUCCESS;
    arena_free(arena);
    if (!good)
        *why = "validation.resolvers: not a list of \"address\" or \"address:port\"";
    return good;
}

bool outbound_dns_open(struct outbound *outbound, const struct outbound_config *config, const char **why)
{
    /* Names are whole names: what resolv.conf would append to short ones is none of ours. The hosts file
     * comes first. */
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH,
                                   .timeout = (int)(config->dns_timeout_ms / DNS_TRIES),
                                   .tries = DNS_TRIES,
                                   .lookups = (char[]){"fb"}};
    if (ares_init_options(&outbound->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS) !=
        ARES_SUCCESS) {
        *why = "c-ares could not be initialized";
        return false;
    }
    if (set_servers(outbound, config, why))
        return true;
    ares_destroy(outbound->channel);
    return false;
}

unsigned outbound_dns_wait_for(struct outbound *outbound, struct curl_waitfd *fds, int64_t *timeout_ms)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned bits = (unsigned)ares_getsock(outbound->channel, sockets, ARES_GETSOCK_MAXNUM);
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
    const struct timeval *next = ares_timeout(outbound->channel, &most, &wait);
    /* Rounded up: woken a moment too early, the thread would turn for nothing. */
    *timeout_ms = (int64_t)next->tv_sec * 1000 + (next->tv_usec + 999) / 1000;
    return count;
}

void outbound_dns_process(struct outbound *outbound, const struct curl_waitfd *fds, unsigned count)
{
    for (unsigned i = 0; i < count; ++i) {
        bool readable = (fds[i].revents & CURL_WAIT_POLLIN) != 0;
        bool writable = (fds[i].revents & CURL_WAIT_POLLOUT) != 0;
        if (readable || writable)
            ares_process_fd(outbound->channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
                            writable ? fds[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(outbound->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static bool is_no_such_name(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA;
}

/* ---- addresses ---- */

struct address_query {
    void (*done)(void *context, const struct outbound_addresses *addresses);
    void *context;
};

static void add_addresses(struct outbound_addresses *out, const struct ares_addrinfo *result, int family)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node != NULL; node = node->ai_next) {
        if (node->ai_family != family || out->count == OUTBOUND_MAX_ADDRESSES ||
            node->ai_addrlen > sizeof(out->address[0]))
            continue;
        memcpy(&out->address[out->count++], node->ai_addr, node->ai_addrlen);
    }
}

static void on_addresses(void *context, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts;
    struct address_query *query = context;
    struct outbound_addresses addresses = {0};
    if (status == ARES_SUCCESS) {
        add_addresses(&addresses, result, AF_INET6);
        add_addresses(&addresses, result, AF_INET);
    } else if (is_no_such_name(status)) {
        addresses.no_such_name = true;
    } else {
        addresses.error = ares_strerror(status);
    }
    if (result != NULL)
        ares_freeaddrinfo(result);
    if (status != ARES_EDESTRUCTION)
        query->done(query->context, &addresses);
    free(query);
}

void outbound_resolve(struct outbound *outbound, const char *host,
                      void (*done)(void *context, const struct outbound_addresses *addresses), void *context)
{
    struct address_query *query = malloc(sizeof(*query));
    if (query == NULL)
        end_without("memory");
    *query = (struct address_query){done, context};
    /* The order is ours: IPv6 first. c-ares' own sorting would open a socket to every address. */
    struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(outbound->channel, host, NULL, &hints, on_addresses, query);
}

/* ---- TXT ---- */

struct text_query {
    void (*done)(void *context, const struct outbound_texts *texts);
    void *context;
};

/* Each record's strings come one by one, the first of a record marked as such. */
static void join_texts(struct arena *arena, const struct ares_txt_ext *replies, struct outbound_texts *out)
{
    struct buffer *buffers = arena_alloc_array(arena, MAX_TEXTS, sizeof(buffers[0]));
    out->texts = arena_alloc_array(arena, MAX_TEXTS, sizeof(out->texts[0]));
    for (const struct ares_txt_ext *reply = replies; reply != NULL; reply = reply->next) {
        if (reply->record_start || out->count == 0) {
            if (out->count == MAX_TEXTS)
                break;
            buffer_init(&buffers[out->count++], arena, TEXT_MAX_BYTES);
        }
        buffer_append(&buffers[out->count - 1], bytes_of(reply->txt, reply->length));
    }
    for (size_t i = 0; i < out->count; ++i)
        out->texts[i] = buffer_bytes(&buffers[i]);
}

static void on_texts(void *context, int status, int timeouts, unsigned char *reply, int length)
{
    (void)timeouts;
    struct text_query *query = context;
    struct outbound_texts texts = {0};
    struct ares_txt_ext *replies = NULL;
    struct arena *arena = arena_new();
    if (status == ARES_SUCCESS)
        status = ares_parse_txt_reply_ext(reply, length, &replies);
    if (status == ARES_SUCCESS)
        join_texts(arena, replies, &texts);
    else if (is_no_such_name(status))
        texts.no_such_name = true;
    else
        texts.error = ares_strerror(status);
    if (status != ARES_EDESTRUCTION)
        query->done(query->context, &texts);
    if (replies != NULL)
        ares_free_data(replies);
    arena_free(arena);
    free(query);
}

void outbound_resolve_txt(struct outbound *outbound, const char *name,
                          void (*done)(void *context, const struct outbound_texts *texts), void *context)
{
    struct text_query *query = malloc(sizeof(*query));
    if (query == NULL)
        end_without("memory");
    *query = (struct text_query){done, context};
    ares_query(outbound->channel, name, ns_c_in, ns_t_txt, on_texts, query);
}

/* ---- CAA ---- */

struct caa_query {
    void (*done)(void *context, const struct outbound_caa *found);
    void *context;
};

/* Whatever is not read could forbid: more records than are read are an error. */
static void take_records(struct arena *arena, const struct ares_caa_reply *replies, struct outbound_caa *out)
{
    struct caa_record *records = arena_alloc_array(arena, MAX_CAA_RECORDS, sizeof(records[0]));
    for (const struct ares_caa_reply *reply = replies; reply != NULL; reply = reply->next) {
        if (out->count == MAX_CAA_RECORDS) {
            *out = (struct outbound_caa){.error = "more than 64 CAA records"};
            return;
        }
        records[out->count++] = (struct caa_record){.critical = (reply->critical & 128) != 0,
                                                    .tag = bytes_of(reply->property, reply->plength),
                                                    .value = bytes_of(reply->value, reply->length)};
    }
    out->records = records;
}

static void on_caa(void *context, int status, int timeouts, unsigned char *reply, int length)
{
    (void)timeouts;
    struct caa_query *query = context;
    struct outbound_caa found = {0};
    struct ares_caa_reply *replies = NULL;
    struct arena *arena = arena_new();
    if (status == ARES_SUCCESS)
        status = ares_parse_caa_reply(reply, length, &replies);
    if (status == ARES_SUCCESS)
        take_records(arena, replies, &found);
    else if (!is_no_such_name(status))
        found.error = ares_strerror(status);
    if (status != ARES_EDESTRUCTION)
        query->done(query->context, &found);
    if (replies != NULL)
        ares_free_data(replies);
    arena_free(arena);
    free(query);
}

void outbound_resolve_caa(struct outbound *outbound, const char *name,
                          void (*done)(void *context, const struct outbound_caa *found), void *context)
{
    struct caa_query *query = malloc(sizeof(*query));
    if (query == NULL)
        end_without("memory");
    *query = (struct caa_query){done, context};
    ares_query(outbound->channel, name, ns_c_in, TYPE_CAA, on_caa, query);
}
