/* SPDX-License-Identifier: Apache-2.0 */
/* Connections are shared out: who makes room, and for how long an idle one stays. */
#include <stdio.h>
#include <unistd.h>

#include "front.h"
#include "leaks.h"
#include "log_capture.h"
#include "moving_clock.h"

LEAK_CHECKED_SUITE(http_connections);

enum { MOST = 8 }; /* of one loop, which has one more than its share */

#define ASK  "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define HOLD "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"

static void open_many(struct client **clients, size_t count, const char *source)
{
    for (size_t i = 0; i < count; i++)
        clients[i] = front_client_from(source);
}

static void close_many(struct client *const *clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(clients[i]);
}

static bool is_served(struct client *client)
{
    return client_ask(client, ASK).status == 200;
}

Test(http_connections, O10_the_oldest_idle_one_of_the_network_with_most_makes_room)
{
    struct client *few[3], *many[5], *fresh[2];
    FRONT_START(.max_connections = MOST - 1);
    open_many(few, 3, "127.0.0.2");
    open_many(many, 5, "127.0.0.3");
    front_await_connections(MOST);
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), 0);

    fresh[0] = front_client_from("127.0.0.4");
    cr_expect(is_served(fresh[0]));
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), 1);
    cr_expect(client_has_ended(many[0]));
    fresh[1] = front_client_from("127.0.0.4");
    cr_expect(is_served(fresh[1]));
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), 2);
    cr_expect(client_has_ended(many[1]));
    for (size_t i = 0; i < 3; i++)
        cr_expect(is_served(few[i]) && is_served(many[i + 2]), "%zu", i);
    close_many(few, 3);
    close_many(many, 5);
    close_many(fresh, 2);
    front_stop();
}

/* Idle ones beyond a lower limit go, those of the network with most first; a request in progress stays. */
Test(http_connections, O10_another_limit_is_in_force_at_once)
{
    struct client *few[3], *many[5], *fresh[MOST + 4];
    FRONT_START(.max_connections = MOST - 1);
    open_many(few, 3, "127.0.0.2");
    open_many(many, 5, "127.0.0.3");
    front_await_connections(MOST);
    client_send(many[4], HOLD);
    struct http_request *held = front_take_held();

    http_server_set_max_connections(front.server, 2);
    front_await_connections(3);
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), MOST - 3);
    front_answer(held, 200, "{}");
    cr_expect_eq(client_read(many[4]).status, 200);
    fresh[0] = front_client_from("127.0.0.4");
    cr_expect(is_served(fresh[0]));
    front_await_connections(3);
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), MOST - 2);
    client_close(fresh[0]);
    close_many(few, 3);
    close_many(many, 5);
    front_await_connections(0);

    http_server_set_max_connections(front.server, MOST + 3);
    front_pass(0); /* a connection that comes before the loop hears of it makes room as before */
    open_many(fresh, MOST + 4, "127.0.0.5");
    front_await_connections(MOST + 4);
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), MOST - 2);
    for (size_t i = 0; i < MOST + 4; i++)
        cr_expect(is_served(fresh[i]), "%zu", i);
    close_many(fresh, MOST + 4);
    front_stop();
}

/* Where all have requests in progress, none is closed. One network may have all of them. */
Test(http_connections, O10_requests_in_progress_outlast_a_lower_limit)
{
    struct client *busy[MOST], *fresh;
    struct http_request *held[MOST];
    FRONT_START(.max_connections = MOST - 1);
    open_many(busy, MOST, "127.0.0.2");
    for (size_t i = 0; i < MOST; i++)
        client_send(busy[i], HOLD);
    for (size_t i = 0; i < MOST; i++)
        held[i] = front_take_held();
    http_server_set_max_connections(front.server, 0);
    fresh = front_client_from("127.0.0.3");
    client_send(fresh, ASK);
    front_pass(0);
    cr_expect(client_has_nothing(fresh), "it waits");
    cr_expect_eq(http_server_connections(front.server), MOST);
    for (size_t i = 0; i < MOST; i++)
        front_answer(held[i], 200, "{}");
    for (size_t i = 0; i < MOST; i++)
        cr_expect_eq(client_read(busy[i]).status, 200);
    cr_expect_eq(client_read(fresh).status, 200);
    close_many(busy, MOST);
    client_close(fresh);
    front_stop();
}

