/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests to a server of the test's own: what is sent, and what is told of the reply. */
#include <string.h>
#include <unistd.h>

#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"
#include "outbound_thread.h"
#include "web_server.h"

LEAK_CHECKED_SUITE(outbound_http);

enum { PATIENT_MS = 20 * 1000, IMPATIENT_MS = 1000, BODY_MAX_BYTES = 16 };

#define EMPTY_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* ---- a request that a test waits for ---- */

struct fetch {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    struct arena *arena;
    struct outbound_http_request request;
    struct outbound_http_reply reply;
};

static void fetched(void *context, const struct outbound_http_reply *reply)
{
    struct fetch *fetch = context;
    fetch->reply = *reply;
    fetch->reply.body = arena_copy(fetch->arena, reply->body);
    fetch->reply.location = arena_duplicate(fetch->arena, reply->location);
    fetch->reply.transport_error = arena_duplicate(fetch->arena, reply->transport_error);
    outbound_errand_end(&fetch->errand);
}

static void begin(struct outbound_message *message)
{
    struct fetch *fetch = (struct fetch *)(void *)message;
    outbound_http(fetch->outbound, &fetch->request, fetched, fetch);
}

/* The outbound thread of a test, its arena and its server. */
struct scene {
    struct arena *arena;
    struct outbound *outbound;
    struct web_server web;
};

static void scene_begin(struct scene *scene, int family, const char *const *replies)
{
    *scene = (struct scene){
        .arena = arena_new(), .outbound = outbound_thread_start(NULL), .web = {.replies = replies}};
    web_server_start(&scene->web, family);
}

/* The outbound thread first: it closes the connections that it keeps. */
static void scene_stop(struct scene *scene)
{
    outbound_thread_stop(scene->outbound);
    web_server_stop(&scene->web);
}

static struct outbound_http_request get(struct scene *scene, const char *host)
{
    return (struct outbound_http_request){
        .method = "GET",
        .url = arena_printf(scene->arena, "http://%s:%u/x", host, scene->web.server.port),
        .timeout_ms = PATIENT_MS,
        .max_body_bytes = BODY_MAX_BYTES};
}

static struct outbound_http_reply fetch(struct scene *scene, const struct outbound_http_request *request)
{
    struct fetch fetch = {.outbound = scene->outbound, .arena = scene->arena, .request = *request};
    outbound_wait(scene->outbound, &fetch.errand, begin);
    return fetch.reply;
}

/* ---- what is sent ---- */

Test(outbound_http, a_request_has_its_headers_and_its_body)
{
    static const char *const replies[] = {EMPTY_OK, EMPTY_OK, NULL};
    struct scene scene;
    scene_begin(&scene, AF_INET, replies);
    struct outbound_http_request request = get(&scene, "127.0.0.1");
    cr_expect_eq(fetch(&scene, &request).status, 200);
    request.method = "POST";
    request.body = bytes_from_string("{\"a\":1}");
    request.authorization = "Bearer xyz";
    request.user_agent = "acmegate/1.2";
    cr_expect_eq(fetch(&scene, &request).status, 200);
    scene_stop(&scene);
    const char *host = arena_printf(scene.arena, "Host: 127.0.0.1:%u\r\n", scene.web.server.port);
    const char *expected = arena_printf(scene.arena,
                                        "GET /x HTTP/1.1\r\n%sUser-Agent: acmegate\r\nAccept: */*\r\n\r\n"
                                        "POST /x HTTP/1.1\r\n%sUser-Agent: acmegate/1.2\r\nAccept: */*\r\n"
                                        "Content-Type: application/json\r\nAuthorization: Bearer xyz\r\n"
                                        "Content-Length: 7\r\n\r\n{\"a\":1}",
                                        host, host);
    cr_expect_str_eq(scene.web.requests, expected, "%s", scene.web.requests);
    arena_free(scene.arena);
}

Test(outbound_http, a_pinned_request_goes_to_its_address_whatever_the_name)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Length: 5\r\n\r\nhello", NULL};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        struct scene scene;
        scene_begin(&scene, families[i], replies);
        struct outbound_http_request request = get(&scene, "no-such-name.invalid");
        request.address = &scene.web.server.address;
        struct outbound_http_reply reply = fetch(&scene, &request);
        scene_stop(&scene);
        cr_expect_null(reply.transport_error, "%s", reply.transport_error);
        cr_expect_eq(reply.status, 200);
        cr_expect(bytes_equal_string(reply.body, "hello"));
        cr_expect_eq(reply.date, 1767323045);
        cr_expect(reply.connected);
        cr_expect_gt(reply.took_us, 0);
        arena_free(scene.arena);
    }
}

/* A connection of a pinned request is its own: another request may go elsewhere under the same name. */
Test(outbound_http, connections_are_kept_but_those_of_pinned_requests)
{
    static const char *const replies[] = {EMPTY_OK, EMPTY_OK, EMPTY_OK, NULL};
    for (int pinned = 0; pinned <= 1; pinned++) {
        struct scene scene;
        scene_begin(&scene, AF_INET, replies);
        struct outbound_http_request request = get(&scene, "127.0.0.1");
        request.address = pinned ? &scene.web.server.address : NULL;
        for (int i = 0; i < 3; i++)
            cr_expect_eq(fetch(&scene, &request).status, 200);
        scene_stop(&scene);
        cr_expect_eq(scene.web.server.connections, pinned ? 3 : 1);
        arena_free(scene.arena);
    }
}

