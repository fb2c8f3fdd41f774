/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol, at its edges. */
#include "gateway/http/http_proxy_header.h"

#include "acme/base/arena.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_proxy_header);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb" /* 192.0.2.7:4711 to 198.51.100.1:443 */
#define V6        "\x20\1\6\x78\0\0\0\0\0\0\0\0\0\0\0\7\x20\1\6\x78\0\0\0\0\0\0\0\0\0\0\0\1\x12\x67\1\xbb"
#define ZEROS_72 \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX      ZEROS_72 ZEROS_72 ZEROS_72
#define LINE      "its PROXY line is malformed"
#define ENDING    "its PROXY line does not end with CR LF"
#define LONG      "its PROXY line is longer than 107 octets"
#define NO_HEADER "it does not begin with a PROXY header"
#define COMMAND   "its PROXY header has an unknown version or command"
#define FAMILY    "its PROXY header has an unknown family or transport"
#define SHORT     "its PROXY header is too short for its addresses"
#define FIELD     "a field of its PROXY header goes past the end"
#define CHECKSUM  "the checksum of its PROXY header is wrong"

/* Reads octets that end exactly where the input does. */
static enum proxy_header_state read_exact(struct bytes input, struct proxy_header *out, const char **why)
{
    struct arena *arena = arena_new();
    uint8_t *exact = arena_alloc(arena, input.n == 0 ? 1 : input.n);
    if (input.n != 0)
        memcpy(exact, input.p, input.n);
    enum proxy_header_state state = proxy_header_read(bytes_of(exact, input.n), out, why);
    arena_free(arena);
    return state;
}

