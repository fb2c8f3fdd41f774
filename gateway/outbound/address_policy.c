#include "gateway/outbound/address_policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_MAPPED_PREFIX_BITS = 96 };

/* Never dialled unless allowed: RFC 6890's special blocks that lead to this host, this link, or nowhere.
 * Private networks are not among them. */
static const char *const forbidden[] = {
    "0.0.0.0/8",        /* this host */
    "127.0.0.0/8",      /* loopback */
    "169.254.0.0/16",   /* link-local, the metadata services of clouds among them */
    "192.0.0.0/24",     /* protocol assignments */
    "224.0.0.0/4",      /* multicast */
    "240.0.0.0/4",      /* reserved, and broadcast */
    "::/128",           /* unspecified */
    "::1/128",          /* loopback */
    "64:ff9b::/96",     /* NAT64: an IPv4 address in disguise */
    "64:ff9b:1::/48",   /* the same, local */
    "2002::/16",        /* 6to4: the same */
    "2001::/32",        /* Teredo: the same */
    "fe80::/10",        /* link-local */
    "fec0::/10",        /* site-local, long gone */
    "ff00::/8",         /* multicast */
    "fd00:ec2::254/128" /* the metadata service of one cloud, in an otherwise private block */
};

static void v4_to_mapped(uint8_t out[static 16], const void *v4)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(out, prefix, sizeof(prefix));
    memcpy(out + sizeof(prefix), v4, 4);
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

static bool is_forbidden(const uint8_t address[static 16])
{
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); ++i) {
        struct network network;
        if (!network_parse(forbidden[i], &network) || network_contains(&network, address))
            return true;
    }
    return false;
}

bool address_is_allowed(const struct sockaddr *address, const struct network *allowed, size_t allowed_count)
{
    uint8_t octets[16];
    if (!to_octets(address, octets))
        return false;
    for (size_t i = 0; i < allowed_count; ++i)
        if (network_contains(&allowed[i], octets))
            return true;
    return !is_forbidden(octets);
}

bool networks_hold(const struct network *networks, size_t count, const char *address)
{
    struct network own;
    if (count == 0 || !network_parse(address, &own))
        return false;
    for (size_t i = 0; i < count; ++i)
        if (network_contains(&networks[i], own.address))
            return true;
    return false;
}

void address_format(char out[static INET6_ADDRSTRLEN], const struct sockaddr *address)
{
    const void *octets = address->sa_family == AF_INET6
                             ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (inet_ntop(address->sa_family, octets, out, INET6_ADDRSTRLEN) == NULL)
        snprintf(out, INET6_ADDRSTRLEN, "unknown");
}

void address_format_network(char out[static ADDRESS_NETWORK_BYTES], const struct sockaddr *address)
{
    enum { HOST_OCTETS = 8 };
    static const char suffix[] = "/64";
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    uint8_t *octets = v6.sin6_addr.s6_addr;
    if (!to_octets(address, octets)) {
        snprintf(out, ADDRESS_NETWORK_BYTES, "unknown");
        return;
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        memcpy(&v4.sin_addr, octets + sizeof(v6.sin6_addr) - sizeof(v4.sin_addr), sizeof(v4.sin_addr));
        address_format(out, (const struct sockaddr *)&v4);
        return;
    }
    memset(octets + HOST_OCTETS, 0, HOST_OCTETS);
    address_format(out, (const struct sockaddr *)&v6);
    memcpy(out + strlen(out), suffix, sizeof(suffix));
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

/* Octets behind the prefix must be zero: "10.0.0.1/8" is rather a slip than a wish. */
static bool is_whole_network(const struct network *network)
{
    for (unsigned bit = network->prefix_bits; bit < 128; ++bit)
        if ((network->address[bit / 8] & 0x80U >> bit % 8) != 0)
            return false;
    return true;
}

bool network_parse(const char *text, struct network *out)
{
    char host[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t host_length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (host_length >= sizeof(host))
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
