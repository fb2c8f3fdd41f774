/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that need or exclude each other, how many there may be, and what is said of many faults. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/base/file.h"
#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config_rules);

/* The one line that is told of a text; "" where it is taken. */
static const char *told(struct arena *arena, const char *text)
{
    struct config_errors errors;
    if (config_text_parse(arena, text, NULL, &errors) != NULL)
        return "";
    cr_expect_eq(errors.count, 1, "%s: %s", errors.lines[0], errors.lines[errors.count - 1]);
    return errors.lines[0];
}

static const char *of_endpoint(struct arena *arena, const char *members)
{
    return arena_printf(arena,
                        "{" TOP ", " ISSUERS
                        ", \"profiles\": {\"p\": {\"issuer\": \"main\"}, \"q\": {\"issuer\": "
                        "\"main\"}}, \"endpoints\": {\"e\": {\"profiles\": [\"p\"]%s}}}",
                        members);
}

static const char *numbered(struct arena *arena, const char *format_before, const char *format_after,
                            size_t count)
{
    const char **items = arena_alloc_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = arena_printf(arena, "\"%s%zu%s\"", format_before, i, format_after);
    return arena_join(arena, items, count, ",");
}

Test(config_rules, dns_persist_01_offers_one_to_ten_names)
{
    static const struct {
        size_t count;
        const char *line;
    } cases[] = {
        {0, "test.json: endpoints.e.issuer_domain_names: is missing: dns-persist-01 needs the domain names "
            "that stand for this server"},
        {1, ""},
        {10, ""},
        {11, "test.json: endpoints.e.issuer_domain_names: at most 10 can be offered for dns-persist-01"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *names = numbered(arena, "ca", ".test", cases[i].count);
        cr_expect_str_eq(
            told(arena, of_endpoint(arena, arena_printf(arena,
                                                        ", \"challenges\": [\"dns-persist-01\"], "
                                                        "\"issuer_domain_names\": [%s]",
                                                        names))),
            cases[i].line);
        cr_expect_str_eq(
            told(arena, of_endpoint(arena, arena_printf(arena, ", \"issuer_domain_names\": [%s]", names))),
            "", "without the challenge it does not matter");
    }
    cr_expect_str_eq(told(arena, of_endpoint(arena, ", \"challenges\": [\"dns-persist-01\"], "
                                                    "\"caa_identities\": [\"ca.test\"]")),
                     "", "the names of CAA records stand in");
    arena_free(arena);
}

static const struct {
    const char *members, *line;
} endpoints[] = {
    {", \"subdomains\": true, \"authorization_lifetime\": \"1h\"", ""},
    {", \"subdomains\": true",
     "test.json: endpoints.e.subdomains: needs authorization_lifetime: the proof of a domain serves later "
     "orders"},
    {", \"subdomains\": true, \"authorization_lifetime\": \"1h\", \"caa_identities\": [\"ca.test\"]",
     "test.json: endpoints.e.subdomains: cannot be used with caa_identities: the CAA records of the names "
     "below a proven domain would not be checked"},
    {", \"caa_identities\": [\"ca.test\"]", ""},
    {", \"eab\": \"optional\", \"without_eab\": {\"profiles\": [\"p\"]}", ""},
    {", \"eab\": \"optional\", \"without_eab\": {\"profiles\": [\"p\", \"q\"]}",
     "test.json: endpoints.e.without_eab.profiles: \"q\" is not among the profiles of the endpoint"},
};

Test(config_rules, keys_of_an_endpoint_need_and_exclude_each_other)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
        cr_expect_str_eq(told(arena, of_endpoint(arena, endpoints[i].members)), endpoints[i].line);
    arena_free(arena);
}

Test(config_rules, usages_are_for_a_local_issuer)
{
    struct arena *arena = arena_new();
    static const char rest[] = "\"profiles\": {\"p\": {\"issuer\": \"main\", \"extended_key_usages\": "
                               "[\"serverAuth\"]}}, \"endpoints\": {\"e\": {\"profiles\": [\"p\"]}}}";
    cr_expect_str_eq(
        told(arena, arena_printf(arena, "{" TOP ", \"issuers\": {\"main\": {" LOCAL "}}, %s", rest)), "");
    cr_expect_str_eq(
        told(arena, arena_printf(arena, "{" TOP ", " ISSUERS ", %s", rest)),
        "test.json: profiles.p.extended_key_usages: cannot be set for issuer \"main\": with step-ca "
        "the template of the provisioner decides");
    arena_free(arena);
}

