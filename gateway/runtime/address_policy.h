/* SPDX-License-Identifier: Apache-2.0 */
/* Decides which addresses a validation may dial (against server-side request forgery). */
#pragma once

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/runtime/address.h"

struct network {
    uint8_t address[16];  /* IPv4 as ::ffff:a.b.c.d */
    unsigned prefix_bits; /* 0 to 128 */
};

/*
 * The networks with a known special use: those of the IANA special-purpose registries that are not reachable
 * from everywhere, multicast, embedded forms of IPv4, and the cloud providers' own services. The narrowest
 * network that holds an address decides. docs/addresses.md shows the table; a test compares the two.
 */
struct special_network {
    const char *prefix;
    bool is_dialled; /* private networks are allowed: an internal CA serves them */
    const char *name;
    const char *source; /* an RFC, or the cloud provider */
};
extern const struct special_network special_networks[];
extern const size_t special_network_count;

/* Finds the row that decides on an address. IPv4-mapped addresses count as IPv4. NULL when no row holds the
 * address; it is then allowed. */
const struct special_network *special_network_of(const struct sockaddr *address);

/* True when special_networks allows the address or one of `allowed` holds it. An IPv6 network, "::/0"
 * included, holds no IPv4 address. False for anything that is not an IP address. */
bool address_is_allowed(const struct sockaddr *address, const struct network *allowed, size_t allowed_count);

/* True when one of the networks holds the address, given as text. IPv4 addresses may be written as
 * ::ffff:a.b.c.d. An IPv6 network, "::/0" included, holds none of them. */
bool networks_hold(const struct network *networks, size_t count, const char *address);
bool networks_hold_address(const struct network *networks, size_t count, const struct address *address);

/* True when some address is in both. */
bool networks_overlap(const struct network *a, const struct network *b);

/* Writes "192.0.2.7" or "2001:db8::7". */
void address_format(char out[static INET6_ADDRSTRLEN], const struct sockaddr *address);

/* Reads "10.0.0.0/8", "::1/128", or a single address. */
[[gnu::warn_unused_result]] bool network_parse(const char *text, struct network *out);
