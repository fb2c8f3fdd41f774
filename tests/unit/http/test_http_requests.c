/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on a connection: their members, their limits, and later requests. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "front.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_requests);

#define GET(target, more) "GET " target " HTTP/1.1\r\nHost: h\r\n" more "\r\n"
#define LAST              GET("/last", "Connection: close\r\n")

static const char *member(const struct client_reply *reply, const char *name)
{
    const char *at = strstr(reply->body, arena_printf(front.arena, "%s ", name));
    cr_assert_not_null(at, "%s: %s", name, reply->body);
    at += strlen(name) + 1;
    return arena_string(front.arena, bytes_of(at, strcspn(at, "\n")));
}

/* ---- members ---- */

Test(http_requests, a_request_is_handed_over_with_its_members)
{
    FRONT_START();
    struct client *client = front_client_from("127.0.0.9");
    struct client_reply reply = client_ask(client, "POST /a/b?c=d HTTP/1.1\r\nHost: acme.test:1\r\n"
                                                   "Content-Type: application/jose+json \r\n"
                                                   "User-Agent:test/1\t\r\nAuthorization:  Bearer t \r\n"
                                                   "Content-Length: 5\r\n\r\n12345");
    cr_expect_eq(reply.status, 200);
    cr_expect_str_eq(reply.body, "method POST\ntarget /a/b?c=d\npath /a/b\nquery c=d\nhost acme.test:1\n"
                                 "type application/jose+json\nagent test/1\nauthorization Bearer t\nbody 5\n"
                                 "too long 0\nclient 127.0.0.9\nnetwork 127.0.0.9\nuser -1\n");
    client_close(client);
    front_stop();
}

Test(http_requests, a_member_that_was_not_sent_is_empty)
{
    FRONT_START();
    struct client *client = front_client();
    struct client_reply reply = client_ask(client, "GET / HTTP/1.0\r\n\r\n");
    cr_expect_str_eq(reply.body,
                     "method GET\ntarget /\npath /\nquery \nhost \ntype \nagent \nauthorization \nbody 0\n"
                     "too long 0\nclient 127.0.0.1\nnetwork 127.0.0.1\nuser -1\n");
    client_close(client);
    front_stop();
}

Test(http_requests, P7_the_host_of_an_absolute_target_counts)
{
    FRONT_START();
    struct client *client = front_client();
    struct client_reply reply = client_ask(client, GET("http://other.test/a?b", ""));
    cr_expect_str_eq(member(&reply, "host"), "other.test");
    cr_expect_str_eq(member(&reply, "target"), "/a?b");
    client_close(client);
    front_stop();
}

Test(http_requests, limits_mean_the_network_of_a_client)
{
    FRONT_START(.host = "::1");
    struct client *client = client_open(front.arena, "::1", front.port, NULL);
    struct client_reply reply = client_ask(client, GET("/", ""));
    cr_expect_str_eq(member(&reply, "client"), "::1");
    cr_expect_str_eq(member(&reply, "network"), "::/64");
    client_close(client);
    front_stop();
}

Test(http_requests, over_the_unix_socket_the_other_end_is_a_user)
{
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "/tmp/acmegate-test-%d", getpid());
    FRONT_START(.socket_path = path, .tls = true);
    struct client *client = client_open_local(front.arena, path);
    struct client_reply reply = client_ask(client, GET("http://h/", ""));
    cr_expect_str_eq(member(&reply, "user"), arena_printf(front.arena, "%u", getuid()));
    cr_expect_str_eq(member(&reply, "client"), "");
    cr_expect_str_eq(member(&reply, "network"), "");
    cr_expect_eq(client_ask(client, GET("https://h/", "")).status, 400, "TLS is not what it speaks");
    client_close(client);

    client = front_client();
    cr_assert_eq(CLIENT_SHAKE(client, .server_name = "localhost").reason, 0);
    reply = client_ask(client, GET("https://h/", ""));
    cr_expect_str_eq(member(&reply, "user"), "-1");
    cr_expect_str_eq(member(&reply, "client"), "127.0.0.1");
    cr_expect_eq(client_ask(client, GET("http://h/", "")).status, 400);
    client_close(client);
    front_stop();
    arena_free(arena);
}

/* ---- framing ---- */

static const char *const refused[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\nHost: h\n\n",
    GET("/", "Host: h\r\n"),
    GET("https://h/", ""),
    GET("*", ""),
    "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
    GET("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n",
    GET("/", "Transfer-Encoding: gzip\r\n"),
};

/* Requests that libh2o's parser refuses itself, in plain text. */
static const char *const unreadable[] = {
    GET("/", "Content-Length: x\r\n"),   GET("/", "x : y\r\n"),      GET("/", "x: y\r\n z\r\n"),
    "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "\x16\x03\x01\x02\r\n\r\n",
};

static struct client_reply expect_refused(const char *head)
{
    struct client *client = front_client();
    client_send(client, arena_printf(front.arena, "%s%s", head, LAST));
    struct client_reply reply = client_read(client);
    cr_expect_eq(reply.status, 400, "%s", head);
    cr_expect_str_eq(client_header(front.arena, &reply, "connection"), "close", "%s", head);
    cr_expect(client_has_ended(client), "%s", head);
    client_close(client);
    return reply;
}

Test(http_requests, P8_behind_a_refused_head_nothing_is_read)
{
    FRONT_START();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct client_reply reply = expect_refused(refused[i]);
        cr_expect_str_eq(reply.body, "refused 400", "%s", refused[i]);
        cr_expect_str_eq(client_header(front.arena, &reply, "x-refused"), "400");
        cr_expect_str_eq(client_header(front.arena, &reply, "x-refused-client"), "127.0.0.1");
        cr_expect_str_eq(client_header(front.arena, &reply, "content-type"), "application/problem+json");
    }
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++)
        (void)expect_refused(unreadable[i]);
    front_stop();
}

