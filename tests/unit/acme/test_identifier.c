/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/identifier.h"
#include "leaks.h"

#include <stdlib.h>

LEAK_CHECKED_SUITE(identifier);

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_253 \
    LABEL_63 "." LABEL_63 "." LABEL_63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct problem *parse(struct arena *arena, const char *type, const char *value,
                                   struct identifier *out)
{
    return identifier_parse(arena, bytes_from_string(type), bytes_from_string(value), out);
}

Test(identifier, names_that_are_accepted)
{
    static const struct {
        const char *type, *value, *parsed;
    } cases[] = {
        {"dns", "example.org", "example.org"},
        {"dns", "WWW.Example.ORG", "www.example.org"},
        {"dns", "localhost", "localhost"},
        {"dns", "*.example.org", "*.example.org"},
        {"dns", "*.internal", "*.internal"},
        {"dns", "a-b.c--d.1x", "a-b.c--d.1x"},
        {"dns", "4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"},
        {"dns", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example"},
        {"dns", "xn--fiqs8s", "xn--fiqs8s"},
        {"dns", "xn--hb9b", "xn--hb9b"},   /* U+D7FF */
        {"dns", "xn--dn32g", "xn--dn32g"}, /* U+10FFFF */
        {"dns", "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        {"dns", "xn--ls8h.example", "xn--ls8h.example"},
        {"dns", "xn--ihqwcrb4cv8a8dqg056pqjye.example", "xn--ihqwcrb4cv8a8dqg056pqjye.example"},
        {"dns", LABEL_63 ".example", LABEL_63 ".example"},
        {"dns", NAME_253, NAME_253},
        {"ip", "192.0.2.1", "192.0.2.1"},
        {"ip", "0.0.0.0", "0.0.0.0"},
        {"ip", "2001:db8::1", "2001:db8::1"},
        {"ip", "::1", "::1"},
        {"ip", "::", "::"},
        {"ip", "64:ff9b::c000:201", "64:ff9b::c000:201"},
        {"ip", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct identifier identifier;
        const struct problem *problem = parse(arena, cases[i].type, cases[i].value, &identifier);
        cr_expect_null(problem, "%s: %s", cases[i].value, problem == NULL ? "" : problem->detail);
        if (problem == NULL) {
            cr_expect_str_eq(identifier.value, cases[i].parsed);
            cr_expect_str_eq(identifier_type_name(identifier.type), cases[i].type);
        }
    }
    arena_free(arena);
}

Test(identifier, names_that_are_malformed_are_told_why)
{
    static const struct {
        const char *type, *value, *why;
    } cases[] = {
        {"dns", "", "empty"},
        {"dns", "example.org.", "without a dot at its end"},
        {"dns", ".", "without a dot at its end"},
        {"dns", ".example.org", "empty label"},
        {"dns", "a..example.org", "empty label"},
        {"dns", "sp ace.example", "letters, digits and hyphens"},
        {"dns", "m\xc3\xbcnchen.example", "letters, digits and hyphens"},
        {"dns", "example.org/x", "letters, digits and hyphens"},
        {"dns", "a@example.org", "letters, digits and hyphens"},
        {"dns", "-a.example", "hyphen"},
        {"dns", "a-.example", "hyphen"},
        {"dns", LABEL_63 "a.example", "63"},
        {"dns", NAME_253 "a", "253"},
        {"dns", "*", "wildcard"},
        {"dns", "*.", "without a dot at its end"},
        {"dns", "*.*.example.org", "wildcard"},
        {"dns", "www.*.example.org", "wildcard"},
        {"dns", "w*.example.org", "wildcard"},
        {"dns", "**.example.org", "wildcard"},
        {"dns", "192.0.2.1", "use type \"ip\""},
        {"dns", "*.192.0.2.1", "use type \"ip\""},
        {"dns", "127.1", "use type \"ip\""},
        {"dns", "2130706433", "use type \"ip\""},
        {"dns", "0x7f000001", "use type \"ip\""},
        {"dns", "0x7f.0x1", "use type \"ip\""},
        {"dns", "a.example.123", "its last label is a number"},
        {"dns", "a.123", "its last label is a number"},
        {"dns", "1.2.3.4.5", "its last label is a number"},
        {"dns", "256.1.1.1", "its last label is a number"},
        {"dns", "0x7f.1", "resolvers read it as an IPv4 address"},
        {"dns", "2001:db8::1", "use type \"ip\""},
        {"dns", "example.org:443", "no port"},
        {"dns", "xn--.example", "hyphen"},
        {"dns", "xn--abc-.example", "hyphen"},
        {"dns", "xn--a-b-.example", "hyphen"},
        {"dns", "xn--0.example", "Punycode"},
        {"dns", "xn--abc-0.example", "Punycode"},
        {"dns", "xn--ib9b.example", "Punycode"},  /* U+D800 */
        {"dns", "xn--zy0c.example", "Punycode"},  /* U+DFFF */
        {"dns", "xn--en32g.example", "Punycode"}, /* U+110000 */
        {"dns", "xn--99999999999.example", "Punycode"},
        {"dns", "xn--zzzzzzzzzzzzzzzzzzzz.example", "Punycode"},
        {"ip", "", "empty"},
        {"ip", "example.org", "not an IP address"},
        {"ip", "192.0.2", "not an IP address"},
        {"ip", "192.0.2.256", "not an IP address"},
        {"ip", "192.0.2.1/24", "not an IP address"},
        {"ip", " 192.0.2.1", "not an IP address"},
        {"ip", "[2001:db8::1]", "not an IP address"},
        {"ip", "fe80::1%eth0", "not an IP address"},
        {"ip", "2001:db8::1111111111111111111111111111111111111111111", "not an IP address"},
        {"ip", "192.0.02.1", "not an IP address"},
        {"ip", "2001:DB8::1", "canonical"},
        {"ip", "2001:db8:0:0:0:0:0:1", "canonical"},
        {"ip", "2001:0db8::1", "canonical"},
        {"ip", "::ffff:192.0.2.1", "IPv6 form"},
        {"ip", "::192.0.2.1", "IPv6 form"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct identifier identifier;
        const struct problem *problem = parse(arena, cases[i].type, cases[i].value, &identifier);
        cr_expect_not_null(problem, "%s is accepted", cases[i].value);
        if (problem != NULL) {
            cr_expect_eq(problem->type, PROBLEM_MALFORMED);
            cr_expect_not_null(strstr(problem->detail, cases[i].why), "%s: %s", cases[i].value,
                               problem->detail);
        }
    }
    arena_free(arena);
}

Test(identifier, octets_after_a_nul_are_not_lost)
{
    struct arena *arena = arena_new();
    struct identifier identifier;
    cr_expect_not_null(identifier_parse(arena, BYTES_LITERAL("dns"),
                                        BYTES_LITERAL("good.example\0.evil.example"), &identifier));
    cr_expect_not_null(
        identifier_parse(arena, BYTES_LITERAL("ip"), BYTES_LITERAL("192.0.2.1\0x"), &identifier));
    arena_free(arena);
}

Test(identifier, other_types_are_unsupported)
{
    static const char *const types[] = {"", "DNS", "email", "TNAuthList", "dnsx"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct identifier identifier;
        const struct problem *problem = parse(arena, types[i], "example.org", &identifier);
        cr_assert_not_null(problem, "%s", types[i]);
        cr_expect_eq(problem->type, PROBLEM_UNSUPPORTED_IDENTIFIER, "%s", types[i]);
    }
    arena_free(arena);
}

Test(identifier, names_of_certificates_are_normalised)
{
    struct identifier identifier;
    cr_assert(identifier_from_name(IDENTIFIER_DNS, BYTES_LITERAL("LOCALHOST"), &identifier));
    cr_expect_str_eq(identifier.value, "localhost");
    cr_expect_not(identifier_from_name(IDENTIFIER_DNS, BYTES_LITERAL("a b"), &identifier));

    cr_assert(identifier_from_name(IDENTIFIER_IP, BYTES_LITERAL("\xc0\x00\x02\x01"), &identifier));
    cr_expect_str_eq(identifier.value, "192.0.2.1");
    cr_expect_eq(identifier.type, IDENTIFIER_IP);
    cr_assert(identifier_from_name(IDENTIFIER_IP, BYTES_LITERAL("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
                                   &identifier));
    cr_expect_str_eq(identifier.value, "2001:db8::1");
    cr_expect_not(identifier_from_name(IDENTIFIER_IP, BYTES_LITERAL("\xc0\x00\x02"), &identifier));
    cr_expect_not(identifier_from_name(
        IDENTIFIER_IP, BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"), &identifier));
}

Test(identifier, wildcard_authorizations_name_the_base)
{
    static const struct identifier wildcard = {IDENTIFIER_DNS, "*.example.org"};
    static const struct identifier plain = {IDENTIFIER_DNS, "example.org"};
    cr_expect(identifier_is_wildcard(&wildcard));
    cr_expect_str_eq(identifier_base_name(&wildcard), "example.org");
    cr_expect_not(identifier_is_wildcard(&plain));
    cr_expect_str_eq(identifier_base_name(&plain), "example.org");
}

Test(identifier, sorts_by_type_then_value)
{
    struct identifier all[] = {
        {IDENTIFIER_IP, "10.0.0.1"},
        {IDENTIFIER_DNS, "b"},
        {IDENTIFIER_DNS, "a"},
        {IDENTIFIER_DNS, "10.0.0.1"},
    };
    qsort(all, 4, sizeof all[0], identifier_compare);
    cr_expect_eq(all[0].type, IDENTIFIER_DNS);
    cr_expect_str_eq(all[0].value, "10.0.0.1");
    cr_expect_str_eq(all[1].value, "a");
    cr_expect_str_eq(all[2].value, "b");
    cr_expect_eq(all[3].type, IDENTIFIER_IP);
    cr_expect_eq(identifier_compare(&all[1], &all[1]), 0);
}
