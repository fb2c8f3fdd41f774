/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of clients: read from sockets and texts, and written. */
#include "gateway/runtime/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "leaks.h"

LEAK_CHECKED_SUITE(address);

static struct address parsed(const char *text)
{
    struct address address;
    cr_assert(address_parse(&address, bytes_from_string(text)), "%s", text);
    return address;
}

static const struct {
    const char *text, *written, *network;
} taken[] = {
    {"192.0.2.7", "192.0.2.7", "192.0.2.7"},
    {"0.0.0.0", "0.0.0.0", "0.0.0.0"},
    {"::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"},
    {"::FFFF:C000:0207", "192.0.2.7", "192.0.2.7"},
    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
    {"2001:DB8:1:2::", "2001:db8:1:2::", "2001:db8:1:2::/64"},
    {"2001:db8:1:3::1", "2001:db8:1:3::1", "2001:db8:1:3::/64"},
    {"::1", "::1", "::/64"},
    {"::", "::", "::/64"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "ffff:ffff:ffff:ffff::/64"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "ffff:ffff:ffff:ffff::/64"},
};

Test(address, S16_one_form_for_each_address_and_one_network_for_each_client)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        char text[INET6_ADDRSTRLEN], network[ADDRESS_NETWORK_BYTES];
        struct address address = parsed(taken[i].text);
        address_write(text, &address);
        address_write_network(network, &address);
        cr_expect_str_eq(text, taken[i].written, "%s", taken[i].text);
        cr_expect_str_eq(network, taken[i].network, "%s", taken[i].text);
    }
}

Test(address, a_text_that_is_no_address)
{
    static const struct bytes texts[] = {
        BYTES_LITERAL(""),
        BYTES_LITERAL("unknown"),
        BYTES_LITERAL("192.0.2"),
        BYTES_LITERAL("192.0.2.07"),
        BYTES_LITERAL("192.0.2.256"),
        BYTES_LITERAL("192.0.2.7:1"),
        BYTES_LITERAL("[::1]"),
        BYTES_LITERAL("fe80::1%eth0"),
        BYTES_LITERAL(" ::1"),
        BYTES_LITERAL("::1\0"),
        BYTES_LITERAL("10.0.0.0/8"),
        BYTES_LITERAL("0x7f.0.0.1"),
        BYTES_LITERAL("2130706433"),
        BYTES_LITERAL("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2550"),
        {NULL, 0},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct address address;
        cr_expect_not(address_parse(&address, texts[i]), "%s", (const char *)texts[i].p);
    }
}

Test(address, a_socket_has_one_unless_it_is_a_unix_socket)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct address address, wanted = parsed("192.0.2.7");
    cr_assert(address_of_peer(&address, (const struct sockaddr *)&v4));
    cr_expect(addresses_equal(&address, &wanted));
    cr_assert(address_of_peer(&address, (const struct sockaddr *)&v6));
    cr_expect_not(addresses_equal(&address, &wanted));
    wanted = parsed("::1");
    cr_expect(addresses_equal(&address, &wanted));
    cr_expect_not(address_of_peer(&address, (const struct sockaddr *)&local));
}
