/* SPDX-License-Identifier: Apache-2.0 */
/* Each type of value at its edges: what is taken, and what is refused with which words. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config_texts.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(config_values);

struct value_case {
    const char *json;
    const char *why; /* NULL: it is taken */
};

/* `format` has one %s for the value. */
static void expect_values(const char *format_before, const char *format_after, const char *path,
                          const struct value_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_new();
        struct config_errors errors;
        const char *text = arena_printf(arena, "%s%s%s", format_before, cases[i].json, format_after);
        bool taken = config_text_parse(arena, text, NULL, &errors) != NULL;
        cr_expect_eq(taken, cases[i].why == NULL, "%s: %s: %s", path, cases[i].json,
                     taken ? "taken" : errors.lines[0]);
        if (!taken && cases[i].why != NULL) {
            cr_expect_eq(errors.count, 1, "%s: %s", path, cases[i].json);
            cr_expect_str_eq(errors.lines[0], arena_printf(arena, "test.json: %s: %s", path, cases[i].why),
                             "%s", cases[i].json);
        }
        arena_free(arena);
    }
}
#define EXPECT_TOP(section, key, cases) \
    expect_values("{" GOOD ", \"" section "\": {\"" key "\": ", "}}", section "." key, cases, \
                  sizeof(cases) / sizeof *(cases))
#define EXPECT_OF_ISSUER(kind, key, cases) \
    expect_values("{" TOP ", \"issuers\": {\"main\": {" kind ", \"" key "\": ", "}}, " REST "}", \
                  "issuers.main." key, cases, sizeof(cases) / sizeof *(cases))
#define EXPECT_OF_ENDPOINT(more, key, cases) \
    expect_values("{" TOP ", " ISSUERS \
                  ", \"profiles\": {\"default\": {\"issuer\": \"main\"}}, \"endpoints\": " \
                  "{\"acme\": {\"profiles\": [\"default\"]" more ", \"" key "\": ", \
                  "}}}", "endpoints.acme." key, cases, sizeof(cases) / sizeof *(cases))
#define EXPECT_OF_PROFILE(key, cases) \
    expect_values("{" TOP ", \"issuers\": {\"main\": {" LOCAL \
                  "}}, \"profiles\": {\"default\": {\"issuer\": " \
                  "\"main\", \"" key "\": ", \
                  "}}, \"endpoints\": {\"acme\": {\"profiles\": [\"default\"]}}}", "profiles.default." key, \
                  cases, sizeof(cases) / sizeof *(cases))

/* ---- listeners ---- */

Test(config_values, a_listener_is_an_address_or_an_object)
{
    static const char items[] = "its items must be non-empty strings, or objects with an address";
    static const char host[] =
        "\"localhost:1\" is not an IP address and a port, as in \"0.0.0.0:9443\" or \"[::]:9443\"";
    static const struct value_case cases[] = {
        {"\"127.0.0.1:1\"", "must be a list: [\"address:port\", {…}]"},
        {"{\"address\": \"127.0.0.1:1\"}", "must be a list: [\"address:port\", {…}]"},
        {"[]", "must not be empty"},
        {"[\"127.0.0.1:1\", {\"address\": \"[::1]:1\", \"tls\": true, \"proxy_protocol\": false,"
         " \"forwarded_headers\": false}]",
         NULL},
        {"[{\"tls\": false, \"address\": \"127.0.0.1:1\"}]", NULL},
        {"[1]", items},
        {"[\"\"]", items},
        {"[[]]", items},
        {"[{}]", items},
        {"[{\"tls\": true}]", items},
        {"[{\"address\": 1}]", items},
        {"[\"localhost:1\"]", host},
        {"[{\"address\": \"localhost:1\"}]", host},
        {"[{\"address\": \"127.0.0.1:1\", \"tls\": \"no\"}]", "tls must be true or false"},
        {"[{\"address\": \"127.0.0.1:1\", \"proxy_protocol\": 2}]", "proxy_protocol must be true or false"},
        {"[{\"address\": \"127.0.0.1:1\", \"forwarded_headers\": null}]",
         "forwarded_headers must be true or false"},
        {"[{\"address\": \"127.0.0.1:1\", \"proxy\": true}]",
         "\"proxy\" is unknown in a listener; known: address, tls, proxy_protocol, forwarded_headers"},
    };
    expect_values("{" GOOD ", \"listen\": ", "}", "listen", cases, sizeof cases / sizeof *cases);
    expect_values(
        "{" GOOD ", \"pki_listen\": ", "}", "pki_listen",
        &(struct value_case){"[{\"address\": \"127.0.0.1:1\"}]", "its items must be non-empty strings"}, 1);
}