Test(http_connections, O10_a_request_makes_a_connection_the_newest)
{
    struct client *clients[MOST];
    FRONT_START(.max_connections = MOST - 1);
    open_many(clients, MOST, "127.0.0.2");
    for (size_t i = 0; i < MOST; i++)
        cr_expect(is_served(clients[(i + 1) % MOST]));
    struct client *fresh = front_client_from("127.0.0.2");
    cr_expect(is_served(fresh));
    cr_expect(client_has_ended(clients[1]));
    cr_expect(is_served(clients[0]));
    close_many(clients, MOST);
    client_close(fresh);
    front_stop();
}

Test(http_connections, O10_a_connection_with_a_request_under_way_stays)
{
    struct client *busy[5], *idle[3];
    FRONT_START(.max_connections = MOST - 1);
    open_many(busy, 5, "127.0.0.2");
    for (size_t i = 0; i < 5; i++) {
        client_send(busy[i], HOLD);
        (void)front_take_held();
    }
    open_many(idle, 3, "127.0.0.3");
    front_await_connections(MOST);
    struct client *fresh = front_client_from("127.0.0.2");
    cr_expect(is_served(fresh));
    cr_expect(client_has_ended(idle[0]), "the network with most has no idle one");
    front_answer_all();
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(client_read(busy[i]).status, 200);
    close_many(busy, 5);
    close_many(idle, 3);
    client_close(fresh);
    front_stop();
}

Test(http_connections, O10_where_all_are_busy_the_next_one_waits_until_a_request_ends)
{
    struct client *busy[MOST];
    struct http_request *requests[MOST];
    struct arena *arena = arena_new();
    log_capture_begin();
    FRONT_START(.max_connections = MOST - 1);
    open_many(busy, MOST, NULL);
    for (size_t i = 0; i < MOST; i++) {
        client_send(busy[i], HOLD);
        requests[i] = front_take_held();
    }
    struct client *next = front_client();
    client_send(next, ASK);
    front_pass(0);
    cr_expect_eq(http_server_connections(front.server), MOST);
    cr_expect(client_has_nothing(next));
    front_answer(requests[0], 200, "done");
    cr_expect_eq(client_read(busy[0]).status, 200);
    cr_expect_eq(client_read(next).status, 200, "it took the place of the one that is idle now");
    cr_expect(client_has_ended(busy[0]));
    for (size_t i = 1; i < MOST; i++)
        front_answer(requests[i], 200, "done");
    close_many(busy, MOST);
    client_close(next);
    front_stop();
    const char *log = log_capture_end(arena);
    cr_expect_not_null(strstr(log, "8 connections on one loop, its maximum: all have requests in progress, "
                                   "and no more are accepted until one ends"),
                       "%s", log);
    arena_free(arena);
}

Test(http_connections, O10_where_all_are_busy_the_next_one_waits_until_one_has_left)
{
    struct client *busy[MOST];
    FRONT_START(.max_connections = MOST - 1);
    open_many(busy, MOST, NULL);
    for (size_t i = 0; i < MOST; i++) {
        client_send(busy[i], "GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        (void)front_take_held();
    }
    front_answer_all();
    struct client *next = front_client();
    cr_expect(is_served(next));
    close_many(busy, MOST);
    client_close(next);
    front_stop();
}

Test(http_connections, S15_the_unix_socket_has_room_of_its_own)
{
    struct client *tcp[MOST], *local[2];
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "/tmp/acmegate-test-%d", getpid());
    FRONT_START(.max_connections = MOST - 1, .socket_path = path);
    open_many(tcp, MOST, NULL);
    for (size_t i = 0; i < MOST; i++) {
        client_send(tcp[i], HOLD);
        (void)front_take_held();
    }
    struct client *over = front_client();
    front_pass(0);
    for (size_t i = 0; i < 2; i++) {
        local[i] = client_open_local(front.arena, path);
        cr_expect(is_served(local[i]));
    }
    cr_expect_eq(http_server_connections(front.server), MOST + 2);
    client_close(over);
    front_answer_all();
    close_many(tcp, MOST);
    close_many(local, 2);
    front_stop();
    arena_free(arena);
}

/* ---- the log ---- */

static void evict_one(void)
{
    struct client *clients[MOST + 1];
    size_t before = front_told(HTTP_CONNECTION_EVICTED);
    open_many(clients, MOST + 1, "127.0.0.2");
    cr_expect(is_served(clients[MOST]));
    cr_expect_eq(front_told(HTTP_CONNECTION_EVICTED), before + 1);
    close_many(clients, MOST + 1);
    front_await_connections(0);
}

