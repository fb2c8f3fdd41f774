/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/runtime/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_AT = 12 }; /* behind the prefix of a mapped address */

static const uint8_t v4_prefix[V4_AT] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct address *address)
{
    return memcmp(address->octets, v4_prefix, sizeof v4_prefix) == 0;
}

struct address address_of_v4(const uint8_t octets[static 4])
{
    struct address out;
    memcpy(out.octets, v4_prefix, sizeof v4_prefix);
    memcpy(out.octets + V4_AT, octets, sizeof out.octets - V4_AT);
    return out;
}

bool address_of_peer(struct address *out, const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        *out = address_of_v4((const uint8_t *)&((const struct sockaddr_in *)peer)->sin_addr);
    else if (peer->sa_family == AF_INET6)
        memcpy(out->octets, &((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof out->octets);
    else
        return false;
    return true;
}

bool address_parse(struct address *out, struct bytes text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET6, copy, out->octets) == 1)
        return true;
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return false;
    *out = address_of_v4((const uint8_t *)&v4);
    return true;
}

bool addresses_equal(const struct address *a, const struct address *b)
{
    return memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

void address_write(char out[static INET6_ADDRSTRLEN], const struct address *address)
{
    if (is_v4(address))
        inet_ntop(AF_INET, address->octets + V4_AT, out, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, address->octets, out, INET6_ADDRSTRLEN);
}

void address_write_network(char out[static ADDRESS_NETWORK_BYTES], const struct address *address)
{
    enum { NETWORK_OCTETS = 8 };
    static const char suffix[] = "/64";
    struct address network = {{0}};
    if (is_v4(address)) {
        address_write(out, address);
        return;
    }
    memcpy(network.octets, address->octets, NETWORK_OCTETS);
    inet_ntop(AF_INET6, network.octets, out, INET6_ADDRSTRLEN);
    memcpy(out + strlen(out), suffix, sizeof suffix);
}
