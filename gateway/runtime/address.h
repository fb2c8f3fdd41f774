/* SPDX-License-Identifier: Apache-2.0 */
/* The IP addresses of clients and of proxies: read and written. networks_hold_address compares them. */
#pragma once

#include <netinet/in.h>

#include "acme/base/bytes.h"

struct address {
    uint8_t octets[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* False for anything that is not IPv4 or IPv6, such as a Unix socket. */
[[gnu::warn_unused_result]] bool address_of_peer(struct address *out, const struct sockaddr *peer);

/* The address of four octets in network order. */
struct address address_of_v4(const uint8_t octets[static 4]);

/* Reads the numeric form: "192.0.2.7" or "2001:db8::7", without brackets, port or zone. */
[[gnu::warn_unused_result]] bool address_parse(struct address *out, struct bytes text);

bool addresses_equal(const struct address *a, const struct address *b);

/* Writes "192.0.2.7", also for ::ffff:192.0.2.7, or "2001:db8::7". */
void address_write(char out[static INET6_ADDRSTRLEN], const struct address *address);

/* Writes the name under which an address counts as one client. For IPv4 it is the address. For IPv6 it is
 * "2001:db8:0:7::/64", because its holder has all addresses of that network. */
enum { ADDRESS_NETWORK_BYTES = INET6_ADDRSTRLEN + 4 };
void address_write_network(char out[static ADDRESS_NETWORK_BYTES], const struct address *address);