Test(config_rules, an_issuer_offers_four_other_chains_at_most)
{
    struct arena *arena = arena_new();
    for (size_t count = 4; count <= 5; count++)
        cr_expect_str_eq(told(arena, arena_printf(arena,
                                                  "{" TOP ", \"issuers\": {\"main\": {" STEPCA
                                                  ", \"alternate_chains\": [%s]}}, " REST "}",
                                                  numbered(arena, "/chain", ".pem", count))),
                         count == 4 ? ""
                                    : "test.json: issuers.main.alternate_chains: at most 4 can be offered");
    arena_free(arena);
}

Test(config_rules, a_listener_for_proxies_needs_trusted_ones)
{
    static const char *const proxies = ", \"trusted_proxies\": [\"10.0.0.5\"]";
    static const struct {
        const char *listener;
        const char *line; /* behind "test.json: listen: ", without trusted_proxies; NULL: it is taken */
    } cases[] = {
        {"\"0.0.0.0:1\"", NULL},
        {"{\"address\": \"0.0.0.0:1\"}", NULL},
        {"{\"address\": \"127.0.0.1:1\", \"tls\": false}", NULL},
        {"{\"address\": \"127.255.0.1:1\", \"tls\": false}", NULL},
        {"{\"address\": \"[::1]:1\", \"tls\": false}", NULL},
        {"{\"address\": \"10.0.0.1:1\", \"tls\": false}",
         "10.0.0.1 port 1: without TLS it must have a loopback address, or trusted_proxies must be set: only "
         "these may then connect"},
        {"{\"address\": \"0.0.0.0:1\", \"tls\": false}",
         "0.0.0.0 port 1: without TLS it must have a loopback address, or trusted_proxies must be set: only "
         "these "
         "may then connect"},
        {"{\"address\": \"127.0.0.1:1\", \"proxy_protocol\": true}",
         "127.0.0.1 port 1: proxy_protocol needs trusted_proxies, the only ones who may use it"},
        {"{\"address\": \"[::1]:1\", \"forwarded_headers\": true}",
         "::1 port 1: forwarded_headers needs trusted_proxies, whose headers count"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = arena_printf(arena, "{" GOOD ", \"listen\": [%s]}", cases[i].listener);
        cr_expect_str_eq(told(arena, text),
                         cases[i].line == NULL ? ""
                                               : arena_printf(arena, "test.json: listen: %s", cases[i].line));
        text = arena_printf(arena, "{" GOOD ", \"listen\": [%s]%s}", cases[i].listener, proxies);
        cr_expect_str_eq(told(arena, text), "", "%s", cases[i].listener);
    }
    arena_free(arena);
}

Test(config_rules, the_admin_API_over_TCP_needs_a_token_of_16_characters)
{
    static const struct {
        const char *token; /* NULL: none */
        const char *line;  /* behind "test.json: admin.token_file: "; NULL: it is taken */
    } cases[] = {{NULL, "is missing beside admin.listen: over TCP a token is needed"},
                 {"0123456789abcde", "the token must have at least 16 characters"},
                 {"0123456789abcdef", NULL}};
    char path[] = "/tmp/acmegate-token-XXXXXX";
    close(mkstemp(path));
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file = "";
        if (cases[i].token != NULL) {
            cr_assert(file_replace(path, bytes_from_string(cases[i].token), 0600));
            file = arena_printf(arena, ", \"token_file\": \"%s\"", path);
        }
        const char *text =
            arena_printf(arena, "{" GOOD ", \"admin\": {\"listen\": [\"127.0.0.1:1\"]%s}}", file);
        cr_expect_str_eq(told(arena, text),
                         cases[i].line == NULL
                             ? ""
                             : arena_printf(arena, "test.json: admin.token_file: %s", cases[i].line));
    }
    unlink(path);
    arena_free(arena);
}

