/* SPDX-License-Identifier: Apache-2.0 */
/* The start and the end of a front end, and what is told to its loops between them. */
#include "front.h"
#include "leaks.h"
#include "log_capture.h"
#include "moving_clock.h"

LEAK_CHECKED_SUITE(http_stop);

/* A front end that did not start, or not end in time, leaves memory behind: its process ends right after. */
TestSuite(http_end);

#define ASK  "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define HOLD "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"

Test(http_stop, each_loop_is_started_and_stopped_once)
{
    FRONT_START(.loops = 3);
    cr_expect_eq(front.loops_started, 3);
    cr_expect_eq(front.loops_stopped, 0);
    cr_expect_eq(http_server_loops(front.server), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(http_loop_data(http_server_loop(front.server, i)), &front);
    cr_expect_neq(http_server_loop(front.server, 0), http_server_loop(front.server, 2));
    cr_expect_null(http_server_loop(front.server, 3));
    front_stop();
    cr_expect_eq(front.loops_stopped, 3);
}

static int order[4];
static size_t order_count;

static void note_order(void *argument)
{
    order[order_count++] = *(const int *)argument;
}

struct numbered {
    struct http_message message;
    int number;
};

static void note_message(struct http_message *message)
{
    note_order(&((struct numbered *)message)->number);
}

Test(http_stop, messages_run_on_the_loop_in_their_order)
{
    struct numbered messages[3];
    FRONT_START();
    struct http_loop *loop = http_server_loop(front.server, 0);
    for (int i = 0; i < 3; i++) {
        messages[i] = (struct numbered){.message.run = note_message, .number = i};
        http_loop_post(loop, &messages[i].message);
    }
    front_run_at(loop, note_order, &(int){3});
    for (int i = 0; i < 4; i++)
        cr_expect_eq(order[i], i);
    front_stop();
}

Test(http_stop, connections_are_counted)
{
    FRONT_START(.loops = 2);
    cr_expect_eq(http_server_connections(front.server), 0);
    struct client *clients[6];
    for (size_t i = 0; i < 6; i++) {
        clients[i] = front_client();
        cr_expect_eq(client_ask(clients[i], ASK).status, 200);
        cr_expect_eq(http_server_connections(front.server), i + 1);
    }
    for (size_t i = 0; i < 6; i++) {
        client_close(clients[i]);
        front_await_connections(5 - i);
    }
    front_stop();
}

Test(http_stop, an_idle_connection_is_closed)
{
    FRONT_START();
    struct client *fresh = front_client(), *used = front_client(), *begun = front_client();
    cr_expect_eq(client_ask(used, ASK).status, 200);
    client_send(begun, "GET / HTTP/1.1\r\n");
    front_await_connections(3);
    int64_t begin = MOVING_CLOCK_BEGIN;
    front_begin_stop();
    cr_expect(client_has_ended(fresh) && client_has_ended(used));
    cr_expect_eq(client_read(begun).status, 0);
    client_close(fresh);
    client_close(used);
    client_close(begun);
    front_end_stop();
    cr_expect_eq(moving_clock_s(), begin, "without a wait");
}

Test(http_stop, what_is_under_way_is_answered_and_its_connection_closed)
{
    FRONT_START();
    uint16_t port = front.port;
    struct client *held = front_client(), *parked = front_client();
    client_send(held, HOLD);
    struct http_request *request = front_take_held();
    client_send(parked, "GET /park?1 HTTP/1.1\r\nHost: h\r\n\r\n");
    front_await_parked(1);
    front_begin_stop();
    cr_expect_str_eq(client_read(parked).body, "resumed");
    front_answer(request, 200, "done");
    struct client_reply reply = client_read(held);
    cr_expect_str_eq(reply.body, "done");
    cr_expect_str_eq(client_header(front.arena, &reply, "connection"), "close");
    cr_expect(client_has_ended(held));
    client_close(held);
    client_close(parked);
    front_end_stop();
    cr_expect(client_is_refused("127.0.0.1", port));
}

Test(http_end, what_is_not_answered_in_time_is_given_up)
{
    struct arena *arena = arena_new();
    log_capture_begin();
    FRONT_START();
    struct client *client = front_client();
    client_send(client, HOLD);
    (void)front_take_held();
    moving_clock_run(HTTP_DRAIN_MS / 10);
    front_stop();
    moving_clock_run(0);
    const char *log = log_capture_end(arena);
    cr_expect_eq(count_of(log, "stopping with 1 requests unanswered"), 1, "%s", log);
    cr_expect_geq(moving_clock_s(), MOVING_CLOCK_BEGIN + HTTP_DRAIN_MS / 1000);
    cr_expect_leq(moving_clock_s(), MOVING_CLOCK_BEGIN + 3 * HTTP_DRAIN_MS / 1000);
    arena_free(arena);
}

Test(http_end, a_loop_that_does_not_start_ends_the_start)
{
    struct fault fault = {0};
    front_try(&(struct front_options){.loops = 3, .refusing_loop_starts = 1}, &fault);
    cr_expect_null(front.server);
    cr_expect_str_eq(fault.message, "an HTTP thread could not be started");
}
