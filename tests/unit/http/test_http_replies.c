/* SPDX-License-Identifier: Apache-2.0 */
/* Replies on the wire. */
#include <stdio.h>

#include "front.h"
#include "gateway/runtime/log.h"
#include "leaks.h"
#include "log_capture.h"

LEAK_CHECKED_SUITE(http_replies);

/* Takes out the Date, which each libh2o has at another place, and its name in letters of another case. */
static const char *without_date(const char *came)
{
    static const char date[] = "Date: Thu, 26 Nov 2026 12:00:00 GMT\r\n";
    const char *at = strcasestr(came, date);
    cr_assert_not_null(at, "%s", came);
    const char *rest = at + strlen(date);
    cr_expect_null(strcasestr(rest, "\ndate:"), "%s", came);
    return arena_printf(front.arena, "%.*s%s", (int)(at - came), came, rest);
}

static const char *exchange(const char *method, const char *target)
{
    struct client *client = front_client();
    client_send(client, arena_printf(front.arena, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                                     method, target));
    const char *came = client_read_to_end(client);
    client_close(client);
    return without_date(came);
}

Test(http_replies, a_reply_has_its_length_and_type_and_nothing_of_the_server)
{
    FRONT_START();
    cr_expect_str_eq(exchange("GET", "/status/200"), "HTTP/1.1 200 OK\r\n"
                                                     "Connection: close\r\n"
                                                     "Content-Length: 2\r\n"
                                                     "content-type: application/test\r\n\r\n{}");
    cr_expect_str_eq(exchange("GET", "/status/404"), "HTTP/1.1 404 Not Found\r\n"
                                                     "Connection: close\r\n"
                                                     "Content-Length: 2\r\n"
                                                     "content-type: application/test\r\n\r\n{}");
    front_stop();
}

Test(http_replies, HEAD_has_the_headers_without_the_body)
{
    FRONT_START();
    cr_expect_str_eq(exchange("HEAD", "/status/200"), "HTTP/1.1 200 OK\r\n"
                                                      "Connection: close\r\n"
                                                      "Content-Length: 2\r\n"
                                                      "content-type: application/test\r\n\r\n");
    front_stop();
}

Test(http_replies, no_content_has_no_length)
{
    FRONT_START();
    cr_expect_str_eq(exchange("GET", "/status/204"), "HTTP/1.1 204 No Content\r\n"
                                                     "Connection: close\r\n"
                                                     "content-type: application/test\r\n\r\n");
    front_stop();
}

Test(http_replies, headers_are_sent_in_their_order_and_as_often_as_they_were_added)
{
    FRONT_START();
    cr_expect_str_eq(exchange("GET", "/headers"),
                     "HTTP/1.1 503 Service Unavailable\r\n"
                     "Connection: close\r\n"
                     "Content-Length: 5\r\n"
                     "content-type: application/test\r\nLink: <a>;rel=\"up\"\r\nLink: <b>\r\n"
                     "Retry-After: 5\r\n\r\nlater");
    front_stop();
}

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Payload Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {418, "Status"},
};

Test(http_replies, the_phrase_of_a_status_is_RFC_9110s)
{
    FRONT_START();
    struct client *client = front_client();
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        struct client_reply reply =
            client_ask(client, arena_printf(front.arena, "GET /status/%d HTTP/1.1\r\nHost: h\r\n\r\n",
                                            phrases[i].status));
        const char *line =
            arena_printf(front.arena, "HTTP/1.1 %d %s\r\n", phrases[i].status, phrases[i].phrase);
        cr_expect_eq(strncmp(reply.head, line, strlen(line)), 0, "%s: %s", line, reply.head);
        cr_expect_str_eq(reply.body, "{}", "%d: the application's own refusals stay", phrases[i].status);
        cr_expect_str_eq(client_header(front.arena, &reply, "x-refused"), "");
    }
    client_close(client);
    front_stop();
}

Test(http_replies, a_header_that_has_no_room_is_left_out_and_logged)
{
    struct arena *arena = arena_new();
    struct http_reply reply = {.status = 200};
    log_capture_begin();
    for (int i = 0; i < HTTP_MAX_REPLY_HEADERS; i++)
        http_reply_add_header(&reply, "Link", "a");
    const char *before = log_capture_end(arena);
    log_capture_begin();
    http_reply_add_header(&reply, "Location", "b");
    const char *after = log_capture_end(arena);
    cr_expect_str_empty(before);
    cr_expect_not_null(strstr(after, "the header Location was left out: more than 16 headers in one reply"));
    cr_expect_eq(reply.header_count, HTTP_MAX_REPLY_HEADERS);
    cr_expect_str_eq(reply.headers[HTTP_MAX_REPLY_HEADERS - 1].name, "Link");
    cr_expect_str_eq(reply.headers[HTTP_MAX_REPLY_HEADERS - 1].value, "a");
    arena_free(arena);
}

/* libh2o notices no end while an HTTP/1 request is under way, only that nobody takes the reply. */
Test(http_replies, a_reply_to_a_client_that_has_left_ends_its_connection)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_request *request = front_take_held();
    client_close(client);
    cr_expect_eq(http_server_connections(front.server), 1);
    front_answer(request, 200, "late");
    front_await_connections(0);
    front_stop();
}