Test(http_requests, a_refused_HEAD_has_no_body)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "HEAD / HTTP/1.1\r\n\r\n");
    const char *came = client_read_to_end(client);
    cr_expect_eq(strncmp(came, "HTTP/1.1 400 ", 13), 0, "%s", came);
    cr_expect_str_eq(came + strlen(came) - 4, "\r\n\r\n", "%s", came);
    client_close(client);
    front_stop();
}

Test(http_requests, an_upgrade_is_not_taken_up)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, GET("/x", "Connection: Upgrade\r\nUpgrade: websocket\r\n") "abc");
    struct client_reply reply = client_read(client);
    cr_expect_eq(reply.status, 200);
    cr_expect_str_eq(member(&reply, "path"), "/x");
    cr_expect_str_eq(member(&reply, "body"), "0", "no length announced one");
    client_close(client);
    front_stop();
}

Test(http_requests, P8_behind_chunks_nothing_is_read)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n" LAST);
    struct client_reply reply = client_read(client);
    cr_expect_eq(reply.status, 200);
    cr_expect_str_eq(member(&reply, "body"), "5");
    cr_expect_str_eq(client_header(front.arena, &reply, "connection"), "close");
    cr_expect(client_has_ended(client));
    client_close(client);
    front_stop();
}

Test(http_requests, a_connection_serves_one_request_after_the_other)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, GET("/1", "") "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab" LAST);
    for (int i = 1; i <= 3; i++) {
        static const char *const paths[] = {"/1", "/2", "/last"};
        struct client_reply reply = client_read(client);
        cr_expect_str_eq(member(&reply, "path"), paths[i - 1]);
        cr_expect_str_eq(client_header(front.arena, &reply, "connection"), i == 3 ? "close" : "keep-alive");
    }
    cr_expect(client_has_ended(client));
    cr_expect_eq(front.loops_started, 1);
    client_close(client);
    front_stop();
}

Test(http_requests, HTTP_2_is_not_spoken)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    cr_expect_eq(client_read(client).status, 400);
    client_close(client);
    client = front_client();
    client_send(client, GET("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                 "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"));
    cr_expect_eq(client_read(client).status, 200);
    client_close(client);
    front_stop();
}

/* ---- limits ---- */

static struct client_reply ask_with_body(struct client *client, size_t n)
{
    char *body = arena_alloc(front.arena, n + 1);
    memset(body, 'x', n);
    client_send(client,
                arena_printf(front.arena, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", n));
    client_send_bytes(client, bytes_of(body, n));
    return client_read(client);
}

Test(http_requests, a_body_that_is_too_long_is_read_so_that_its_answer_can_be)
{
    static const struct {
        size_t bytes;
        const char *too_long, *kept;
    } bodies[] = {{HTTP_MAX_BODY_BYTES, "0", "65536"},
                  {HTTP_MAX_BODY_BYTES + 1, "1", "0"},
                  {HTTP_MAX_READ_BYTES, "1", "0"}};
    FRONT_START();
    struct client *client = front_client();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct client_reply reply = ask_with_body(client, bodies[i].bytes);
        cr_expect_eq(reply.status, 200);
        cr_expect_str_eq(member(&reply, "too long"), bodies[i].too_long);
        cr_expect_str_eq(member(&reply, "body"), bodies[i].kept);
    }
    client_close(client);
    front_stop();
}

Test(http_requests, a_body_over_all_bounds_is_refused_at_once)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, arena_printf(front.arena, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
                                     HTTP_MAX_READ_BYTES + 1));
    struct client_reply reply = client_read(client);
    cr_expect_eq(reply.status, 413);
    cr_expect_str_eq(reply.body, "refused 413 POST");
    cr_expect_str_eq(client_header(front.arena, &reply, "x-refused-target"), "/x");
    cr_expect(client_has_ended(client));
    client_close(client);
    front_stop();
}

Test(http_requests, a_head_has_a_limit)
{
    static const size_t limits[] = {90, 1000};
    FRONT_START();
    for (size_t i = 0; i < 2; i++) {
        struct client *client = front_client();
        client_send(client, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (size_t n = 0; n < limits[i]; n++)
            client_send(client, arena_printf(front.arena, "x-%zu: %0200d\r\n", n, 0));
        client_send(client, "\r\n");
        struct client_reply reply = client_read(client);
        cr_expect_eq(reply.status, i == 0 ? 200 : 400, "%zu: %d", limits[i], reply.status);
        client_close(client);
    }
    front_stop();
}
