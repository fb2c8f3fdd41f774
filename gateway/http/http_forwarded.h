/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the client that proxies tell of in X-Forwarded-For, or in Forwarded (RFC 7239). Each proxy adds an
 * element for the address that it was called from. The client is the rightmost element that is not itself a
 * trusted proxy: only trusted proxies have written it and what is right of it. No sockets.
 */
#pragma once

#include "gateway/runtime/address_policy.h"

/* The elements of one of the two headers. Zeroed: none yet. */
struct http_forwarded {
    bool seen;             /* an element */
    bool is_unclear;       /* the client would be an element without an address */
    struct address client; /* unless is_unclear */
};

/* Takes the elements of the next line of X-Forwarded-For, which are addresses, with or without a port. IPv6
 * may be in brackets. Any other element has no address; an empty one does not count (RFC 9110 §5.6.1). */
void http_forwarded_take_x(struct http_forwarded *list, struct bytes line, const struct network *proxies,
                           size_t proxy_count);

/* Takes the elements of the next line of Forwarded. "unknown", an obfuscated identifier and an element
 * without `for` have no address. A fault, and what follows it in the line, is one element without an
 * address. */
void http_forwarded_take(struct http_forwarded *list, struct bytes line, const struct network *proxies,
                         size_t proxy_count);

/*
 * Replaces `client`, the proxy's address, by the client of whom `x` or `standard` tells. A proxy sets one of
 * the headers and may pass the other on as a client wrote it: if both came they must agree. Otherwise, and
 * for a client without an address, `client` stays. NULL, or why it stayed (static).
 */
const char *http_forwarded_client(const struct http_forwarded *x, const struct http_forwarded *standard,
                                  struct address *client);
