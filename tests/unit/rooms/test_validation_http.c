/* SPDX-License-Identifier: Apache-2.0 */
/* http-01: what is dialled, what is followed, and which faults may pass. */
#include "leaks.h"
#include "validation_try.h"

LEAK_CHECKED_SUITE(validation_http);

#define PATH  "/.well-known/acme-challenge/token"
#define URL   "http://www.test:5002" PATH
#define RIGHT TRY_KEY_AUTHORIZATION
#define HOSTS(...) \
    (const struct world_host[]) \
    { \
        __VA_ARGS__, {0} \
    }
#define PAGES(...) \
    (const struct world_page[]) \
    { \
        __VA_ARGS__, {0} \
    }
#define ONE_HOST    HOSTS({"www.test", .addresses = "10.0.0.1"})
#define ASKED_ONCE  "A www.test\nGET " URL " at 10.0.0.1\n"
#define GOT(status) "GET " URL " at 10.0.0.1 port 5002: status " status

static const struct validation_case answers[] = {
    {"the key authorization", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 200, .body = RIGHT})}, .tried = GOT("200"),
     .asked = ASKED_ONCE},
    {"white space behind it", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 200, .body = RIGHT " \r\n"})},
     .tried = GOT("200"), .asked = ASKED_ONCE},
    {"another text", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 200, .body = "Hello"})},
     .expected = URL " at 10.0.0.1 port 5002 answered \"Hello\", expected \"" RIGHT "\".",
     .type = PROBLEM_INCORRECT_RESPONSE, .tried = GOT("200"), .asked = ASKED_ONCE},
    {"no text", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 200})},
     .expected = URL " at 10.0.0.1 port 5002 answered \"\", expected \"" RIGHT "\".",
     .type = PROBLEM_INCORRECT_RESPONSE, .tried = GOT("200"), .asked = ASKED_ONCE},
    {"404", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 404, .body = RIGHT})},
     .expected = URL " at 10.0.0.1 port 5002 answered with status 404, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_WRONG_STATUS, .tried = GOT("404"),
     .asked = ASKED_ONCE},
    {"201", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 201, .body = RIGHT})},
     .expected = URL " at 10.0.0.1 port 5002 answered with status 201, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_WRONG_STATUS, .tried = GOT("201"),
     .asked = ASKED_ONCE},
    {"499", CHALLENGE_HTTP_01, "www.test", .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 499})},
     .expected = URL " at 10.0.0.1 port 5002 answered with status 499, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_WRONG_STATUS, .tried = GOT("499"),
     .asked = ASKED_ONCE},
    {"500 may pass", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 500})},
     .expected = URL " at 10.0.0.1 port 5002 answered with status 500, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_SERVER_ERROR, .passing = true, .tried = GOT("500"),
     .asked = ASKED_ONCE},
    {"429 may pass", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 429})},
     .expected = URL " at 10.0.0.1 port 5002 answered with status 429, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_WRONG_STATUS, .passing = true, .tried = GOT("429"),
     .asked = ASKED_ONCE},
    {"an address in the place of a name", CHALLENGE_HTTP_01, "10.0.0.9",
     .world = {.hosts = HOSTS({"10.0.0.9", .addresses = "10.0.0.9"}),
               .pages = PAGES({"http://10.0.0.9:5002" PATH, .status = 200, .body = RIGHT})},
     .tried = "GET http://10.0.0.9:5002" PATH " at 10.0.0.9 port 5002: status 200",
     .asked = "A 10.0.0.9\nGET http://10.0.0.9:5002" PATH " at 10.0.0.9\n"},
    {"an IPv6 address", CHALLENGE_HTTP_01, "fd00::9",
     .world = {.hosts = HOSTS({"fd00::9", .addresses = "fd00::9"}),
               .pages = PAGES({"http://[fd00::9]:5002" PATH, .status = 200, .body = RIGHT})},
     .tried = "GET http://[fd00::9]:5002" PATH " at fd00::9 port 5002: status 200",
     .asked = "A fd00::9\nGET http://[fd00::9]:5002" PATH " at fd00::9\n"},
};