/* A proxy that passes TLS through cannot set the headers: they are then the client's own. */
Test(config_values, without_tls_the_headers_of_proxies_are_believed_unless_the_listener_says_no)
{
    static const struct {
        const char *members;
        bool plain, proxy_protocol, forwarded_headers;
    } cases[] = {
        {"", false, false, false},
        {", \"tls\": true", false, false, false},
        {", \"forwarded_headers\": true", false, false, true},
        {", \"tls\": false", true, false, true},
        {", \"forwarded_headers\": false, \"tls\": false", true, false, false},
        {", \"forwarded_headers\": true, \"tls\": false", true, false, true},
        {", \"proxy_protocol\": true", false, true, false},
        {", \"proxy_protocol\": true, \"tls\": false", true, true, true},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct config *config =
            config_text_good(arena,
                             arena_printf(arena,
                                          "{" GOOD ", \"trusted_proxies\": [\"10.0.0.5\", \"2001:db8::/64\"],"
                                          " \"listen\": [{\"address\": \"127.0.0.1:1\"%s}]}",
                                          cases[i].members),
                             NULL);
        cr_expect_eq(config->trusted_proxy_count, 2);
        cr_expect_eq(config->listen[0].plain, cases[i].plain, "%s", cases[i].members);
        cr_expect_eq(config->listen[0].proxy_protocol, cases[i].proxy_protocol, "%s", cases[i].members);
        cr_expect_eq(config->listen[0].forwarded_headers, cases[i].forwarded_headers, "%s", cases[i].members);
    }
    arena_free(arena);
}

/* ---- numbers ---- */

Test(config_values, an_integer_lies_in_its_range)
{
    static const char why[] = "must be an integer from 1 to 1000";
    static const struct value_case cases[] = {{"1", NULL},    {"1000", NULL}, {"0", why},
                                              {"1001", why},  {"-1", why},    {"1.0", why},
                                              {"\"1\"", why}, {"true", why},  {"[1]", why}};
    EXPECT_TOP("limits", "max_identifiers", cases);
}

Test(config_values, a_port_is_a_number_that_may_be_dialled)
{
    static const char why[] = "must be a port number, 1 to 65535";
    static const struct value_case cases[] = {{"1", NULL},    {"65535", NULL}, {"0", why},    {"-1", why},
                                              {"65536", why}, {"\"80\"", why}, {"80.5", why}, {"null", why}};
    EXPECT_TOP("validation", "http_port", cases);
}

Test(config_values, a_duration_lies_in_its_range)
{
    static const char why[] = "must be a duration from \"1s\" to \"10m\", in whole seconds";
    static const struct value_case cases[] = {{"\"1s\"", NULL},  {"\"10m\"", NULL}, {"\"0s\"", why},
                                              {"\"601s\"", why}, {"\"5\"", why},    {"5", why},
                                              {"\"\"", why},     {"\"off\"", why}};
    EXPECT_TOP("validation", "timeout", cases);
}

Test(config_values, a_duration_that_may_be_off)
{
    struct arena *arena = arena_new();
    const struct config *off =
        config_text_good(arena, "{" GOOD ", \"retention\": {\"events\": \"off\"}}", NULL);
    const struct config *day =
        config_text_good(arena, "{" GOOD ", \"retention\": {\"events\": \"1d\"}}", NULL);
    cr_expect_eq(off->retention_events_s, 0);
    cr_expect_eq(day->retention_events_s, 86400);
    struct config_errors errors;
    cr_expect_null(
        config_text_parse(arena, "{" GOOD ", \"retention\": {\"events\": \"on\"}}", NULL, &errors));
    cr_expect_null(config_text_parse(arena, "{" GOOD ", \"retention\": {\"events\": 0}}", NULL, &errors));
    arena_free(arena);
}