Test(http_connections, O10_the_log_has_a_line_in_ten_seconds_of_it)
{
    static const struct {
        int64_t pass_s;
        size_t lines;
    } moments[] = {{0, 1}, {9, 1}, {1, 2}, {-1, 3}, {9, 3}};
    struct arena *arena = arena_new();
    for (size_t i = 1; i <= sizeof moments / sizeof *moments; i++) {
        log_capture_begin();
        FRONT_START(.max_connections = MOST - 1);
        for (size_t n = 0; n < i; n++) {
            front_pass(moments[n].pass_s * 1000);
            evict_one();
        }
        front_stop();
        const char *log = log_capture_end(arena);
        cr_expect_eq(count_of(log, "the oldest idle ones are closed, last one from 127.0.0.2"),
                     moments[i - 1].lines, "%zu: %s", i, log);
        cr_expect_eq(count_of(log, "127.0.0.2; 1 more such lines were held back before this one\n"),
                     i > 2 ? 1 : 0, "%zu: %s", i, log);
    }
    arena_free(arena);
}

/* ---- time ---- */

static size_t open_after(size_t count, int64_t ms)
{
    struct client *clients[MOST];
    open_many(clients, count, NULL);
    front_await_connections(count);
    front_pass(ms);
    size_t left = http_server_connections(front.server);
    close_many(clients, count);
    front_await_connections(0);
    return left;
}

Test(http_connections, an_idle_connection_has_the_time_of_a_request)
{
    FRONT_START(.max_connections = MOST - 1);
    cr_expect_eq(open_after(1, FRONT_REQUEST_TIMEOUT_MS - 1), 1);
    cr_expect_eq(open_after(1, FRONT_REQUEST_TIMEOUT_MS), 0);
    front_stop();
}

Test(http_connections, O10_where_more_than_three_quarters_are_in_use_it_has_five_seconds)
{
    FRONT_START(.max_connections = MOST - 1);
    cr_expect_eq(open_after(6, 5000), 6);
    cr_expect_eq(open_after(7, 4999), 7);
    cr_expect_eq(open_after(7, 5000), 0);
    cr_expect_eq(open_after(1, FRONT_REQUEST_TIMEOUT_MS - 1), 1, "and all of it again afterwards");
    front_stop();
}

Test(http_connections, a_shorter_time_of_a_request_stays_where_connections_are_scarce)
{
    FRONT_START(.max_connections = MOST - 1, .request_timeout_ms = 2000);
    cr_expect_eq(open_after(7, 1999), 7);
    cr_expect_eq(open_after(7, 2000), 0);
    front_stop();
}

Test(http_connections, a_head_has_the_time_of_a_request_and_is_not_answered)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "GET / HTTP/1.1\r\nHost: h\r\n");
    front_await_connections(1);
    front_pass(FRONT_REQUEST_TIMEOUT_MS - 1);
    cr_expect_eq(http_server_connections(front.server), 1);
    front_pass(1);
    cr_expect(client_has_ended(client));
    client_close(client);
    front_stop();
}

Test(http_connections, a_body_has_the_time_of_its_request_however_often_a_part_comes)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
    front_await_connections(1);
    for (int i = 0; i < 5; i++) {
        client_send(client, "x");
        front_pass(FRONT_REQUEST_TIMEOUT_MS / 5 - (i == 4));
        cr_expect_eq(http_server_connections(front.server), 1, "%d", i);
    }
    client_send(client, "x");
    front_pass(1);
    cr_expect(client_has_ended(client));
    client_close(client);
    front_stop();
}

Test(http_connections, each_request_of_a_connection_has_the_time_anew)
{
    FRONT_START();
    struct client *client = front_client();
    for (int i = 0; i < 3; i++) {
        front_await_connections(1);
        front_pass(FRONT_REQUEST_TIMEOUT_MS - 1);
        cr_expect(is_served(client), "%d", i);
    }
    front_pass(FRONT_REQUEST_TIMEOUT_MS);
    cr_expect(client_has_ended(client));
    client_close(client);
    front_stop();
}

Test(http_connections, a_request_that_is_with_the_application_has_no_limit_here)
{
    FRONT_START();
    struct client *client = front_client();
    client_send(client, HOLD);
    struct http_request *request = front_take_held();
    front_pass(FRONT_REQUEST_TIMEOUT_MS * 10);
    front_answer(request, 200, "done");
    cr_expect_str_eq(client_read(client).body, "done");
    client_close(client);
    front_stop();
}