Test(validation_http, the_answer_decides)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        validation_try(&answers[i], NULL, 0);
}

#define FORBIDDEN \
    "www.test has the address 127.0.0.1 (loopback), which validations may not dial " \
    "(validation.allow_addresses)"

static const struct validation_case addresses[] = {
    {"no such name", CHALLENGE_HTTP_01, "www.test",
     .expected = "The look-up of www.test failed: no such name", .type = PROBLEM_DNS,
     .cause = CAUSE_NAME_SERVER_FAILED, .passing = true, .tried = "look-up of www.test: no such name",
     .asked = "A www.test\n"},
    {"a name without addresses", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = NULL})},
     .expected = "www.test has no A or AAAA record.", .type = PROBLEM_DNS, .cause = CAUSE_NO_ADDRESS,
     .tried = "look-up of www.test: no address", .asked = "A www.test\n"},
    {"an alias without addresses", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = NULL, .alias = "cdn.test"})},
     .expected = "www.test is an alias (CNAME) of cdn.test, which has no A or AAAA record.",
     .type = PROBLEM_DNS, .cause = CAUSE_NO_ADDRESS_BEHIND_ALIAS,
     .tried = "look-up of www.test: an alias of cdn.test, no address", .asked = "A www.test\n"},
    {"loopback alone", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "127.0.0.1"}),
               .pages = PAGES({URL, .status = 200, .body = RIGHT})},
     .expected = FORBIDDEN, .type = PROBLEM_CONNECTION, .cause = CAUSE_ADDRESS_FORBIDDEN, .tried = FORBIDDEN,
     .asked = "A www.test\n"},
    {"loopback that is allowed", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "127.0.0.1"}),
               .pages = PAGES({URL, .status = 200, .body = RIGHT})},
     .allowed = "127.0.0.0/8", .tried = "GET " URL " at 127.0.0.1 port 5002: status 200",
     .asked = "A www.test\nGET " URL " at 127.0.0.1\n"},
    {"loopback beside another", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "127.0.0.1 10.0.0.1"}),
               .pages = PAGES({URL, .status = 200, .body = RIGHT})},
     .tried = FORBIDDEN "; " GOT("200"), .asked = ASKED_ONCE},
    {"the second address answers", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "fd00::1 10.0.0.1"}),
               .pages = PAGES({URL, "10.0.0.1", .status = 200, .body = RIGHT})},
     .tried = "GET " URL " at fd00::1 port 5002: Connection refused; " GOT("200"),
     .asked = "A www.test\nGET " URL " at fd00::1\nGET " URL " at 10.0.0.1\n"},
    {"the first answer decides", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "fd00::1 10.0.0.1"}),
               .pages =
                   PAGES({URL, "fd00::1", .status = 404}, {URL, "10.0.0.1", .status = 200, .body = RIGHT})},
     .expected = URL " at fd00::1 port 5002 answered with status 404, expected 200.",
     .type = PROBLEM_UNAUTHORIZED, .cause = CAUSE_HTTP_WRONG_STATUS,
     .tried = "GET " URL " at fd00::1 port 5002: status 404",
     .asked = "A www.test\nGET " URL " at fd00::1\n"},
    {"the port is closed", CHALLENGE_HTTP_01, "www.test", .world = {.hosts = ONE_HOST},
     .expected = "No address of www.test answered: GET " URL " at 10.0.0.1 port 5002: Connection refused",
     .type = PROBLEM_CONNECTION, .cause = CAUSE_CONNECTION_FAILED, .passing = true,
     .tried = "GET " URL " at 10.0.0.1 port 5002: Connection refused", .asked = ASKED_ONCE},
};

Test(validation_http, the_allowed_addresses_are_dialled_in_turn)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        validation_try(&addresses[i], NULL, 0);
}

/* ---- redirects ---- */

#define HOP(to) {URL, .status = 302, .location = to}
#define TO      "http://other.test/there"
#define SECURE  "https://other.test/there"
#define BOTH    HOSTS({"www.test", .addresses = "10.0.0.1"}, {"other.test", .addresses = "10.0.0.2"})
#define REFUSED(port) \
    URL " redirects to port " port \
        "; redirects are followed to the ports 80, 443, validation.http_port (5002) " \
        "and validation.tls_port (5001) only."

