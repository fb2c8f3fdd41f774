/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of the PROXY protocol, versions 1 and 2, in which a proxy tells who has called it
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt). No sockets.
 */
#pragma once

#include "gateway/runtime/address.h"

enum { PROXY_HEADER_MAX_BYTES = 4096 }; /* version 1: 107 */

struct proxy_header {
    size_t bytes; /* of the header; what follows is the client's */
    /* False for UNKNOWN, LOCAL, AF_UNSPEC and Unix sockets: then the client is the proxy itself. */
    bool has_client;
    struct address client;
};

enum proxy_header_state {
    PROXY_HEADER_WHOLE,
    PROXY_HEADER_BEGUN, /* every octet of the input belongs to the header, which goes on */
    PROXY_HEADER_BAD,
};

/* Reads the header that `input` begins with. Fills `out` when it is whole. `why` is a phrase (static) when it
 * is bad. A checksum of version 2 is checked where there is one. */
[[gnu::warn_unused_result]] enum proxy_header_state proxy_header_read(struct bytes input,
                                                                      struct proxy_header *out,
                                                                      const char **why);
