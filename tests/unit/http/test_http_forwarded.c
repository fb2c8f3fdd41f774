/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a request is, by the headers of proxies. 10.0.0.0/8 and 2001:db8::/32 are proxies; 10.0.0.1 called.
 */
#include "gateway/http/http_forwarded.h"

#include "acme/base/buffer.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_forwarded);

enum { LINES_MAX = 3 };

#define X_NONE   "X-Forwarded-For holds no address for its client"
#define F_NONE   "Forwarded holds no address for its client"
#define DIFFER   "X-Forwarded-For and Forwarded name different clients"
#define IPV6     "2001:678::7"
#define IPV6_TOO "2001:0678:0:0:0:0:0:7"

static struct network proxies[2];

static void read_proxies(void)
{
    cr_assert(network_parse("10.0.0.0/8", &proxies[0]) && network_parse("2001:db8::/32", &proxies[1]));
}

static struct address address_from(const char *text)
{
    struct address address;
    cr_assert(address_parse(&address, bytes_from_string(text)), "%s", text);
    return address;
}

/* Each line is copied to its own end, so that a read behind it is found. */
static void take_exact(struct http_forwarded *list, const char *line, bool x)
{
    struct arena *arena = arena_new();
    size_t n = strlen(line);
    uint8_t *exact = arena_alloc(arena, n == 0 ? 1 : n);
    memcpy(exact, line, n);
    (x ? http_forwarded_take_x : http_forwarded_take)(list, bytes_of(exact, n), proxies, 2);
    arena_free(arena);
}

static void expect_client(const char *const *x_lines, const char *const *lines, const char *wanted,
                          const char *wanted_why)
{
    struct http_forwarded x = {0}, standard = {0};
    char text[INET6_ADDRSTRLEN];
    struct address client = address_from("10.0.0.1");
    read_proxies();
    for (size_t i = 0; i < LINES_MAX && x_lines[i] != NULL; i++)
        take_exact(&x, x_lines[i], true);
    for (size_t i = 0; i < LINES_MAX && lines[i] != NULL; i++)
        take_exact(&standard, lines[i], false);
    const char *why = http_forwarded_client(&x, &standard, &client);
    const char *what = x_lines[0] != NULL ? x_lines[0] : lines[0] != NULL ? lines[0] : "neither";
    address_write(text, &client);
    cr_expect_str_eq(text, wanted == NULL ? "10.0.0.1" : wanted, "%s: %s", what, text);
    cr_expect(why == wanted_why || (why != NULL && wanted_why != NULL && strcmp(why, wanted_why) == 0),
              "%s: %s", what, why == NULL ? "taken" : why);
}

static const char *const nothing[LINES_MAX] = {NULL};

