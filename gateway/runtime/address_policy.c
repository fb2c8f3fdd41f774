/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/address_policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_MAPPED_PREFIX_BITS = 96 };

const struct special_network special_networks[] = {
    {"0.0.0.0/8", false, "this network", "RFC 791"},
    {"10.0.0.0/8", true, "private use", "RFC 1918"},
    {"100.64.0.0/10", true, "shared address space, used by carriers and by VPNs", "RFC 6598"},
    {"100.100.100.100/32", false, "Tailscale's service on this host", "Tailscale"},
    {"100.100.100.200/32", false, "metadata service", "Alibaba Cloud"},
    {"127.0.0.0/8", false, "loopback", "RFC 1122"},
    {"168.63.129.16/32", false, "platform and metadata service", "Azure"},
    {"169.254.0.0/16", false, "link-local, with the metadata services of most clouds", "RFC 3927"},
    {"172.16.0.0/12", true, "private use", "RFC 1918"},
    {"192.0.0.0/24", false, "protocol assignments, with the metadata service of Oracle Cloud", "RFC 6890"},
    {"192.0.2.0/24", false, "documentation", "RFC 5737"},
    {"192.88.99.0/24", false, "6to4 relays, deprecated", "RFC 7526"},
    {"192.168.0.0/16", true, "private use", "RFC 1918"},
    {"198.18.0.0/15", false, "benchmarking", "RFC 2544"},
    {"198.51.100.0/24", false, "documentation", "RFC 5737"},
    {"203.0.113.0/24", false, "documentation", "RFC 5737"},
    {"224.0.0.0/4", false, "multicast", "RFC 5771"},
    {"240.0.0.0/4", false, "reserved, and broadcast", "RFC 1112"},
    {"::/0", false, "not assigned", "RFC 4291"},
    {"::/96", false, "IPv4-compatible: IPv4 addresses in disguise", "RFC 4291"},
    {"::/128", false, "unspecified", "RFC 4291"},
    {"::1/128", false, "loopback", "RFC 4291"},
    {"::ffff:0:0:0/96", false, "IPv4-translated: the same", "RFC 2765"},
    {"64:ff9b::/96", false, "NAT64: the same", "RFC 6052"},
    {"64:ff9b:1::/48", false, "NAT64 with a local prefix: the same", "RFC 8215"},
    {"100::/64", false, "discarded", "RFC 6666"},
    {"100:0:0:1::/64", false, "dummy prefix", "RFC 9780"},
    {"2000::/3", true, "global unicast", "RFC 4291"},
    {"2001::/23", false, "protocol assignments: Teredo, benchmarking and ORCHID among them", "RFC 2928"},
    {"2001:db8::/32", false, "documentation", "RFC 3849"},
    {"2002::/16", false, "6to4: IPv4 addresses in disguise", "RFC 3056"},
    {"3fff::/20", false, "documentation", "RFC 9637"},
    {"5f00::/16", false, "segment identifiers of SRv6", "RFC 9602"},
    {"fc00::/7", true, "unique local, which is private use", "RFC 4193"},
    {"fd00:42::42/128", false, "metadata service", "Scaleway"},
    {"fd00:c1::a9fe:a9fe/128", false, "metadata service", "Oracle Cloud"},
    {"fd00:ec2::/32", false, "metadata, DNS and time services", "AWS"},
    {"fd20:ce::/64", false, "metadata service", "Google Cloud"},
    {"fd7a:115c:a1e0::53/128", false, "Tailscale's service on this host", "Tailscale"},
    {"fe80::/10", false, "link-local", "RFC 4291"},
    {"fec0::/10", false, "site-local, deprecated", "RFC 3879"},
    {"ff00::/8", false, "multicast", "RFC 4291"},
};
const size_t special_network_count = sizeof special_networks / sizeof special_networks[0];

static void v4_to_mapped(uint8_t out[static 16], const void *v4)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(out, prefix, sizeof prefix);
    memcpy(out + sizeof prefix, v4, 4);
}