/*
 * The other side may have carried the request out: whether it is sent again is the caller's to decide. The
 * next request is sent, whatever curl remembers of the lost one.
 */
Test(outbound_http, a_body_is_not_sent_again_when_a_kept_connection_ends)
{
    static const char *const replies[] = {EMPTY_OK, "", EMPTY_OK, EMPTY_OK, NULL};
    struct scene scene;
    scene_begin(&scene, AF_INET, replies);
    struct outbound_http_request request = get(&scene, "127.0.0.1");
    request.method = "POST";
    request.body = bytes_from_string("once");
    cr_expect_eq(fetch(&scene, &request).status, 200);
    struct outbound_http_reply reply = fetch(&scene, &request);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(fetch(&scene, &request).status, 200);
    scene_stop(&scene);
    cr_expect_eq(reply.status, 0);
    cr_expect_str_eq(reply.transport_error, "the connection was closed before an answer came", "%s",
                     reply.transport_error);
    cr_expect_eq(reply.fault, OUTBOUND_BROKEN);
    cr_expect(reply.connected);
    cr_expect_eq(scene.web.request_count, 4);
    arena_free(scene.arena);
}

/* ---- what is told of the reply ---- */

Test(outbound_http, a_reply_is_told_as_it_is)
{
    static const struct {
        const char *reply;
        int status;
        const char *body;
        bool cut;
        const char *location;
        int64_t date, retry_after_s;
    } cases[] = {
        {EMPTY_OK, 200, "", false, NULL, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n0123456789abcdef", 200, "0123456789abcdef", false,
         NULL, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", 200, "0123456789abcdef", true,
         NULL, 0, 0},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, "", false,
         "http://127.0.0.1:1/", 0, 0},
        {"HTTP/1.1 503 No\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", 503, "", false, NULL, 0, 120},
        {"HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", 503, "", false, NULL, 0, 0},
        {"HTTP/1.1 503 No\r\nRetry-After: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Length: 0\r\n\r\n", 503,
         "", false, NULL, 0, 0},
        {"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:01 GMT\r\nContent-Length: 0\r\n\r\n", 200, "",
         false, NULL, 1, 0},
        {"HTTP/1.1 200 OK\r\nDate: yesterday\r\nContent-Length: 0\r\n\r\n", 200, "", false, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        scene_begin(&scene, AF_INET, (const char *const[]){cases[i].reply, NULL});
        struct outbound_http_request request = get(&scene, "127.0.0.1");
        struct outbound_http_reply reply = fetch(&scene, &request);
        scene_stop(&scene);
        cr_expect_null(reply.transport_error, "case %zu: %s", i, reply.transport_error);
        cr_expect_eq(reply.fault, OUTBOUND_NO_FAULT, "case %zu", i);
        cr_expect_eq(reply.status, cases[i].status, "case %zu", i);
        cr_expect(bytes_equal_string(reply.body, cases[i].body), "case %zu", i);
        cr_expect_eq(reply.body_cut, cases[i].cut, "case %zu", i);
        cr_expect_eq(reply.date, cases[i].date, "case %zu", i);
        cr_expect_eq(reply.retry_after_s, cases[i].retry_after_s, "case %zu", i);
        cr_assert_eq(reply.location == NULL, cases[i].location == NULL, "case %zu", i);
        cr_expect(reply.location == NULL || strcmp(reply.location, cases[i].location) == 0, "case %zu", i);
        arena_free(scene.arena);
    }
}

/* Why no reply came, and whether the request may have reached the other side. */
Test(outbound_http, each_failure_is_told)
{
    static const struct {
        const char *name;
        const char *reply; /* NULL: none */
        const char *scheme;
        int64_t timeout_ms;
        bool listens;
        enum outbound_fault fault;
        bool connected;
    } cases[] = {
        {"nobody listens", NULL, "http", PATIENT_MS, false, OUTBOUND_UNREACHABLE, false},
        {"silent", NULL, "http", IMPATIENT_MS, true, OUTBOUND_TIMED_OUT, true},
        {"closed", "", "http", PATIENT_MS, true, OUTBOUND_BROKEN, true},
        {"not HTTP", "SSH-2.0-OpenSSH\r\n", "http", PATIENT_MS, true, OUTBOUND_BROKEN, true},
        {"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1", "http", PATIENT_MS, true,
         OUTBOUND_BROKEN, true},
        {"another scheme", EMPTY_OK, "gopher", PATIENT_MS, true, OUTBOUND_BROKEN, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        int held;
        scene_begin(&scene, AF_INET, (const char *const[]){cases[i].reply, NULL});
        scene.web.closes = true;
        unsigned closed_port = loopback_closed_port(&held);
        struct outbound_http_request request = get(&scene, "127.0.0.1");
        request.url = arena_printf(scene.arena, "%s://127.0.0.1:%u/", cases[i].scheme,
                                   cases[i].listens ? scene.web.server.port : closed_port);
        request.timeout_ms = cases[i].timeout_ms;
        struct outbound_http_reply reply = fetch(&scene, &request);
        scene_stop(&scene);
        close(held);
        cr_expect_eq(reply.status, 0, "%s", cases[i].name);
        cr_expect_eq(reply.fault, cases[i].fault, "%s: %s", cases[i].name, reply.transport_error);
        cr_expect(reply.transport_error != NULL && reply.transport_error[0] != '\0', "%s", cases[i].name);
        cr_expect_eq(reply.connected, cases[i].connected, "%s", cases[i].name);
        cr_expect_not(reply.untrusted, "%s", cases[i].name);
        arena_free(scene.arena);
    }
}
