/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/urls.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(urls);

#define BASE "https://acme.internal:9443/acme/corp"

static const struct urls urls = {.base = "https://acme.internal:9443", .endpoint = "corp"};

/* step-ca's layout: a client moves by changing the host name alone. */
Test(urls, layout_is_step_ca_s)
{
    struct arena *arena = arena_new();
    const int64_t id = 113816200000000123;
    const struct {
        const char *made, *expected;
    } cases[] = {
        {url_directory(arena, &urls), BASE "/directory"},
        {url_new_nonce(arena, &urls), BASE "/new-nonce"},
        {url_new_account(arena, &urls), BASE "/new-account"},
        {url_new_order(arena, &urls), BASE "/new-order"},
        {url_revoke_cert(arena, &urls), BASE "/revoke-cert"},
        {url_account(arena, &urls, id), BASE "/account/113816200000000123"},
        {url_account_orders(arena, &urls, id), BASE "/account/113816200000000123/orders"},
        {url_order(arena, &urls, id), BASE "/order/113816200000000123"},
        {url_finalize(arena, &urls, id), BASE "/order/113816200000000123/finalize"},
        {url_authorization(arena, &urls, id), BASE "/authz/113816200000000123"},
        {url_challenge(arena, &urls, id, CHALLENGE_HTTP_01), BASE "/challenge/113816200000000123/http-01"},
        {url_challenge(arena, &urls, id, CHALLENGE_DNS_01), BASE "/challenge/113816200000000123/dns-01"},
        {url_certificate(arena, &urls, id), BASE "/certificate/113816200000000123"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_str_eq(cases[i].made, cases[i].expected);
    }
    arena_free(arena);
}

Test(urls, ids_are_positive_decimal_numbers)
{
    static const struct {
        struct bytes text;
        int64_t id;
    } cases[] = {
        {BYTES_LITERAL("1"), 1},
        {BYTES_LITERAL("9007199254740991"), 9007199254740991},
        {BYTES_LITERAL("9223372036854775807"), INT64_MAX},
        {BYTES_LITERAL("9223372036854775808"), 0},
        {BYTES_LITERAL("99999999999999999999999"), 0},
        {BYTES_LITERAL(""), 0},
        {{NULL, 0}, 0},
        {BYTES_LITERAL("0"), 0},
        {BYTES_LITERAL("01"), 0},
        {BYTES_LITERAL("-1"), 0},
        {BYTES_LITERAL("+1"), 0},
        {BYTES_LITERAL(" 1"), 0},
        {BYTES_LITERAL("1 "), 0},
        {BYTES_LITERAL("1\0"), 0},
        {BYTES_LITERAL("1a"), 0},
        {BYTES_LITERAL("0x1"), 0},
        {BYTES_LITERAL("1.0"), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(url_parse_id(cases[i].text), cases[i].id, "\"%.*s\"", (int)cases[i].text.n,
                     (const char *)cases[i].text.p);
    }
}

/* An old base URL still names the account: only the path counts. */
Test(urls, an_account_url_names_the_account_whatever_its_host)
{
    static const struct {
        const char *url;
        int64_t id;
        bool shaped;
    } cases[] = {
        {BASE "/account/7", 7, true},
        {"https://old.example/acme/corp/account/7", 7, true},
        {"http://10.0.0.1:8080/acme/corp/account/7", 7, true},
        {"HTTPS://ACME.internal/acme/corp/account/7", 7, true},
        {"https://acme.internal:9443/acme/other/account/7", 0, true},
        {"https://acme.internal:9443/acme/corpo/account/7", 0, true},
        {"https://acme.internal:9443/acme/cor/account/7", 0, true},
        {BASE "/account/", 0, true},
        {BASE "/account/0", 0, true},
        {BASE "/account/7/", 0, true},
        {BASE "/account/7/orders", 0, true},
        {BASE "/account/7?x=1", 0, true},
        {BASE "/account/7#x", 0, true},
        {BASE "/account/Hk3fPq9z", 0, true},
        {BASE "/order/7", 0, true},
        {"https://acme-v02.api.letsencrypt.org/acme/acct/7", 0, true},
        {"https://acme.internal", 0, true},
        {"https://acme.internal?/acme/corp/account/7", 0, true},
        {"https://acme.internal#/acme/corp/account/7", 0, true},
        {"", 0, false},
        {"7", 0, false},
        {"/acme/corp/account/7", 0, false},
        {"//acme.internal/acme/corp/account/7", 0, false},
        {"acme.internal/acme/corp/account/7", 0, false},
        {"ftp://acme.internal/acme/corp/account/7", 0, false},
        {"https:/acme/corp/account/7", 0, false},
        {"https://", 0, false},
        {"https:///acme/corp/account/7", 0, false},
        {"https://?", 0, false},
        {"https://two words/acme/corp/account/7", 0, false},
        {" https://acme.internal/acme/corp/account/7", 0, false},
        {"https://acme.internal/acme/corp/account/7\n", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool shaped = !cases[i].shaped;
        cr_expect_eq(url_account_id(&urls, bytes_from_string(cases[i].url), &shaped), cases[i].id, "%s",
                     cases[i].url);
        cr_expect_eq(shaped, cases[i].shaped, "%s", cases[i].url);
    }
    cr_expect_eq(url_account_id(&urls, BYTES_LITERAL(BASE "/account/7"), NULL), 7);
    cr_expect_eq(url_account_id(&urls, BYTES_LITERAL("7"), NULL), 0);
    cr_expect_eq(url_account_id(&urls, (struct bytes){NULL, 0}, NULL), 0);
}

/* RFC 3986 §6.2.3: the default port is one URL with and without. */
Test(urls, P5_the_default_port_is_one_url_with_and_without)
{
    static const struct {
        const char *url;
        bool same;
    } cases[] = {
        {"https://acme.internal/acme/corp/new-order", true},
        {"https://acme.internal:443/acme/corp/new-order", true},
        {"https://acme.internal:4430/acme/corp/new-order", false},
        {"https://acme.internal:0443/acme/corp/new-order", false},
        {"https://acme.internal:/acme/corp/new-order", false},
        {"https://acme.internal:443:443/acme/corp/new-order", false},
        {"https://acme.internal:443/acme/corp/new-order:443", false},
        {"https://acme.internal/acme/corp/new-order:443", false},
        {"http://acme.internal:443/acme/corp/new-order", false},
        {"https://acme.internal:443", false},
        {"https://:443", false},
        {"https://", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(url_equals(bytes_from_string(cases[i].url), "https://acme.internal/acme/corp/new-order"),
                     cases[i].same, "%s", cases[i].url);
    }
    cr_expect(url_equals(BYTES_LITERAL("https://[::1]:443"), "https://[::1]"));
    cr_expect(bytes_equal_string(url_host_without_default_port(BYTES_LITERAL("a.test:443")), "a.test"));
    cr_expect(bytes_equal_string(url_host_without_default_port(BYTES_LITERAL("a.test:4443")), "a.test:4443"));
    cr_expect(bytes_equal_string(url_host_without_default_port(BYTES_LITERAL("a.test:8443:443")),
                                 "a.test:8443:443"));
    cr_expect_not(url_equals(BYTES_LITERAL("https://a.test:8443:443/x"), "https://a.test:8443/x"));
    cr_expect_not(url_equals(BYTES_LITERAL("https://[::1]:8443:443/x"), "https://[::1]:8443/x"));
}