static const struct validation_case redirects[] = {
    {"to another host", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH, .pages = PAGES(HOP(TO), {TO, .status = 200, .body = RIGHT})},
     .tried = GOT("302") "; GET " TO " at 10.0.0.2 port 80: status 200",
     .asked = ASKED_ONCE "A other.test\nGET " TO " at 10.0.0.2\n"},
    {"to https", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH, .pages = PAGES(HOP(SECURE), {SECURE, .status = 200, .body = RIGHT})},
     .tried = GOT("302") "; GET " SECURE " at 10.0.0.2 port 443: status 200",
     .asked = ASKED_ONCE "A other.test\nGET " SECURE " at 10.0.0.2\n"},
    {"to a path", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST,
               .pages = PAGES(HOP("/there"), {"http://www.test:5002/there", .status = 200, .body = RIGHT})},
     .tried = GOT("302") "; GET http://www.test:5002/there at 10.0.0.1 port 5002: status 200",
     .asked = ASKED_ONCE "A www.test\nGET http://www.test:5002/there at 10.0.0.1\n"},
    {"what a redirect leads to is not shown", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH, .pages = PAGES(HOP(TO), {TO, .status = 200, .body = "secret"})},
     .expected = TO " at 10.0.0.2 port 80 answered another text, expected \"" RIGHT "\".",
     .type = PROBLEM_INCORRECT_RESPONSE, .tried = GOT("302") "; GET " TO " at 10.0.0.2 port 80: status 200",
     .asked = ASKED_ONCE "A other.test\nGET " TO " at 10.0.0.2\n"},
    {"to a forbidden address", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = HOSTS({"www.test", .addresses = "10.0.0.1"},
                              {"other.test", .addresses = "169.254.169.254"}),
               .pages = PAGES(HOP(TO), {TO, .status = 200, .body = RIGHT})},
     .expected = GOT("302") "; other.test has the address 169.254.169.254 (link-local, with the metadata "
                            "services of most clouds), which validations may not dial "
                            "(validation.allow_addresses)",
     .type = PROBLEM_CONNECTION, .cause = CAUSE_ADDRESS_FORBIDDEN,
     .tried = GOT("302") "; other.test has the address 169.254.169.254 (link-local, with the metadata "
                         "services of most clouds), which validations may not dial "
                         "(validation.allow_addresses)",
     .asked = ASKED_ONCE "A other.test\n"},
    {"to another port", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH, .pages = PAGES(HOP("http://other.test:8080/"))}, .expected = REFUSED("8080"),
     .type = PROBLEM_CONNECTION, .cause = CAUSE_REDIRECT_REFUSED, .tried = GOT("302"), .asked = ASKED_ONCE},
    {"to the ports of the configuration", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH,
               .pages =
                   PAGES(HOP("https://other.test:5001/"),
                         {"https://other.test:5001/", .status = 307, .location = "http://other.test:5002/"},
                         {"http://other.test:5002/", .status = 200, .body = RIGHT})},
     .tried = GOT("302") "; GET https://other.test:5001/ at 10.0.0.2 port 5001: status 307; GET "
                         "http://other.test:5002/ at 10.0.0.2 port 5002: status 200",
     .asked = ASKED_ONCE "A other.test\nGET https://other.test:5001/ at 10.0.0.2\nA other.test\nGET "
                         "http://other.test:5002/ at 10.0.0.2\n"},
    {"to https on port 80", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = BOTH,
               .pages = PAGES(HOP("https://other.test:80/"),
                              {"https://other.test:80/", .status = 200, .body = RIGHT})},
     .tried = GOT("302") "; GET https://other.test:80/ at 10.0.0.2 port 80: status 200",
     .asked = ASKED_ONCE "A other.test\nGET https://other.test:80/ at 10.0.0.2\n"},
    {"to another scheme", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES(HOP("ftp://other.test/"))},
     .expected = URL " redirects to no http or https URL.", .type = PROBLEM_CONNECTION,
     .cause = CAUSE_REDIRECT_REFUSED, .tried = GOT("302"), .asked = ASKED_ONCE},
    {"without a Location", CHALLENGE_HTTP_01, "www.test",
     .world = {.hosts = ONE_HOST, .pages = PAGES({URL, .status = 301})},
     .expected = URL " redirects to no http or https URL.", .type = PROBLEM_CONNECTION,
     .cause = CAUSE_REDIRECT_REFUSED, .tried = GOT("301"), .asked = ASKED_ONCE},
};