Test(config_values, a_rate_is_a_number_and_a_duration)
{
    static const char why[] = "must be a number and a duration such as \"100/1h\", or \"off\"";
    static const struct value_case cases[] = {
        {"\"1/1s\"", NULL}, {"\"100000000/366d\"", NULL},
        {"\"off\"", NULL},  {"\"0/1h\"", why},
        {"\"-1/1h\"", why}, {"\"100000001/1h\"", why},
        {"\"1/0s\"", why},  {"\"1/367d\"", why},
        {"\"1\"", why},     {"\"1/\"", why},
        {"\"/1h\"", why},   {"\"x/1h\"", why},
        {"\"1x/1h\"", why}, {"\"1/1h/1h\"", why},
        {"\"1/x\"", why},   {"5", why},
        {"\"\"", why},      {"\"on\"", why},
    };
    EXPECT_TOP("limits", "orders_per_name", cases);
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(
        arena, "{" GOOD ", \"limits\": {\"orders_per_name\": \"12/2h\", \"refusals\": \"off\"}}", NULL);
    cr_expect_eq(config->orders_per_name.count, 12);
    cr_expect_eq(config->orders_per_name.period_s, 7200);
    cr_expect_eq(config->refusals.count, 0);
    arena_free(arena);
}

Test(config_values, days_may_have_a_fraction)
{
    static const char why[] = "must be a number of days, at most 3650 (0.5 is 12 hours)";
    static const struct value_case cases[] = {
        {"0.5", NULL}, {"1", NULL},     {"3650", NULL}, {"0.0007", NULL}, {"0.0006", why}, {"0", why},
        {"-1", why},   {"3650.1", why}, {"3651", why},  {"\"1\"", why},   {"true", why}};
    EXPECT_OF_ISSUER(STEPCA, "validity_days", cases);
    struct arena *arena = arena_new();
    const struct config *config = config_text_good(
        arena, "{" TOP ", \"issuers\": {\"main\": {" STEPCA ", \"validity_days\": 0.00076}}, " REST "}",
        NULL);
    cr_expect_eq(config_issuer(config, "main")->validity_s, 66, "rounded to the nearest second");
    arena_free(arena);
}

Test(config_values, yes_or_no_is_a_boolean)
{
    static const char why[] = "must be true or false";
    static const struct value_case cases[] = {
        {"true", NULL}, {"false", NULL}, {"1", why}, {"\"true\"", why}, {"null", why}};
    EXPECT_OF_ENDPOINT(", \"authorization_lifetime\": \"1h\"", "subdomains", cases);
}

/* ---- lists ---- */

Test(config_values, usages_are_those_of_servers_and_of_clients)
{
    static const struct value_case cases[] = {
        {"[\"serverAuth\"]", NULL},
        {"[\"clientAuth\"]", NULL},
        {"[\"serverAuth\", \"clientAuth\"]", NULL},
        {"[]", NULL},
        {"[\"codeSigning\"]", "\"codeSigning\" is neither serverAuth nor clientAuth"},
        {"[\"serverAuth\", \"serverauth\"]", "\"serverauth\" is neither serverAuth nor clientAuth"},
    };
    EXPECT_OF_PROFILE("extended_key_usages", cases);
}

Test(config_values, key_types_are_those_that_are_known)
{
    static const struct value_case cases[] = {
        {"[\"P-256\"]", NULL}, {"[\"P-384\", \"P-256\"]", NULL}, {"[\"RSA\"]", NULL}};
    EXPECT_OF_PROFILE("key_types", cases);
    struct arena *arena = arena_new();
    struct config_errors errors;
    cr_expect_null(
        config_text_parse(arena,
                          "{" TOP ", " ISSUERS
                          ", \"profiles\": {\"default\": {\"issuer\": \"main\", \"key_types\": [\"P-256\", "
                          "\"P-255\"]}}, \"endpoints\": {\"acme\": {\"profiles\": [\"default\"]}}}",
                          NULL, &errors));
    cr_expect(config_text_tells(&errors, "profiles.default.key_types",
                                "\"P-255\" is not a supported key type; supported: "),
              "%s", errors.lines[0]);
    cr_expect(config_text_tells(&errors, "profiles.default.key_types", "P-256, P-384"));
    arena_free(arena);
}

Test(config_values, resolvers_are_addresses_with_or_without_a_port)
{
#define NO_RESOLVER(text) "\"" text "\" is not an IP address or address:port"
    static const struct value_case cases[] = {
        {"[\"192.0.2.1\", \"192.0.2.1:53\", \"::1\", \"[::1]:53\", \"[::1]\"]", NULL},
        {"[\"192.0.2.1:0\"]", NO_RESOLVER("192.0.2.1:0")},
        {"[\"[::1]:0\"]", NO_RESOLVER("[::1]:0")},
        {"[\"[192.0.2.1]:53\"]", NO_RESOLVER("[192.0.2.1]:53")},
        {"[\"192.0.2.256\"]", NO_RESOLVER("192.0.2.256")},
        {"[\"dns.test\"]", NO_RESOLVER("dns.test")},
        {"[\"0000000000000000000000000000000000000000000000::1\"]",
         NO_RESOLVER("0000000000000000000000000000000000000000000000::1")},
    };
    EXPECT_TOP("validation", "resolvers", cases);
}

