/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http_forwarded.h"

#include "acme/base/host_port.h"
#include "gateway/http/http_framing.h"

enum { NODE_MAX_BYTES = 64 }; /* an address in brackets with a port */

/* Takes the elements from left to right. A trusted proxy counts only as the leftmost, or directly behind an
 * element that ended the walk from the right. */
static void take_element(struct http_forwarded *list, const struct address *address,
                         const struct network *proxies, size_t proxy_count)
{
    bool ends_the_walk = address == NULL || !networks_hold_address(proxies, proxy_count, address);
    if (address != NULL && (ends_the_walk || !list->seen || list->is_unclear))
        list->client = *address;
    list->is_unclear = address == NULL;
    list->seen = true;
}

/* Reads an IPv4 address or an IPv6 address in brackets, either with or without a port. */
static bool read_host(struct bytes text, struct address *out)
{
    struct host_port parts;
    return text.n != 0 && host_port_parse(text, &parts) && address_parse(out, parts.host) &&
           parts.bracketed == (memchr(parts.host.p, ':', parts.host.n) != NULL);
}

void http_forwarded_take_x(struct http_forwarded *list, struct bytes line, const struct network *proxies,
                           size_t proxy_count)
{
    while (line.n != 0) {
        const uint8_t *comma = memchr(line.p, ',', line.n);
        size_t n = comma == NULL ? line.n : (size_t)(comma - line.p);
        struct bytes element = http_trim(bytes_of(line.p, n));
        struct address address;
        bool good = address_parse(&address, element) || read_host(element, &address);
        if (element.n != 0)
            take_element(list, good ? &address : NULL, proxies, proxy_count);
        n += comma == NULL ? 0 : 1;
        line = bytes_of(line.p + n, line.n - n);
    }
}

/* ---- Forwarded ---- */

struct reader {
    struct bytes rest;
};

/* The next octet; NUL, which no field's value holds, at the end. */
static uint8_t peek(const struct reader *reader)
{
    return reader->rest.n == 0 ? '\0' : *reader->rest.p;
}

static struct bytes skip(struct reader *reader, size_t n)
{
    struct bytes skipped = bytes_of(reader->rest.p, n);
    reader->rest = bytes_of(reader->rest.p + n, reader->rest.n - n);
    return skipped;
}

static void skip_white_space(struct reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t')
        skip(reader, 1);
}

static struct bytes take_token(struct reader *reader)
{
    size_t n = 0;
    while (n < reader->rest.n && http_is_token(bytes_of(reader->rest.p + n, 1)))
        n++;
    return skip(reader, n);
}

/* A value of `for`, without the quotes and escapes that may be around it. */
struct node {
    uint8_t octets[NODE_MAX_BYTES];
    size_t n; /* may be larger than NODE_MAX_BYTES: the octets behind are not kept */
};

static void add_octet(struct node *node, uint8_t octet)
{
    if (node->n < sizeof node->octets)
        node->octets[node->n] = octet;
    node->n++;
}

/* Reads behind the opening quote. False when the string does not end. */
static bool take_quoted(struct reader *reader, struct node *out)
{
    while (peek(reader) != '"') {
        if (peek(reader) == '\\')
            skip(reader, 1);
        if (reader->rest.n == 0)
            return false;
        add_octet(out, *skip(reader, 1).p);
    }
    skip(reader, 1);
    return true;
}

static bool take_value(struct reader *reader, struct node *out)
{
    *out = (struct node){0};
    if (peek(reader) == '"') {
        skip(reader, 1);
        return take_quoted(reader, out);
    }
    struct bytes token = take_token(reader);
    for (size_t i = 0; i < token.n; i++)
        add_octet(out, token.p[i]);
    return token.n != 0;
}

/* Reads the pairs of one element, up to its comma. False for a fault. `node` is the value of `for`, empty
 * when there is none. */
static bool take_pairs(struct reader *reader, struct node *node)
{
    *node = (struct node){0};
    for (bool seen = false;;) {
        struct node value;
        skip_white_space(reader);
        struct bytes name = take_token(reader);
        bool is_for = bytes_equal_ignore_case(name, BYTES_LITERAL("for"));
        if (name.n != 0 &&
            (peek(reader) != '=' || (skip(reader, 1), !take_value(reader, &value)) || (is_for && seen)))
            return false;
        if (is_for)
            *node = value;
        seen = seen || is_for;
        skip_white_space(reader);
        if (peek(reader) != ';')
            return reader->rest.n == 0 || peek(reader) == ',';
        skip(reader, 1);
    }
}

void http_forwarded_take(struct http_forwarded *list, struct bytes line, const struct network *proxies,
                         size_t proxy_count)
{
    struct reader reader = {line};
    while (reader.rest.n != 0) {
        struct node node;
        struct address address;
        skip_white_space(&reader);
        if (peek(&reader) != ',' && reader.rest.n != 0) {
            bool is_whole = take_pairs(&reader, &node);
            bool good = is_whole && node.n <= sizeof node.octets &&
                        read_host(bytes_of(node.octets, node.n), &address);
            take_element(list, good ? &address : NULL, proxies, proxy_count);
            if (!is_whole)
                return;
        }
        if (reader.rest.n != 0)
            skip(&reader, 1);
    }
}

/* ---- both ---- */

const char *http_forwarded_client(const struct http_forwarded *x, const struct http_forwarded *standard,
                                  struct address *client)
{
    const struct http_forwarded *list = x->seen ? x : standard;
    if (!list->seen)
        return NULL;
    if ((x->seen && x->is_unclear) || (standard->seen && standard->is_unclear))
        return x->seen && x->is_unclear ? "X-Forwarded-For holds no address for its client"
                                        : "Forwarded holds no address for its client";
    if (x->seen && standard->seen && !addresses_equal(&x->client, &standard->client))
        return "X-Forwarded-For and Forwarded name different clients";
    *client = list->client;
    return NULL;
}