Test(validation_http, a_redirect_goes_through_the_same_gate)
{
    for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++)
        validation_try(&redirects[i], NULL, 0);
}

static const struct {
    int status;
    bool followed;
} statuses[] = {{300, false}, {301, true},  {302, true}, {303, true}, {304, false},
                {305, false}, {306, false}, {307, true}, {308, true}, {309, false}};

Test(validation_http, only_redirecting_statuses_are_followed)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char number[8], tried[256], expected[256];
        snprintf(number, sizeof number, "%d", statuses[i].status);
        snprintf(tried, sizeof tried, "GET " URL " at 10.0.0.1 port 5002: status %d%s", statuses[i].status,
                 statuses[i].followed ? "; GET " TO " at 10.0.0.2 port 80: status 200" : "");
        snprintf(expected, sizeof expected,
                 URL " at 10.0.0.1 port 5002 answered with status %d, expected 200.", statuses[i].status);
        const struct world_page pages[] = {
            {URL, .status = statuses[i].status, .location = TO}, {TO, .status = 200, .body = RIGHT}, {0}};
        const struct validation_case one = {
            number,
            CHALLENGE_HTTP_01,
            "www.test",
            .world = {.hosts = BOTH, .pages = pages},
            .expected = statuses[i].followed ? NULL : expected,
            .type = PROBLEM_UNAUTHORIZED,
            .cause = CAUSE_HTTP_WRONG_STATUS,
            .tried = tried,
            .asked = statuses[i].followed ? ASKED_ONCE "A other.test\nGET " TO " at 10.0.0.2\n" : ASKED_ONCE,
        };
        validation_try(&one, NULL, 0);
    }
}

/* The first request and ten redirects; the eleventh is not followed. */
Test(validation_http, a_chain_of_redirects_ends)
{
    for (int hops = 10; hops <= 11; hops++) {
        struct world_page pages[13] = {{0}};
        char urls[13][32], asked[2048] = "", tried[2048] = "";
        for (int i = 0; i <= hops; i++) {
            snprintf(urls[i], sizeof urls[i], "http://www.test/%d", i);
            const char *url = i == 0 ? URL : urls[i];
            bool last = i == hops;
            pages[i] = (struct world_page){.url = url, .status = last ? 200 : 302, .body = RIGHT};
            if (i > 0)
                pages[i - 1].location = url;
            if (i > 10)
                break;
            size_t n = strlen(asked), m = strlen(tried);
            snprintf(asked + n, sizeof asked - n, "A www.test\nGET %s at 10.0.0.1\n", url);
            snprintf(tried + m, sizeof tried - m, "%sGET %s at 10.0.0.1 port %d: status %d",
                     i == 0 ? "" : "; ", url, i == 0 ? 5002 : 80, last ? 200 : 302);
        }
        const struct validation_case one = {
            "a chain",
            CHALLENGE_HTTP_01,
            "www.test",
            .world = {.hosts = ONE_HOST, .pages = pages},
            .expected = hops == 10 ? NULL : "http://www.test/10 redirects more than 10 times.",
            .type = PROBLEM_CONNECTION,
            .cause = CAUSE_REDIRECT_LOOP,
            .tried = tried,
            .asked = asked,
        };
        validation_try(&one, NULL, 0);
    }
}

/* ---- time ---- */

