/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "acme/base/buffer.h"
#include "acme/base/file.h"
#include "gateway/runtime/address_policy.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(address_policy);

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return storage;
    }
    cr_assert_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1, "%s", text);
    v6->sin6_family = AF_INET6;
    return storage;
}

static bool is_allowed(const char *text, const struct network *allowed, size_t count)
{
    struct sockaddr_storage address = address_of(text);
    return address_is_allowed((const struct sockaddr *)&address, allowed, count);
}

Test(address_policy, S14_what_may_be_dialled_and_what_not)
{
    static const struct {
        const char *address;
        bool allowed;
    } cases[] = {
        {"192.0.1.255", true},
        {"192.0.2.7", false},
        {"192.0.3.0", true},
        {"10.1.2.3", true},
        {"172.16.0.1", true},
        {"192.168.1.1", true},
        {"100.64.0.1", true},
        {"2001:db8::7", false},
        {"2a00::1", true},
        {"fd00::1", true},
        {"fc00::1", true},
        {"0.0.0.0", false},
        {"0.1.2.3", false},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"128.0.0.1", true},
        {"169.254.169.254", false},
        {"169.255.0.1", true},
        {"224.0.0.1", false},
        {"239.1.2.3", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::2", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"ff02::1", false},
        {"fd00:ec2::254", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:169.254.169.254", false},
        {"::ffff:192.0.2.7", false},
        {"::ffff:10.1.2.3", true},
        {"::ffff:8.8.8.8", true},
        {"::ffff:100.100.100.200", false},
        {"8.8.8.8", true},
        {"9.255.255.255", true},
        {"11.0.0.0", true},
        {"100.63.255.255", true},
        {"100.100.100.99", true},
        {"100.100.100.100", false},
        {"100.100.100.199", true},
        {"100.100.100.200", false},
        {"100.100.100.201", true},
        {"168.63.129.15", true},
        {"168.63.129.16", false},
        {"168.63.129.17", true},
        {"192.0.0.192", false},
        {"192.88.98.255", true},
        {"192.88.99.1", false},
        {"192.88.100.0", true},
        {"198.17.255.255", true},
        {"198.18.0.0", false},
        {"198.19.255.255", false},
        {"198.20.0.0", true},
        {"198.51.100.9", false},
        {"203.0.113.9", false},
        {"223.255.255.255", true},
        {"::7f00:1", false},
        {"::127.0.0.1", false},
        {"::ffff:0:127.0.0.1", false},
        {"64:ff9b:1:2::7f00:1", false},
        {"64:ff9b:2::1", false},
        {"100::1", false},
        {"100:0:0:1::1", false},
        {"1fff::1", false},
        {"2001:1::1", false},
        {"2001:2::1", false},
        {"2001:20::1", false},
        {"2001:1ff::1", false},
        {"2001:200::1", true},
        {"2001:db7::1", true},
        {"2001:db9::1", true},
        {"2003::1", true},
        {"2620:0:1::1", true},
        {"3ffe::1", true},
        {"3fff::1", false},
        {"3fff:fff::1", false},
        {"3fff:1000::1", true},
        {"4000::1", false},
        {"5f00::1", false},
        {"fbff::1", false},
        {"fd00:ec2::253", false},
        {"fd00:ec3::1", true},
        {"fd00:42::41", true},
        {"fd00:42::42", false},
        {"fd00:c1::a9fe:a9fe", false},
        {"fd20:cd::254", true},
        {"fd20:ce::254", false},
        {"fd7a:115c:a1e0::53", false},
        {"fd7a:115c:a1e0::54", true},
        {"fe00::1", false},
        {"fec0::1", false},
        {"64:ff9b::7f00:1", false},
        {"2002:7f00:1::", false},
        {"2001::1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(is_allowed(cases[i].address, NULL, 0), cases[i].allowed, "%s", cases[i].address);
}

/* In IPv6 the rows for whole regions are narrowed by others, so that a row is found for its first address. */
Test(address_policy, S14_every_row_is_a_network_and_decides_on_its_first_address)
{
    for (size_t i = 0; i < special_network_count; i++) {
        const struct special_network *row = &special_networks[i];
        char text[INET6_ADDRSTRLEN];
        struct network network;
        cr_assert(network_parse(row->prefix, &network), "%s", row->prefix);
        snprintf(text, sizeof text, "%.*s", (int)strcspn(row->prefix, "/"), row->prefix);
        struct sockaddr_storage address = address_of(text);
        const struct special_network *found = special_network_of((const struct sockaddr *)&address);
        cr_assert_not_null(found, "%s", row->prefix);
        bool is_narrowed = strcmp(row->prefix, "::/0") == 0 || strcmp(row->prefix, "::/96") == 0;
        cr_expect_eq(found == row, !is_narrowed, "%s: %s", row->prefix, found->prefix);
    }
}

Test(address_policy, S14_the_document_shows_the_table_as_it_is)
{
    struct arena *arena = arena_new();
    struct buffer table;
    struct bytes text;
    int folder_bytes = (int)(strrchr(__FILE__, '/') - __FILE__);
    const char *path = arena_printf(arena, "%.*s/../../../docs/addresses.md", folder_bytes, __FILE__);
    cr_assert(file_read(arena, path, 1024 * 1024, &text), "%s cannot be read", path);
    buffer_init(&table, arena, 1024 * 1024);
    buffer_append_string(&table, "|---|---|---|---|\n");
    for (size_t i = 0; i < special_network_count; i++) {
        const struct special_network *row = &special_networks[i];
        buffer_printf(&table, "| `%s` | %s | %s | %s |\n", row->prefix, row->is_dialled ? "yes" : "no",
                      row->name, row->source);
    }
    cr_expect(bytes_equal_string(bytes_of(text.p + text.n - table.n, table.n), buffer_string(&table)),
              "docs/addresses.md should end with\n%s", buffer_string(&table));
    arena_free(arena);
}

Test(address_policy, a_configured_network_lifts_the_ban_for_itself_alone)
{
    static const struct {
        const char *network;
        const char *address;
        bool allowed;
    } cases[] = {
        {"127.0.0.0/8", "127.9.9.9", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.0/8", "169.254.1.1", false},
        {"127.0.0.0/8", "::1", false},
        {"::1/128", "::1", true},
        {"fe80::/10", "febf::1", true},
        {"fe80::/16", "fe81::1", false},
        {"0.0.0.0/0", "169.254.169.254", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "127.0.0.1", false},
        {"::/0", "::ffff:169.254.169.254", false},
        {"::ffff:0:0/96", "127.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network;
        cr_assert(network_parse(cases[i].network, &network), "%s", cases[i].network);
        cr_expect_eq(is_allowed(cases[i].address, &network, 1), cases[i].allowed, "%s in %s",
                     cases[i].address, cases[i].network);
    }
}

Test(address_policy, a_trusted_network_holds_its_own_family_alone)
{
    static const struct {
        const char *network;
        const char *address;
        bool held;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.1", true},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"10.0.0.0/8", "::ffff:a00:1", true},
        {"10.0.0.0/8", "::ffff:11.0.0.1", false},
        {"10.0.0.0/8", "::10.0.0.1", false},
        {"10.0.0.0/8", "64:ff9b::10.0.0.1", false},
        {"10.0.0.0/8", "2002:a00:1::", false},
        {"10.0.0.0/8", "unknown", false},
        {"10.0.0.0/8", "", false},
        {"::ffff:10.0.0.0/104", "10.0.0.1", true},
        {"0.0.0.0/0", "192.0.2.7", true},
        {"0.0.0.0/0", "2001:db8::7", false},
        {"::/0", "2001:db8::7", true},
        {"::/0", "::1", true},
        {"::/0", "192.0.2.7", false},
        {"::/0", "::ffff:192.0.2.7", false},
        {"::/64", "192.0.2.7", false},
        {"::ffff:0:0/96", "192.0.2.7", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network;
        cr_assert(network_parse(cases[i].network, &network), "%s", cases[i].network);
        cr_expect_eq(networks_hold(&network, 1, cases[i].address), cases[i].held, "%s in %s",
                     cases[i].address, cases[i].network);
    }
}

Test(address_policy, texts_that_are_no_network)
{
    static const char *const texts[] = {"",
                                        "localhost",
                                        "10.0.0.0/33",
                                        "::/129",
                                        "10.0.0.0/",
                                        "0.0.0.0/",
                                        "10.0.0.0/a",
                                        "/8",
                                        "10.0.0.1/8",
                                        "10.0.0/24",
                                        "fe80::1/10",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8x",
                                        "10.0.0.0/ 8",
                                        "10.0.0.0/+8",
                                        "10.0.0.0/:",
                                        "10.0.0.0/18446744073709551624",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct network network;
        cr_expect_not(network_parse(texts[i], &network), "%s", texts[i]);
    }
}

Test(address_policy, neither_ip_is_never_dialled)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    cr_expect_not(address_is_allowed((const struct sockaddr *)&address, NULL, 0));
}

Test(address_policy, addresses_as_text)
{
    static const char *const texts[] = {"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[INET6_ADDRSTRLEN];
        struct sockaddr_storage address = address_of(texts[i]);
        address_format(text, (const struct sockaddr *)&address);
        cr_expect_str_eq(text, texts[i]);
    }
}

Test(address_policy, networks_overlap_when_one_holds_the_other)
{
    static const struct {
        const char *a, *b;
        bool overlap;
    } cases[] = {
        {"10.0.0.0/8", "10.1.2.3", true},   {"10.0.0.0/8", "11.0.0.0/8", false},
        {"10.0.0.0/8", "10.0.0.0/8", true}, {"0.0.0.0/0", "10.0.0.5", true},
        {"::/0", "10.0.0.5", false},        {"::/0", "2001:db8::/32", true},
        {"2001:db8::/32", "::1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct network a, b;
        cr_assert(network_parse(cases[i].a, &a) && network_parse(cases[i].b, &b));
        cr_expect_eq(networks_overlap(&a, &b), cases[i].overlap, "%s, %s", cases[i].a, cases[i].b);
        cr_expect_eq(networks_overlap(&b, &a), cases[i].overlap, "%s, %s", cases[i].b, cases[i].a);
    }
}