#define LETTERS_50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LETTERS_250 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50

Test(config_values, hosts_are_names_or_addresses_with_or_without_a_port)
{
    static const char *const good[] = {"a",     "a.test",    "a-b_c.test", "10.0.0.1",       "a:1",
                                       "[::1]", "[::1]:443", "A9",         LETTERS_250 "abc"};
    static const char *const bad[] = {"",    "-a",     ".a",         "a b",   "a/b", "a:0",
                                      "a:x", "[::1",   "[10.0.0.1]", "[::g]", "a@b", LETTERS_250 "abcd",
                                      "::1", "a:70000"};
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        bool is_good = i < sizeof good / sizeof *good;
        const char *host = is_good ? good[i] : bad[i - sizeof good / sizeof *good];
        struct arena *arena = arena_new();
        struct config_errors errors;
        bool taken =
            config_text_parse(arena, arena_printf(arena, "{" GOOD ", \"alternate_names\": [\"%s\"]}", host),
                              NULL, &errors) != NULL;
        cr_expect_eq(taken, is_good, "%s", host);
        arena_free(arena);
    }
}

Test(config_values, challenges_are_known_by_their_names)
{
    struct arena *arena = arena_new();
    static const char *const bad[] = {"[]", "\"http-01\"", "[1]", "[\"http-02\"]", "[\"http-01\", \"\"]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config_errors errors;
        const char *text = arena_printf(
            arena,
            "{" TOP ", " ISSUERS ", \"profiles\": {\"p\": {\"issuer\": \"main\"}}, \"endpoints\": {\"e\": "
            "{\"profiles\": [\"p\"], \"challenges\": %s}}}",
            bad[i]);
        cr_expect_null(config_text_parse(arena, text, NULL, &errors), "%s", bad[i]);
        cr_expect(config_text_tells(&errors, "endpoints.e.challenges",
                                    "http-01, dns-01, tls-alpn-01, dns-account-01, dns-persist-01"),
                  "%s: %s", bad[i], errors.lines[0]);
    }
    arena_free(arena);
}

/* ---- names of sections ---- */

Test(config_values, a_section_has_a_name_of_64_letters_at_most)
{
    static const struct {
        const char *name;
        bool good;
    } names[] = {{"a-Z_9", true},
                 {LETTERS_50 "bbbbbbbbbbbbbb", true},
                 {LETTERS_50 "bbbbbbbbbbbbbbb", false},
                 {"", false},
                 {"a b", false},
                 {"a/b", false},
                 {"\xc3\xa9", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct arena *arena = arena_new();
        struct config_errors errors;
        const char *text = arena_printf(arena,
                                        "{" TOP ", " ISSUERS
                                        ", \"profiles\": {\"p\": {\"issuer\": \"main\"}}, \"endpoints\": "
                                        "{\"%s\": {\"profiles\": [\"p\"]}}}",
                                        names[i].name);
        bool taken = config_text_parse(arena, text, NULL, &errors) != NULL;
        cr_expect_eq(taken, names[i].good, "%s", names[i].name);
        cr_expect(taken || config_text_tells(&errors, "endpoints.",
                                             "must have a name of letters, digits, - and _, at most 64"));
        arena_free(arena);
    }
}

/* ---- files of secrets ---- */

Test(config_values, a_file_of_white_space_holds_no_password)
{
    char path[] = "/tmp/acmegate-password-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd != -1 && write(fd, " \n\t\xc2\xa0", 5) == 5);
    close(fd);
    struct arena *arena = arena_new();
    struct config_errors errors;
    const char *format = "{" TOP ", \"issuers\": {\"main\": {" LOCAL ", \"key_password_file\": \"";
    cr_expect_null(
        config_text_parse(arena, arena_printf(arena, "%s%s\"}}, " REST "}", format, path), NULL, &errors));
    cr_expect(config_text_tells(&errors, "issuers.main.key_password_file",
                                arena_printf(arena, "%s contains no password", path)),
              "%s", errors.lines[0]);
    cr_expect_null(config_text_parse(arena, arena_printf(arena, "%s\"}}, " REST "}", format), NULL, &errors));
    cr_expect(config_text_tells(&errors, "issuers.main.key_password_file", "must be the path of a file"),
              "%s", errors.lines[0]);
    unlink(path);
    arena_free(arena);
}