/* 10 s in all: the first of two addresses may take half of what the look-up has left, the second all. */
Test(validation_http, addresses_share_the_time_that_is_left)
{
    static const struct {
        int64_t look_up_ms, first_ms, last_timeout_ms;
    } cases[] = {{1, 1, 9998}, {2000, 1, 7999}, {1, 60000, 5000}, {4000, 60000, 3000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct world_host hosts[] = {
            {"www.test", .addresses = "fd00::1 10.0.0.1", .delay_ms = cases[i].look_up_ms}, {0}};
        const struct world_page pages[] = {
            {URL, "fd00::1", .error = "it hung up", .delay_ms = cases[i].first_ms},
            {URL, "10.0.0.1", .status = 200, .body = RIGHT},
            {0}};
        bool late = cases[i].first_ms > 10000;
        const struct validation_case one = {
            "two addresses",
            CHALLENGE_HTTP_01,
            "www.test",
            .world = {.hosts = hosts, .pages = pages},
            .tried = late ? "GET " URL " at fd00::1 port 5002: Timeout was reached; " GOT("200")
                          : "GET " URL " at fd00::1 port 5002: it hung up; " GOT("200"),
            .asked = "A www.test\nGET " URL " at fd00::1\nGET " URL " at 10.0.0.1\n",
        };
        validation_try(&one, NULL, 0);
        int64_t off = world.last_timeout_ms - cases[i].last_timeout_ms;
        cr_expect(off >= -1 && off <= 1, "case %zu: %lld", i, (long long)world.last_timeout_ms);
    }
}

/* ---- causes ---- */

Test(validation_http, a_fault_outside_has_its_cause)
{
    static const struct {
        enum outbound_fault fault;
        enum cause cause;
    } dials[] = {{OUTBOUND_UNREACHABLE, CAUSE_CONNECTION_FAILED},
                 {OUTBOUND_TIMED_OUT, CAUSE_CONNECTION_TIMED_OUT},
                 {OUTBOUND_TLS_FAILED, CAUSE_TLS_FAILED},
                 {OUTBOUND_BROKEN, CAUSE_CONNECTION_BROKEN}};
    for (size_t i = 0; i < sizeof dials / sizeof *dials; i++) {
        const struct world_page pages[] = {{URL, .error = "it failed", .fault = dials[i].fault}, {0}};
        const struct validation_case one = {
            "a dial",
            CHALLENGE_HTTP_01,
            "www.test",
            .world = {.hosts = ONE_HOST, .pages = pages},
            .expected = "No address of www.test answered: GET " URL " at 10.0.0.1 port 5002: it failed",
            .type = PROBLEM_CONNECTION,
            .cause = dials[i].cause,
            .passing = true,
            .tried = "GET " URL " at 10.0.0.1 port 5002: it failed",
            .asked = ASKED_ONCE,
        };
        validation_try(&one, NULL, 0);
    }
    static const struct {
        enum outbound_dns_fault fault;
        enum cause cause;
    } servers[] = {{OUTBOUND_DNS_FAILED, CAUSE_NAME_SERVER_FAILED},
                   {OUTBOUND_DNS_REFUSED, CAUSE_NAME_SERVER_REFUSED},
                   {OUTBOUND_DNS_SILENT, CAUSE_NAME_SERVER_SILENT},
                   {OUTBOUND_DNS_UNREACHABLE, CAUSE_NAME_SERVER_UNREACHABLE},
                   {OUTBOUND_DNS_NOT_RECURSIVE, CAUSE_NAME_SERVER_NOT_RECURSIVE},
                   {OUTBOUND_DNS_MALFORMED, CAUSE_NAME_SERVER_MALFORMED}};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        const struct world_host hosts[] = {{"www.test", .error = "it failed", .fault = servers[i].fault},
                                           {0}};
        const struct validation_case one = {
            "a look-up",
            CHALLENGE_HTTP_01,
            "www.test",
            .world = {.hosts = hosts},
            .expected = "The look-up of www.test failed: it failed",
            .type = PROBLEM_DNS,
            .cause = servers[i].cause,
            .passing = true,
            .tried = "look-up of www.test: it failed",
            .asked = "A www.test\n",
        };
        validation_try(&one, NULL, 0);
    }
}