Test(config_rules, a_password_of_the_own_key_needs_the_key)
{
    char path[] = "/tmp/acmegate-password-XXXXXX";
    close(mkstemp(path));
    struct arena *arena = arena_new();
    cr_assert(file_replace(path, BYTES_LITERAL("secret"), 0600));
    static const char base[] = "{\"base_url\": \"https://acme.internal:9443\", " ISSUERS ", " REST;
    const char *password = arena_printf(arena, "\"key_password_file\": \"%s\"", path);
    cr_expect_str_eq(told(arena, arena_printf(arena, "%s, \"tls\": {\"cert\": \"c\", \"key\": \"k\", %s}}",
                                              base, password)),
                     "");
    cr_expect_str_eq(
        told(arena, arena_printf(arena, "%s, \"tls\": {\"issuer\": \"main\", %s}}", base, password)),
        "test.json: tls.key_password_file: is for tls.key, which is not set");
    unlink(path);
    arena_free(arena);
}

Test(config_rules, a_gateways_name_is_one_visible_line)
{
    enum { MOST = 255 };
    static const char invisible[] =
        "test.json: gateway_id: must have no control characters and no invisible ones";
    struct arena *arena = arena_new();
    const char *longest = arena_printf(arena, "%0*d", MOST, 7);
    const struct {
        const char *id;
        const char *line;
    } cases[] = {
        {"acme1.example.org", ""},
        {"the \\\"left\\\" one, \\\\ b{c=\\\"d\\\"}", ""},
        {"\u00e4\u4e2d", ""},
        {longest, ""},
        {arena_printf(arena, "%s0", longest), "test.json: gateway_id: must have at most 255 octets"},
        {"a\\nb", invisible},
        {"a\\tb", invisible},
        {"a\\u0007b", invisible},
        {"a\\u007f", invisible},
        {"a\\u202eb", invisible},
        {"a\\u200b", invisible},
        {"", "test.json: gateway_id: must be a non-empty string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(told(arena, arena_printf(arena, "{" GOOD ", \"gateway_id\": \"%s\"}", cases[i].id)),
                         cases[i].line, "%s", cases[i].id);
    arena_free(arena);
}

/* ---- how faults are told ---- */

Test(config_rules, a_fault_of_the_whole_has_no_path)
{
    struct arena *arena = arena_new();
    cr_expect_str_eq(told(arena, "[]"), "test.json: must contain one object: {…}");
    cr_expect_str_eq(told(arena, "{" GOOD ", \"loops\": 65}"),
                     "test.json: loops: must be an integer from 0 to 64");
    arena_free(arena);
}

Test(config_rules, every_one_of_many_faults_is_told)
{
    enum { MANY = 50 };
    struct arena *arena = arena_new();
    struct config_errors errors;
    const char **items = arena_alloc_array(arena, MANY, sizeof *items);
    for (size_t i = 0; i < MANY; i++)
        items[i] = arena_printf(arena, "\"unknown-%zu\": 1", i);
    cr_expect_null(config_text_parse(
        arena, arena_printf(arena, "{" GOOD ", %s}", arena_join(arena, items, MANY, ",")), NULL, &errors));
    cr_expect_eq(errors.count, MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_expect_not_null(
            strstr(errors.lines[i], arena_printf(arena, "test.json: unknown-%zu: unknown key; ", i)));
    arena_free(arena);
}

static const struct {
    const char *members, *line;
} unknown[] = {
    {"\"databse\": \"x\"", "test.json: databse: unknown key; did you mean database?"},
    {"\"retry_for\": \"1s\"", "test.json: retry_for: unknown key; did you mean validation.retry_for?"},
    {"\"finalize\": {\"colour\": 1}",
     "test.json: finalize.colour: unknown key; known keys: give_up_after, hold_reply"},
    {"\"finalize\": {\"give_up\": \"1s\"}",
     "test.json: finalize.give_up: unknown key; known keys: give_up_after, hold_reply"},
};

Test(config_rules, an_unknown_key_is_told_with_those_that_are_near)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_expect_str_eq(told(arena, arena_printf(arena, "{" GOOD ", %s}", unknown[i].members)),
                         unknown[i].line);
    arena_free(arena);
}
