/* SPDX-License-Identifier: Apache-2.0 */
/* A host with or without a port, as the authority of a URL has it (RFC 3986 §3.2.2, §3.2.3). */
#pragma once

#include "acme/base/bytes.h"

struct host_port {
    struct bytes
        host;       /* without its brackets; borrowed from the text. Any octets: only its end is looked for */
    bool bracketed; /* an IPv6 address stands in brackets */
    bool has_port;
    uint16_t port; /* 0 where there is none, or where it is 0 */
};

/* Takes "host", "host:port", "[v6]" and "[v6]:port" apart. False for a bracket without its end, and for what
 * stands in the place of a port and is none. */
[[gnu::warn_unused_result]] bool host_port_parse(struct bytes text, struct host_port *out);
