/* SPDX-License-Identifier: Apache-2.0 */
/* Under which names the server is reached. */
#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config_own_names);

static const struct {
    const char *base_url, *alternate_names;
    const char *names; /* "dns:a ip:b" */
} cases[] = {
    {"https://acme.test", "[]", "dns:acme.test"},
    {"https://acme.test:9443/", "[]", "dns:acme.test"},
    {"https://ACME.test", "[\"acme.TEST:1\"]", "dns:acme.test"},
    {"https://10.0.0.1", "[]", "ip:10.0.0.1"},
    {"https://[2001:db8::1]", "[]", "ip:2001:db8::1"},
    {"https://[2001:db8::1]:9443", "[\"[2001:db8:0::1]\", \"acme.test\"]", "ip:2001:db8::1 dns:acme.test"},
    {"https://acme.test", "[\"a.test\", \"10.0.0.1:444\", \"a.test:1\", \"acme.test\", \"b.test\"]",
     "dns:acme.test dns:a.test ip:10.0.0.1 dns:b.test"},
};

Test(config_own_names, each_name_is_there_once)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        size_t count;
        const char *text = arena_printf(
            arena,
            "{\"base_url\": \"%s\", \"tls\": {\"issuer\": \"main\"}, \"alternate_names\": %s, " ISSUERS
            ", " REST "}",
            cases[i].base_url, cases[i].alternate_names);
        const struct identifier *names = config_own_names(arena, config_text_good(arena, text, NULL), &count);
        const char **texts = arena_alloc_array(arena, count + 1, sizeof *texts);
        for (size_t n = 0; n < count; n++)
            texts[n] =
                arena_printf(arena, "%s:%s", names[n].type == IDENTIFIER_IP ? "ip" : "dns", names[n].value);
        cr_expect_str_eq(arena_join(arena, texts, count, " "), cases[i].names);
        arena_free(arena);
    }
}

Test(config_own_names, the_base_has_a_host_and_perhaps_a_port)
{
    static const struct {
        const char *base_url, *host;
        uint16_t port; /* 0: none */
    } bases[] = {{"https://acme.test", "acme.test", 0},
                 {"https://acme.test:9443", "acme.test", 9443},
                 {"https://[::1]:1", "::1", 1},
                 {"https://[::1", "", 0}};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const struct config config = {.base_url = bases[i].base_url};
        struct host_port parts = config_base_authority(&config);
        cr_expect(bytes_equal_string(parts.host, bases[i].host), "%s", bases[i].base_url);
        cr_expect_eq(parts.has_port, bases[i].port != 0, "%s", bases[i].base_url);
        cr_expect(!parts.has_port || parts.port == bases[i].port, "%s", bases[i].base_url);
    }
}

Test(config_own_names, an_account_has_a_url_under_each_name)
{
    struct arena *arena = arena_new();
    size_t count;
    const struct config *config =
        config_text_good(arena, "{" GOOD ", \"alternate_names\": [\"b.test\", \"c.test:1\"]}", NULL);
    const char *const *urls = config_account_urls(arena, config, "acme", 7, &count);
    cr_assert_eq(count, 3);
    cr_expect_str_eq(urls[0], "https://acme.internal:9443/acme/acme/account/7");
    cr_expect_str_eq(urls[1], "https://b.test/acme/acme/account/7");
    cr_expect_str_eq(urls[2], "https://c.test:1/acme/acme/account/7");
    arena_free(arena);
}