static const struct {
    const char *what;
    struct bytes header;
    const char *client; /* NULL: the proxy itself */
} whole[] = {
    {"version 1, IPv4", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"), "192.0.2.7"},
    {"version 1, IPv6", BYTES_LITERAL("PROXY TCP6 2001:678::7 2001:678::1 4711 443\r\n"), "2001:678::7"},
    {"version 1, the edges of ports", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 0 65535\r\n"),
     "192.0.2.7"},
    {"version 1, unknown", BYTES_LITERAL("PROXY UNKNOWN\r\n"), NULL},
    {"version 1, unknown with words", BYTES_LITERAL("PROXY UNKNOWN 192.0.2.7 x\r\n"), NULL},
    {"version 1, the longest",
     BYTES_LITERAL("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     NULL},
    {"version 2, IPv4", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x0c" V4), "192.0.2.7"},
    {"version 2, IPv4, datagrams", BYTES_LITERAL(SIGNATURE "\x21\x12\0\x0c" V4), "192.0.2.7"},
    {"version 2, IPv6", BYTES_LITERAL(SIGNATURE "\x21\x21\0\x24" V6), "2001:678::7"},
    {"version 2, IPv6, datagrams", BYTES_LITERAL(SIGNATURE "\x21\x22\0\x24" V6), "2001:678::7"},
    {"version 2, unspecified", BYTES_LITERAL(SIGNATURE "\x21\0\0\0"), NULL},
    {"version 2, a Unix socket", BYTES_LITERAL(SIGNATURE "\x21\x31\0\xd8" UNIX), NULL},
    {"version 2, a Unix socket, datagrams", BYTES_LITERAL(SIGNATURE "\x21\x32\0\xd8" UNIX), NULL},
    {"version 2, local", BYTES_LITERAL(SIGNATURE "\x20\0\0\0"), NULL},
    {"version 2, local with anything", BYTES_LITERAL(SIGNATURE "\x20\x77\0\5\3\xff\xff\xff\xff"), NULL},
    {"version 2, fields", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x15" V4 "\1\0\2h2\4\0\1\0"), "192.0.2.7"},
    {"version 2, an empty field", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x0f" V4 "\4\0\0"), "192.0.2.7"},
    {"version 2, a checksum", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x6a\xcd\xf6\x1c"),
     "192.0.2.7"},
};

Test(http_proxy_header, it_tells_the_client)
{
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct proxy_header header;
        const char *why;
        char text[INET6_ADDRSTRLEN] = "";
        enum proxy_header_state state = read_exact(whole[i].header, &header, &why);
        cr_assert_eq(state, PROXY_HEADER_WHOLE, "%s: %s", whole[i].what, why == NULL ? "begun" : why);
        cr_expect_eq(header.bytes, whole[i].header.n, "%s: %zu", whole[i].what, header.bytes);
        cr_assert_eq(header.has_client, whole[i].client != NULL, "%s", whole[i].what);
        if (header.has_client)
            address_write(text, &header.client);
        cr_expect_str_eq(text, whole[i].client == NULL ? "" : whole[i].client, "%s", whole[i].what);
    }
}

Test(http_proxy_header, each_beginning_of_one_is_begun_and_what_follows_is_the_clients)
{
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct arena *arena = arena_new();
        struct proxy_header header;
        const char *why;
        size_t n = whole[i].header.n;
        for (size_t cut = 0; cut < n; cut++)
            cr_expect_eq(read_exact(bytes_of(whole[i].header.p, cut), &header, &why), PROXY_HEADER_BEGUN,
                         "%s: %zu octets", whole[i].what, cut);
        uint8_t *longer = arena_alloc(arena, n + 2);
        memcpy(longer, whole[i].header.p, n);
        memcpy(longer + n, "\x16\x03", 2);
        cr_expect_eq(read_exact(bytes_of(longer, n + 2), &header, &why), PROXY_HEADER_WHOLE, "%s",
                     whole[i].what);
        cr_expect_eq(header.bytes, n, "%s", whole[i].what);
        arena_free(arena);
    }
}

static const struct {
    const char *what;
    struct bytes header;
    const char *why;
} refused[] = {
    {"TLS", BYTES_LITERAL("\x16\x03\1\2\0"), NO_HEADER},
    {"HTTP", BYTES_LITERAL("GET / HTTP/1.1\r\n\r\n"), NO_HEADER},
    {"HTTP that begins alike", BYTES_LITERAL("PROXX"), NO_HEADER},
    {"lower case", BYTES_LITERAL("proxy "), NO_HEADER},
    {"another signature", BYTES_LITERAL("\r\n\r\n\0\r\nQUIX"), NO_HEADER},
    {"a line feed alone", BYTES_LITERAL("PROXY UNKNOWN\n"), ENDING},
    {"no words", BYTES_LITERAL("PROXY \n"), ENDING},
    {"an empty line", BYTES_LITERAL("PROXY \r\n"), LINE},
    {"a family that only begins alike", BYTES_LITERAL("PROXY UNKNOWNS\r\n"), LINE},
    {"another family", BYTES_LITERAL("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n"), LINE},
    {"a family of the other", BYTES_LITERAL("PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n"), LINE},
    {"a family of the other's", BYTES_LITERAL("PROXY TCP4 2001:678::7 2001:678::1 1 2\r\n"), LINE},
    {"mixed families", BYTES_LITERAL("PROXY TCP4 192.0.2.7 2001:678::1 1 2\r\n"), LINE},
    {"no port", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n"), LINE},
    {"an empty port", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 1 \r\n"), LINE},
    {"a port too many", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n"), LINE},
    {"a port above the last", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n"), LINE},
    {"a port with a zero before", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n"), LINE},
    {"a port with a sign", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n"), LINE},
    {"a long port", BYTES_LITERAL("PROXY TCP4 192.0.2.7 198.51.100.1 100000 2\r\n"), LINE},
    {"two spaces", BYTES_LITERAL("PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n"), LINE},
    {"a tab", BYTES_LITERAL("PROXY TCP4\t192.0.2.7 198.51.100.1 1 2\r\n"), LINE},
    {"a name", BYTES_LITERAL("PROXY TCP4 localhost 198.51.100.1 1 2\r\n"), LINE},
    {"a zero octet", BYTES_LITERAL("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 2\r\n"), LINE},
    {"107 octets without an end",
     BYTES_LITERAL("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535xx"),
     LONG},
    {"108 octets with one",
     BYTES_LITERAL("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
     LONG},
    {"version 1 in the binary form", BYTES_LITERAL(SIGNATURE "\x11\x11\0\x0c"), COMMAND},
    {"version 3", BYTES_LITERAL(SIGNATURE "\x31\x11\0\x0c"), COMMAND},
    {"another command", BYTES_LITERAL(SIGNATURE "\x22\x11\0\x0c"), COMMAND},
    {"another family", BYTES_LITERAL(SIGNATURE "\x21\x41\0\0"), FAMILY},
    {"another transport", BYTES_LITERAL(SIGNATURE "\x21\x13\0\x0c" V4), FAMILY},
    {"a family without a transport", BYTES_LITERAL(SIGNATURE "\x21\x10\0\x0c" V4), FAMILY},
    {"a transport without a family", BYTES_LITERAL(SIGNATURE "\x21\1\0\0"), FAMILY},
    {"no room for IPv4", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1"), SHORT},
    {"no room for IPv6", BYTES_LITERAL(SIGNATURE "\x21\x21\0\x0c" V4), SHORT},
    {"no room for a Unix socket", BYTES_LITERAL(SIGNATURE "\x21\x31\0\x0c" V4), SHORT},
    {"more than is read", BYTES_LITERAL(SIGNATURE "\x21\x11\x0f\xf1"),
     "its PROXY header is longer than 4096 octets"},
    {"half a field", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x0e" V4 "\4\0"), FIELD},
    {"a field that is too long", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x10" V4 "\4\0\2\0"), FIELD},
    {"another checksum", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4\x6a\xcd\xf6\x1d"), CHECKSUM},
    {"a short checksum", BYTES_LITERAL(SIGNATURE "\x21\x11\0\x12" V4 "\3\0\3\xec\x3a\xfb"), CHECKSUM},
};

Test(http_proxy_header, every_other_is_refused_and_stays_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct proxy_header header;
        const char *why;
        enum proxy_header_state state = read_exact(refused[i].header, &header, &why);
        cr_assert_eq(state, PROXY_HEADER_BAD, "%s", refused[i].what);
        cr_expect_str_eq(why, refused[i].why, "%s", refused[i].what);
    }
}

/* Every octet of every good header, replaced by each other: it is read within its bounds. */
Test(http_proxy_header, a_changed_octet_never_makes_it_longer_than_the_input)
{
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct arena *arena = arena_new();
        size_t n = whole[i].header.n;
        uint8_t *octets = arena_alloc(arena, n);
        memcpy(octets, whole[i].header.p, n);
        for (size_t at = 0; at < n; at++)
            for (unsigned change = 1; change < 256; change++) {
                struct proxy_header header;
                const char *why;
                octets[at] = (uint8_t)(whole[i].header.p[at] ^ change);
                enum proxy_header_state state = proxy_header_read(bytes_of(octets, n), &header, &why);
                octets[at] = whole[i].header.p[at];
                cr_assert(state != PROXY_HEADER_WHOLE || header.bytes <= n, "%s: octet %zu", whole[i].what,
                          at);
                cr_assert_eq(state == PROXY_HEADER_BAD, why != NULL, "%s: octet %zu", whole[i].what, at);
            }
        arena_free(arena);
    }
}

Test(http_proxy_header, the_longest_of_version_2)
{
    struct arena *arena = arena_new();
    static const struct bytes head = BYTES_LITERAL(SIGNATURE "\x20\0\x0f\xf0");
    uint8_t *octets = arena_alloc(arena, PROXY_HEADER_MAX_BYTES);
    struct proxy_header header;
    const char *why;
    memcpy(octets, head.p, head.n);
    cr_expect_eq(proxy_header_read(bytes_of(octets, PROXY_HEADER_MAX_BYTES - 1), &header, &why),
                 PROXY_HEADER_BEGUN);
    cr_expect_eq(proxy_header_read(bytes_of(octets, PROXY_HEADER_MAX_BYTES), &header, &why),
                 PROXY_HEADER_WHOLE);
    cr_expect_eq(header.bytes, PROXY_HEADER_MAX_BYTES);
    arena_free(arena);
}
