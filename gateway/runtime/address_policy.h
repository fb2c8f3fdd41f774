/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a validation may dial (against server-side request forgery). */
#pragma once

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network {
    uint8_t address[16];  /* IPv4 as ::ffff:a.b.c.d */
    unsigned prefix_bits; /* of 128 */
};

/*
 * The networks of which something is known: those of the IANA registries of special-purpose addresses that
 * are not reachable from everywhere, multicast, embedded forms of IPv4, and the clouds' own services. Of
 * those that hold an address the narrowest decides. docs/addresses.md shows the table; a test compares them.
 */
struct special_network {
    const char *prefix;
    bool is_dialled; /* private networks are: they are what an internal CA is for */
    const char *name;
    const char *source; /* an RFC, or the cloud */
};
extern const struct special_network special_networks[];
extern const size_t special_network_count;

/* The row that decides on an address, IPv4-mapped ones as IPv4; NULL when there is none, which is allowed. */
const struct special_network *special_network_of(const struct sockaddr *address);

/* True for what special_networks lets pass, and for what one of `allowed` holds: one of IPv6,
 * "::/0" too, holds no IPv4 address. False for what is no IP address. */
bool address_is_allowed(const struct sockaddr *address, const struct network *allowed, size_t allowed_count);

/* True when one of the networks holds the address, in text. IPv4 addresses may come as ::ffff:a.b.c.d; a
 * network of IPv6, "::/0" too, holds none of them. */
bool networks_hold(const struct network *networks, size_t count, const char *address);

/* "192.0.2.7" or "2001:db8::7". */
void address_format(char out[static INET6_ADDRSTRLEN], const struct sockaddr *address);

/* Whom to count as one client: the address of IPv4, mapped in IPv6 or not; of IPv6 "2001:db8:0:7::/64", for
 * its holder has all addresses below. */
enum { ADDRESS_NETWORK_BYTES = INET6_ADDRSTRLEN + 4 };
void address_format_network(char out[static ADDRESS_NETWORK_BYTES], const struct sockaddr *address);

/* "10.0.0.0/8", "::1/128", or a single address. */
[[gnu::warn_unused_result]] bool network_parse(const char *text, struct network *out);
