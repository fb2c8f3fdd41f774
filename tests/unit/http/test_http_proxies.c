/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies in front: whose a connection and a request is, who is refused, and who makes room. */
#include <stdio.h>

#include "front.h"
#include "gateway/http/http_proxy_header.h"
#include "leaks.h"
#include "log_capture.h"
#include "moving_clock.h"

LEAK_CHECKED_SUITE(http_proxies);

enum { HEADER_TIME_MS = 10 * 1000, MOST = 8 };

#define PROXY     "127.0.0.2"
#define STRANGER  "127.0.0.3"
#define ASK       "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define LINE      "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"
#define LINE_V6   "PROXY TCP6 2001:db8:1:2::7 2001:db8::1 4711 443\r\n"
#define BINARY_V4 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb"
#define LOCAL     "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

static const char *ask_with(const char *headers)
{
    return arena_printf(front.arena, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
}

static bool counts_as(const struct client_reply *reply, const char *client, const char *network)
{
    const char *wanted = arena_printf(front.arena, "\nclient %s\nnetwork %s\n", client, network);
    return reply->status == 200 && strstr(reply->body, wanted) != NULL;
}

static void expect_client(struct client *client, const char *headers, const char *address,
                          const char *network)
{
    struct client_reply reply = client_ask(client, ask_with(headers));
    cr_expect(counts_as(&reply, address, network), "%s: %d %s", headers, reply.status, reply.body);
}

/* ---- headers ---- */

Test(http_proxies, headers_of_a_trusted_proxy_tell_the_client)
{
    FRONT_START(.behind_a_proxy = true, .trusted_proxies = {PROXY});
    struct client *client = front_client_from(PROXY);
    expect_client(client, "X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n", "192.0.2.7", "192.0.2.7");
    expect_client(client, "x-forwarded-for: 192.0.2.8\r\nX-FORWARDED-FOR: " PROXY "\r\n", "192.0.2.8",
                  "192.0.2.8");
    expect_client(client, "Forwarded: for=\"[2001:db8:1:2::7]:1\";proto=https\r\n", "2001:db8:1:2::7",
                  "2001:db8:1:2::/64");
    expect_client(client, "", PROXY, PROXY);
    expect_client(client, "X-Forwarded-For: unknown\r\n", PROXY, PROXY);
    client_close(client);
    front_stop();
}

Test(http_proxies, an_unclear_client_is_told_once_in_ten_seconds)
{
    FRONT_START(.behind_a_proxy = true, .trusted_proxies = {PROXY});
    log_capture_begin();
    struct client *client = front_client_from(PROXY);
    for (size_t i = 0; i < 3; i++)
        expect_client(client, "X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.8\r\n", PROXY, PROXY);
    client_close(client);
    const char *text = log_capture_end(front.arena);
    static const char line[] = "a request counts as one of the proxy " PROXY
                               " itself: X-Forwarded-For and Forwarded name different clients";
    cr_expect_eq(count_of(text, line), 1, "%s", text);
    front_stop();
}

Test(http_proxies, headers_of_anybody_else_are_not_believed)
{
    FRONT_START(.tls = true, .forwarded_headers = true, .trusted_proxies = {PROXY});
    static const char *const sources[] = {STRANGER, PROXY};
    for (size_t i = 0; i < 2; i++) {
        struct client *client = front_client_from(sources[i]);
        cr_assert_eq(CLIENT_SHAKE(client).reason, 0);
        const char *counted = i == 0 ? STRANGER : "192.0.2.7";
        expect_client(client, "X-Forwarded-For: 192.0.2.7\r\n", counted, counted);
        expect_client(client, "Forwarded: for=192.0.2.7\r\n", counted, counted);
        client_close(client);
    }
    front_stop();
}

/* A proxy that passes TLS through does not see the headers: the client has written them. */
Test(http_proxies, headers_within_tls_are_not_believed_unless_the_listener_says_so)
{
    FRONT_START(.tls = true, .trusted_proxies = {PROXY});
    struct client *client = front_client_from(PROXY);
    cr_assert_eq(CLIENT_SHAKE(client).reason, 0);
    expect_client(client, "X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n", PROXY, PROXY);
    client_close(client);
    front_stop();
}

Test(http_proxies, a_listener_without_tls_takes_both_schemes_and_only_trusted_proxies)
{
    FRONT_START(.behind_a_proxy = true, .trusted_proxies = {PROXY, "127.0.0.4/32"});
    struct client *client = front_client_from("127.0.0.4");
    cr_expect_eq(client_ask(client, "GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    cr_expect_eq(client_ask(client, "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    cr_expect_eq(client_ask(client, "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n").status, 400);
    struct client *stranger = front_client_from(STRANGER);
    client_send(stranger, ASK);
    cr_expect(client_has_ended(stranger));
    front_await_told(HTTP_CONNECTION_NOT_FROM_A_PROXY, 1);
    client_close(client);
    client_close(stranger);
    front_await_connections(0);
    front_stop();
}

Test(http_proxies, a_listener_without_tls_on_loopback_serves_its_host_without_trusted_proxies)
{
    FRONT_START(.behind_a_proxy = true);
    struct client *client = front_client_from(STRANGER);
    expect_client(client, "X-Forwarded-For: 192.0.2.7\r\n", STRANGER, STRANGER);
    client_close(client);
    front_stop();
}

/* ---- the PROXY protocol ---- */

static const struct {
    const char *what;
    struct bytes header;
    const char *client, *network;
} told[] = {
    {"version 1", BYTES_LITERAL(LINE), "192.0.2.7", "192.0.2.7"},
    {"version 1, IPv6", BYTES_LITERAL(LINE_V6), "2001:db8:1:2::7", "2001:db8:1:2::/64"},
    {"version 2", BYTES_LITERAL(BINARY_V4), "192.0.2.7", "192.0.2.7"},
    {"unknown", BYTES_LITERAL("PROXY UNKNOWN\r\n"), PROXY, PROXY},
    {"local", BYTES_LITERAL(LOCAL), PROXY, PROXY},
};

Test(http_proxies, a_header_before_tls_tells_the_client)
{
    FRONT_START(.tls = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct client *client = front_client_from(PROXY);
        client_send_bytes(client, told[i].header);
        cr_assert_eq(CLIENT_SHAKE(client).reason, 0, "%s", told[i].what);
        for (size_t ask = 0; ask < 2; ask++)
            expect_client(client, "X-Forwarded-For: 203.0.113.1\r\n", told[i].client, told[i].network);
        client_close(client);
    }
    front_stop();
}

Test(http_proxies, no_octet_behind_the_header_is_taken_however_it_arrives)
{
    FRONT_START(.behind_a_proxy = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        /* Together with the request… */
        struct client *client = front_client_from(PROXY);
        uint8_t *both = arena_alloc(front.arena, told[i].header.n + strlen(ASK));
        memcpy(both, told[i].header.p, told[i].header.n);
        memcpy(both + told[i].header.n, ASK, strlen(ASK));
        client_send_bytes(client, bytes_of(both, told[i].header.n + strlen(ASK)));
        struct client_reply reply = client_read(client);
        cr_expect(counts_as(&reply, told[i].client, told[i].network), "%s: %s", told[i].what, reply.body);
        client_close(client);
        /* …and octet by octet. */
        client = front_client_from(PROXY);
        for (size_t at = 0; at < told[i].header.n; at++) {
            client_send_bytes(client, bytes_of(told[i].header.p + at, 1));
            front_pass(1);
        }
        expect_client(client, "", told[i].client, told[i].network);
        client_close(client);
    }
    front_stop();
}

/* The client that the header tells may be a proxy, which tells more. */
Test(http_proxies, behind_a_header_of_one_proxy_the_headers_of_another_are_believed)
{
    FRONT_START(.behind_a_proxy = true, .proxy_protocol = true, .trusted_proxies = {PROXY, "192.0.2.7"});
    struct client *client = front_client_from(PROXY);
    client_send(client, LINE);
    expect_client(client, "X-Forwarded-For: 203.0.113.1\r\n", "203.0.113.1", "203.0.113.1");
    client_close(client);
    front_stop();
}

static const struct {
    const char *what;
    struct bytes octets;
    bool leaves;
    const char *why;
} refused[] = {
    {"TLS at once", BYTES_LITERAL("\x16\x03\1\2\0\1"), false, "it does not begin with a PROXY header"},
    {"HTTP at once", BYTES_LITERAL(ASK), false, "it does not begin with a PROXY header"},
    {"a bad line", BYTES_LITERAL("PROXY TCP4 x\r\n" ASK), false, "its PROXY line is malformed"},
    {"nothing", BYTES_LITERAL(""), true, "it ended before its PROXY header did"},
    {"half a line", BYTES_LITERAL("PROXY TCP4 192.0.2.7"), true, "it ended before its PROXY header did"},
};

Test(http_proxies, a_bad_header_closes_the_connection)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        FRONT_START(.tls = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
        log_capture_begin();
        struct client *client = front_client_from(PROXY);
        client_send_bytes(client, refused[i].octets);
        if (refused[i].leaves)
            client_end(client);
        cr_expect(client_has_ended(client), "%s", refused[i].what);
        front_await_told(HTTP_CONNECTION_BAD_PROXY_HEADER, 1);
        client_close(client);
        front_await_connections(0);
        cr_expect_eq(front_told(HTTP_HANDSHAKE_UNFINISHED), 0, "%s: no handshake began", refused[i].what);
        cr_expect_not_null(
            strstr(log_capture_end(front.arena),
                   arena_printf(front.arena, "a connection from " PROXY " is closed: %s", refused[i].why)),
            "%s", refused[i].what);
        front_stop();
    }
}

Test(http_proxies, a_header_has_ten_seconds)
{
    FRONT_START(.tls = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
    struct client *silent = front_client_from(PROXY), *slow = front_client_from(PROXY);
    client_send(slow, "PROXY TCP4 ");
    front_await_connections(2);
    front_pass(HEADER_TIME_MS - 1);
    client_send(slow, "192.0.2.7");
    front_pass(0);
    cr_expect_eq(http_server_connections(front.server), 2);
    front_pass(1);
    cr_expect(client_has_ended(silent) && client_has_ended(slow));
    cr_expect_eq(front_told(HTTP_CONNECTION_BAD_PROXY_HEADER), 2);
    client_close(silent);
    client_close(slow);
    front_stop();
}

Test(http_proxies, a_header_of_anybody_else_is_not_read)
{
    FRONT_START(.tls = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
    struct client *client = front_client_from(STRANGER);
    client_send(client, LINE);
    cr_expect(client_has_ended(client));
    front_await_told(HTTP_CONNECTION_NOT_FROM_A_PROXY, 1);
    client_close(client);
    front_stop();
}

Test(http_proxies, a_stop_does_not_wait_for_a_header)
{
    FRONT_START(.tls = true, .proxy_protocol = true, .trusted_proxies = {PROXY});
    struct client *client = front_client_from(PROXY);
    client_send(client, "PROXY ");
    front_await_connections(1);
    front_begin_stop();
    cr_expect(client_has_ended(client));
    client_close(client);
    front_end_stop();
}

/* ---- room ---- */

static void open_many(struct client **clients, size_t count, const char *source, const char *first)
{
    for (size_t i = 0; i < count; i++) {
        clients[i] = front_client_from(source);
        client_send(clients[i], first);
        if (*first != '\0')
            cr_expect_eq(client_read(clients[i]).status, 200);
    }
}

static void close_many(struct client *const *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(clients[i]);
}

Test(http_proxies, the_connections_of_a_proxy_do_not_count_as_those_of_one_client)
{
    struct client *of_proxy[5], *of_stranger[3];
    FRONT_START(.max_connections = MOST - 1, .tls = true, .trusted_proxies = {PROXY});
    open_many(of_proxy, 5, PROXY, "");
    open_many(of_stranger, 3, STRANGER, "");
    front_await_connections(MOST);
    struct client *fresh = front_client_from("127.0.0.4");
    cr_expect(client_has_ended(of_stranger[0]), "the proxy has more, each of another client");
    cr_expect_eq(CLIENT_SHAKE(of_proxy[0]).reason, 0);
    close_many(of_proxy, 5);
    close_many(of_stranger, 3);
    client_close(fresh);
    front_stop();
}

Test(http_proxies, behind_the_proxy_protocol_the_client_with_most_makes_room)
{
    struct client *many[5], *few[3];
    FRONT_START(.max_connections = MOST - 1, .behind_a_proxy = true, .proxy_protocol = true,
                .trusted_proxies = {PROXY});
    open_many(few, 3, PROXY, LINE_V6 ASK);
    open_many(many, 5, PROXY, LINE ASK);
    struct client *fresh = front_client_from(PROXY);
    client_send(fresh, LINE_V6 ASK);
    cr_expect_eq(client_read(fresh).status, 200);
    cr_expect(client_has_ended(many[0]));
    cr_expect_eq(client_ask(few[0], ASK).status, 200);
    close_many(many, 5);
    close_many(few, 3);
    client_close(fresh);
    front_stop();
}

/* The proxy has done nothing wrong. */
Test(http_proxies, a_header_that_gave_way_is_not_told_as_a_bad_one)
{
    struct client *silent[MOST];
    FRONT_START(.max_connections = MOST - 1, .behind_a_proxy = true, .proxy_protocol = true,
                .trusted_proxies = {PROXY});
    open_many(silent, MOST, PROXY, "");
    front_await_connections(MOST);
    struct client *fresh = front_client_from(PROXY);
    client_send(fresh, LINE ASK);
    cr_expect_eq(client_read(fresh).status, 200);
    cr_expect(client_has_ended(silent[0]));
    front_await_told(HTTP_CONNECTION_EVICTED, 1);
    cr_expect_eq(front_told(HTTP_CONNECTION_BAD_PROXY_HEADER), 0);
    close_many(silent, MOST);
    client_close(fresh);
    front_stop();
}
