/* Which addresses a validation may dial (against server-side request forgery). */
#pragma once

#include <netinet/in.h>

#include "gateway/config/config.h"

/*
 * False for loopback, link-local (the cloud metadata service among them), multicast, broadcast, unspecified
 * and reserved ranges, IPv4-mapped forms too, unless one of `allowed` holds it. Private networks are fine:
 * they are what an internal CA is for.
 */
bool address_is_allowed(const struct sockaddr *address, const struct network *allowed, size_t allowed_count);

/* True when one of the networks holds the address, in text. */
bool networks_hold(const struct network *networks, size_t count, const char *address);

/* "192.0.2.7" or "2001:db8::7". */
void address_format(char out[static INET6_ADDRSTRLEN], const struct sockaddr *address);

/* Whom to count as one client: the address of IPv4, mapped in IPv6 or not; of IPv6 "2001:db8:0:7::/64", for
 * its holder has all addresses below. */
enum { ADDRESS_NETWORK_BYTES = INET6_ADDRSTRLEN + 4 };
void address_format_network(char out[static ADDRESS_NETWORK_BYTES], const struct sockaddr *address);

/* "10.0.0.0/8", "::1/128", or a single address. */
[[gnu::warn_unused_result]] bool network_parse(const char *text, struct network *out);
