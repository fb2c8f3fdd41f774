/* SPDX-License-Identifier: Apache-2.0 */
/* A host with or without a port, in the form of a URL's authority (RFC 3986 §3.2.2, §3.2.3). */
#pragma once

#include "acme/base/bytes.h"

struct host_port {
    struct bytes host; /* without brackets; borrowed from the text. It may hold any octets: only its end is
                        * looked for */
    bool bracketed;    /* the text has an IPv6 address in brackets */
    bool has_port;
    uint16_t port; /* 0 when it is absent, or is 0 */
};

/* Splits "host", "host:port", "[v6]" and "[v6]:port". False for a bracket that is not closed and for a port
 * that is not valid. */
[[gnu::warn_unused_result]] bool host_port_parse(struct bytes text, struct host_port *out);