static const struct {
    const char *lines[LINES_MAX];
    const char *client; /* NULL: the proxy */
    const char *why;
} x_cases[] = {
    {{"192.0.2.7"}, "192.0.2.7", NULL},
    {{" \t192.0.2.7 \t"}, "192.0.2.7", NULL},
    {{IPV6}, IPV6, NULL},
    {{IPV6_TOO}, IPV6, NULL},
    {{"[" IPV6 "]"}, IPV6, NULL},
    {{"[" IPV6 "]:4711"}, IPV6, NULL},
    {{"192.0.2.7:4711"}, "192.0.2.7", NULL},
    {{"192.0.2.7:0"}, "192.0.2.7", NULL},
    {{"::ffff:192.0.2.7"}, "192.0.2.7", NULL},
    /* The rightmost that is not a proxy; what is left of it, the client has written. */
    {{"203.0.113.1, 192.0.2.7"}, "192.0.2.7", NULL},
    {{"203.0.113.1,192.0.2.7,10.0.0.2"}, "192.0.2.7", NULL},
    {{"203.0.113.1, 192.0.2.7, 10.0.0.2, 2001:db8::1, [2001:db8::2]:1, ::ffff:10.0.0.3"}, "192.0.2.7", NULL},
    {{"garbage, 192.0.2.7, 10.0.0.2"}, "192.0.2.7", NULL},
    {{"10.0.0.9, 192.0.2.7"}, "192.0.2.7", NULL},
    /* All of them are proxies: the leftmost. */
    {{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", NULL},
    {{"10.0.0.1"}, NULL, NULL},
    /* Several lines are one list. */
    {{"203.0.113.1", "192.0.2.7", "10.0.0.2"}, "192.0.2.7", NULL},
    {{"192.0.2.7", "10.0.0.3, 10.0.0.2"}, "192.0.2.7", NULL},
    {{"10.0.0.2", "192.0.2.7"}, "192.0.2.7", NULL},
    /* Empty elements do not count. */
    {{"", ", ,192.0.2.7,, "}, "192.0.2.7", NULL},
    {{""}, NULL, NULL},
    {{" ,\t,"}, NULL, NULL},
    /* An element without an address ends the walk at the proxy that wrote it. */
    {{"unknown"}, NULL, X_NONE},
    {{"192.0.2.7, unknown"}, NULL, X_NONE},
    {{"192.0.2.7, unknown, 10.0.0.2"}, "10.0.0.2", NULL},
    {{"unknown, 10.0.0.3, 10.0.0.2"}, "10.0.0.3", NULL},
    {{"192.0.2.7, unknown", "10.0.0.3,10.0.0.2"}, "10.0.0.3", NULL},
    {{"_hidden"}, NULL, X_NONE},
    {{"unix:"}, NULL, X_NONE},
    {{"\"192.0.2.7\""}, NULL, X_NONE},
    {{"192.0.2.7 10.0.0.2"}, NULL, X_NONE},
    {{"192.0.2.7;10.0.0.2"}, NULL, X_NONE},
    {{"192.0.2.7:"}, NULL, X_NONE},
    {{"192.0.2.7:65536"}, NULL, X_NONE},
    {{"192.0.2.7:+1"}, NULL, X_NONE},
    {{"192.0.2.7:1:2"}, NULL, X_NONE},
    {{"[192.0.2.7]"}, NULL, X_NONE},
    {{"[192.0.2.7]:1"}, NULL, X_NONE},
    {{"[" IPV6}, NULL, X_NONE},
    {{"[" IPV6 "]4711"}, NULL, X_NONE},
    {{"[]"}, NULL, X_NONE},
    {{"fe80::1%eth0"}, NULL, X_NONE},
    {{"192.0.2.0/24"}, NULL, X_NONE},
    {{"localhost"}, NULL, X_NONE},
};

Test(http_forwarded, the_rightmost_address_of_x_forwarded_for_that_is_no_proxy)
{
    for (size_t i = 0; i < sizeof x_cases / sizeof *x_cases; i++)
        expect_client(x_cases[i].lines, nothing, x_cases[i].client, x_cases[i].why);
}

static const struct {
    const char *lines[LINES_MAX];
    const char *client;
    const char *why;
} cases[] = {
    {{"for=192.0.2.7"}, "192.0.2.7", NULL},
    {{"For=\"192.0.2.7\""}, "192.0.2.7", NULL},
    {{"for=\"192.0.2.7:4711\""}, "192.0.2.7", NULL},
    {{"for=\"[" IPV6 "]\""}, IPV6, NULL},
    {{"FOR=\"[" IPV6 "]:4711\";proto=https;by=203.0.113.43"}, IPV6, NULL},
    {{"for=\"\\[2001:678::\\7\\]\""}, IPV6, NULL},
    {{"proto=https ; host=\"a,b;for=203.0.113.1\" ; for=192.0.2.7"}, "192.0.2.7", NULL},
    {{";for=192.0.2.7;;"}, "192.0.2.7", NULL},
    {{"by=\"\";for=192.0.2.7"}, "192.0.2.7", NULL},
    {{"for=203.0.113.1, for=192.0.2.7"}, "192.0.2.7", NULL},
    {{"for=203.0.113.1,for=192.0.2.7 ,\tfor=10.0.0.2;proto=http"}, "192.0.2.7", NULL},
    {{"for=unknown, for=192.0.2.7, for=\"[2001:db8::1]\""}, "192.0.2.7", NULL},
    {{"for=10.0.0.3, for=10.0.0.2"}, "10.0.0.3", NULL},
    {{"for=203.0.113.1", "for=192.0.2.7", "for=10.0.0.2"}, "192.0.2.7", NULL},
    {{"", " , ", ",,for=192.0.2.7, "}, "192.0.2.7", NULL},
    {{""}, NULL, NULL},
    {{"for=unknown"}, NULL, F_NONE},
    {{"for=192.0.2.7, for=_hidden"}, NULL, F_NONE},
    {{"for=192.0.2.7, for=\"_hidden\", for=10.0.0.2"}, "10.0.0.2", NULL},
    {{"for=192.0.2.7, proto=https"}, NULL, F_NONE},
    {{"for=192.0.2.7, for=\"\""}, NULL, F_NONE},
    {{"for=\"192.0.2.7:_obfuscated\""}, NULL, F_NONE},
    {{"for=\"2001:678::7\""}, NULL, F_NONE},
    {{"for=\"[192.0.2.7]\""}, NULL, F_NONE},
    {{"for=\"192.0.2.7                                                                    \""}, NULL, F_NONE},
    /* Faults. */
    {{"for=192.0.2.7:4711"}, NULL, F_NONE},
    {{"for=[" IPV6 "]"}, NULL, F_NONE},
    {{"for=192.0.2.7;for=192.0.2.7"}, NULL, F_NONE},
    {{"for = 192.0.2.7"}, NULL, F_NONE},
    {{"for= 192.0.2.7"}, NULL, F_NONE},
    {{"for="}, NULL, F_NONE},
    {{"for"}, NULL, F_NONE},
    {{"=192.0.2.7"}, NULL, F_NONE},
    {{"192.0.2.7"}, NULL, F_NONE},
    {{"for=192.0.2.7 proto=https"}, NULL, F_NONE},
    {{"for=\"192.0.2.7\"x"}, NULL, F_NONE},
    {{"for=\"192.0.2.7"}, NULL, F_NONE},
    {{"for=\"192.0.2.7\\"}, NULL, F_NONE},
    {{"for=\""}, NULL, F_NONE},
    {{"for=192.0.2.7, @"}, NULL, F_NONE},
    {{"for=\"203.0.113.1, for=192.0.2.7"}, NULL, F_NONE},
    /* The next line is read again. */
    {{"for=\"203.0.113.1", "for=192.0.2.7"}, "192.0.2.7", NULL},
    {{"@, for=192.0.2.7", "for=10.0.0.2"}, "10.0.0.2", NULL},
};

Test(http_forwarded, the_rightmost_address_of_forwarded_that_is_no_proxy)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_client(nothing, cases[i].lines, cases[i].client, cases[i].why);
}

/* A proxy that sets one of them may pass the other on as the client wrote it. */
Test(http_forwarded, two_headers_must_name_the_same_client)
{
    static const struct {
        const char *x, *standard, *client, *why;
    } both[] = {
        {"192.0.2.7", "for=192.0.2.7", "192.0.2.7", NULL},
        {"203.0.113.1, 192.0.2.7, 10.0.0.2", "for=\"192.0.2.7:1\"", "192.0.2.7", NULL},
        {"192.0.2.7", "for=192.0.2.8", NULL, DIFFER},
        {"192.0.2.8", "for=192.0.2.7", NULL, DIFFER},
        {"192.0.2.7", "for=10.0.0.2", NULL, DIFFER},
        {"192.0.2.7", "for=unknown", NULL, F_NONE},
        {"unknown", "for=192.0.2.7", NULL, X_NONE},
        {"unknown", "for=unknown", NULL, X_NONE},
        {"192.0.2.7", "", "192.0.2.7", NULL},
        {",", "for=192.0.2.7", "192.0.2.7", NULL},
        {"", "", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        const char *const x[LINES_MAX] = {both[i].x}, *const standard[LINES_MAX] = {both[i].standard};
        expect_client(x, standard, both[i].client, both[i].why);
    }
    expect_client(nothing, nothing, NULL, NULL);
}

/* Each octet of each line, replaced by those that mean something: all are read, and the client is one that a
 * line could name. */
Test(http_forwarded, changed_octets_are_read_to_the_end)
{
    static const char octets[] = "\"\\,;=[]:. \t_a0\x80";
    read_proxies();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[256];
        size_t n = strlen(cases[i].lines[0]);
        cr_assert_lt(n, sizeof line);
        memcpy(line, cases[i].lines[0], n + 1);
        for (size_t at = 0; at < n; at++) {
            char was = line[at];
            for (const char *octet = octets; *octet != '\0'; octet++) {
                struct http_forwarded x = {0}, standard = {0};
                struct address client = address_from("10.0.0.1");
                line[at] = *octet;
                take_exact(&x, line, true);
                take_exact(&standard, line, false);
                const char *why = http_forwarded_client(&x, &standard, &client);
                cr_expect(why == NULL || networks_hold_address(proxies, 2, &client), "%s", line);
            }
            line[at] = was;
        }
    }
}

Test(http_forwarded, a_long_list_is_read_once)
{
    enum { ELEMENTS = 20000 };
    struct arena *arena = arena_new();
    struct buffer line;
    buffer_init(&line, arena, 1024 * 1024);
    for (size_t i = 0; i < ELEMENTS; i++)
        buffer_append_string(&line, "203.0.113.1,");
    buffer_append_string(&line, "192.0.2.7");
    const char *const x[LINES_MAX] = {buffer_string(&line)};
    expect_client(x, nothing, "192.0.2.7", NULL);
    arena_free(arena);
}
