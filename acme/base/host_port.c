/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/host_port.h"

/* Reads decimal digits only: no sign, no white space. */
static bool parse_port(struct bytes text, uint16_t *port)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n && n <= UINT16_MAX; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.p[i] - '0');
    }
    *port = (uint16_t)n;
    return text.n != 0 && n <= UINT16_MAX;
}

bool host_port_parse(struct bytes text, struct host_port *out)
{
    *out = (struct host_port){.bracketed = text.n != 0 && text.p[0] == '['};
    const uint8_t *end = text.n == 0 ? NULL : memchr(text.p, out->bracketed ? ']' : ':', text.n);
    if (end == NULL && out->bracketed)
        return false;
    size_t host_end = end == NULL ? text.n : (size_t)(end - text.p);
    size_t rest = host_end + out->bracketed;
    out->host = bytes_of(text.n == 0 ? NULL : text.p + out->bracketed, host_end - out->bracketed);
    if (rest >= text.n)
        return true;
    out->has_port = text.p[rest] == ':';
    return out->has_port && parse_port(bytes_of(text.p + rest + 1, text.n - rest - 1), &out->port);
}
