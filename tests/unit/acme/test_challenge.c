/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/authorization.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(challenge);

enum { HTTP = 1 << CHALLENGE_HTTP_01, DNS = 1 << CHALLENGE_DNS_01 };

Test(challenge, types_go_by_their_registered_names)
{
    static const struct {
        const char *name;
        enum challenge_type type;
    } cases[] = {{"http-01", CHALLENGE_HTTP_01}, {"dns-01", CHALLENGE_DNS_01}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum challenge_type type = 0;
        cr_assert(challenge_type_from_name(bytes_from_string(cases[i].name), &type), "%s", cases[i].name);
        cr_expect_eq(type, cases[i].type);
        cr_expect_str_eq(challenge_type_info(type)->name, cases[i].name);
    }
}

Test(challenge, other_names_are_no_type)
{
    static const char *const names[] = {"", "http", "http-1", "http-011", "HTTP-01", "tls-sni-01", "dns-01 "};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum challenge_type type;
        cr_expect_not(challenge_type_from_name(bytes_from_string(names[i]), &type), "\"%s\"", names[i]);
    }
    enum challenge_type type;
    cr_expect_not(challenge_type_from_name(BYTES_LITERAL("http-01\0"), &type));
}

/* A wildcard takes DNS challenges only, an address everything but dns-01 (RFC 8738 §7). */
Test(challenge, an_identifier_is_offered_what_can_prove_it)
{
    static const struct {
        struct identifier identifier;
        challenge_set of_endpoint, offered;
        bool subdomains;
    } cases[] = {
        {{IDENTIFIER_DNS, "a.example"}, HTTP | DNS, HTTP | DNS, false},
        {{IDENTIFIER_DNS, "a.example"}, HTTP, HTTP, false},
        {{IDENTIFIER_DNS, "a.example"}, DNS, DNS, false},
        {{IDENTIFIER_DNS, "a.example"}, 0, 0, false},
        {{IDENTIFIER_DNS, "*.example"}, HTTP | DNS, DNS, false},
        {{IDENTIFIER_DNS, "*.example"}, HTTP, 0, false},
        {{IDENTIFIER_DNS, "a.example"}, HTTP | DNS, DNS, true},
        {{IDENTIFIER_DNS, "a.example"}, HTTP, 0, true},
        {{IDENTIFIER_IP, "192.0.2.1"}, HTTP | DNS, HTTP, false},
        {{IDENTIFIER_IP, "2001:db8::1"}, HTTP | DNS, HTTP, false},
        {{IDENTIFIER_IP, "192.0.2.1"}, DNS, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(
            challenges_for_identifier(cases[i].of_endpoint, &cases[i].identifier, cases[i].subdomains),
            cases[i].offered, "%s of %x", cases[i].identifier.value, cases[i].of_endpoint);
    }
}

/* RFC 8555 §8.1 and §8.3: its own example of token and thumbprint. */
#define TOKEN      "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define THUMBPRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

Test(challenge, key_authorization_joins_token_and_thumbprint)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(key_authorization(arena, TOKEN, THUMBPRINT), TOKEN "." THUMBPRINT);
    arena_free(arena);
}

Test(challenge, dns_value_is_the_digest_of_the_key_authorization)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(key_authorization_digest(arena, TOKEN "." THUMBPRINT),
                     "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo");
    /* FIPS 180-2's "abc", in base64url. */
    cr_expect_str_eq(key_authorization_digest(arena, "abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    arena_free(arena);
}

Test(challenge, http_body_is_the_key_authorization_and_white_space)
{
    static const struct {
        struct bytes body;
        bool matches;
    } cases[] = {
        {BYTES_LITERAL("token.print"), true},
        {BYTES_LITERAL("token.print\n"), true},
        {BYTES_LITERAL("token.print\r\n"), true},
        {BYTES_LITERAL("token.print \t\r\n\n "), true},
        {BYTES_LITERAL(" token.print"), false},
        {BYTES_LITERAL("\ntoken.print"), false},
        {BYTES_LITERAL("token.prin"), false},
        {BYTES_LITERAL("token.printt"), false},
        {BYTES_LITERAL("token.print\nmore"), false},
        {BYTES_LITERAL("token.print\0"), false},
        {BYTES_LITERAL("token.print\0\n"), false},
        {BYTES_LITERAL("TOKEN.print"), false},
        {BYTES_LITERAL("token .print"), false},
        {BYTES_LITERAL("\n"), false},
        {{NULL, 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(http_challenge_body_matches(cases[i].body, "token.print"), cases[i].matches, "\"%.*s\"",
                     (int)cases[i].body.n, (const char *)cases[i].body.p);
    }
}