static bool to_octets(const struct sockaddr *address, uint8_t out[static 16])
{
    if (address->sa_family == AF_INET) {
        v4_to_mapped(out, &((const struct sockaddr_in *)address)->sin_addr);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    return true;
}

static bool network_contains(const struct network *network, const uint8_t address[static 16])
{
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (memcmp(network->address, address, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00U >> rest);
    return rest == 0 || ((network->address[whole] ^ address[whole]) & mask) == 0;
}

/* IPv4 addresses are kept behind ::ffff:0:0/96. Only the rows of IPv4 apply to them. */
static bool is_v4(const uint8_t address[static 16])
{
    static const struct network mapped = {{[10] = 0xff, [11] = 0xff}, V4_MAPPED_PREFIX_BITS};
    return network_contains(&mapped, address);
}

/* An IPv6 network, "::/0" included, holds no IPv4 address. */
static bool network_holds(const struct network *network, const uint8_t address[static 16])
{
    return network_contains(network, address) &&
           (!is_v4(address) || network->prefix_bits >= V4_MAPPED_PREFIX_BITS);
}

const struct special_network *special_network_of(const struct sockaddr *address)
{
    uint8_t octets[16];
    const struct special_network *found = NULL;
    unsigned found_bits = 0;
    if (!to_octets(address, octets))
        return NULL;
    for (size_t i = 0; i < special_network_count; i++) {
        struct network network;
        bool holds = network_parse(special_networks[i].prefix, &network) && network_holds(&network, octets);
        if (holds && (found == NULL || network.prefix_bits >= found_bits)) {
            found = &special_networks[i];
            found_bits = network.prefix_bits;
        }
    }
    return found;
}

bool address_is_allowed(const struct sockaddr *address, const struct network *allowed, size_t allowed_count)
{
    uint8_t octets[16];
    if (!to_octets(address, octets))
        return false;
    for (size_t i = 0; i < allowed_count; i++)
        if (network_holds(&allowed[i], octets))
            return true;
    const struct special_network *special = special_network_of(address);
    return special == NULL || special->is_dialled;
}

bool networks_hold_address(const struct network *networks, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (network_holds(&networks[i], address->octets))
            return true;
    return false;
}

bool networks_hold(const struct network *networks, size_t count, const char *address)
{
    struct address own;
    return address_parse(&own, bytes_from_string(address)) && networks_hold_address(networks, count, &own);
}

bool networks_overlap(const struct network *a, const struct network *b)
{
    return a->prefix_bits <= b->prefix_bits ? network_holds(a, b->address) : network_holds(b, a->address);
}

void address_format(char out[static INET6_ADDRSTRLEN], const struct sockaddr *address)
{
    const void *octets = address->sa_family == AF_INET6
                             ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (inet_ntop(address->sa_family, octets, out, INET6_ADDRSTRLEN) == NULL)
        snprintf(out, INET6_ADDRSTRLEN, "unknown");
}

static bool parse_prefix(const char *text, unsigned most, unsigned *out)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long bits = strtoul(text, &end, 10);
    *out = (unsigned)bits;
    return *end == '\0' && bits <= most;
}

/* Octets behind the prefix must be zero: "10.0.0.1/8" is more likely a slip than a wish. */
static bool is_whole_network(const struct network *network)
{
    for (unsigned bit = network->prefix_bits; bit < 128; bit++)
        if ((network->address[bit / 8] & 0x80U >> bit % 8) != 0)
            return false;
    return true;
}

bool network_parse(const char *text, struct network *out)
{
    char host[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t host_length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (host_length >= sizeof host)
        return false;
    memcpy(host, text, host_length);
    host[host_length] = '\0';
    struct in_addr v4;
    bool is_v4 = inet_pton(AF_INET, host, &v4) == 1;
    if (is_v4)
        v4_to_mapped(out->address, &v4);
    else if (inet_pton(AF_INET6, host, out->address) != 1)
        return false;
    unsigned most = is_v4 ? 32 : 128;
    unsigned bits = most;
    if (slash != NULL && !parse_prefix(slash + 1, most, &bits))
        return false;
    out->prefix_bits = bits + (is_v4 ? V4_MAPPED_PREFIX_BITS : 0);
    return is_whole_network(out);
}
