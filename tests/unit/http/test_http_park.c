/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait: for a key, for a time, for the end of the server. */
#include <stdio.h>

#include "front.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(http_park);

static struct client *waits_at(const char *path, int64_t key, size_t before)
{
    struct client *client = front_client();
    client_send(client,
                arena_printf(front.arena, "GET %s?%lld HTTP/1.1\r\nHost: h\r\n\r\n", path, (long long)key));
    front_await_parked(before + 1);
    return client;
}

static struct client *parked_at(int64_t key, size_t before)
{
    return waits_at("/park", key, before);
}

static bool is_resumed(struct client *client)
{
    return strcmp(client_read(client).body, "resumed") == 0;
}

/* More than the loop's table has rows, so that keys share one. */
enum { PARKED = 300, STRIDE = 77 };

Test(http_park, a_wake_resumes_who_waits_for_its_key_and_nobody_else)
{
    struct client *clients[PARKED];
    FRONT_START(.max_connections = 2 * PARKED);
    for (size_t i = 0; i < PARKED; i++)
        clients[i] = parked_at((int64_t)(i + 1) << 20, i);
    for (size_t n = 0; n < PARKED; n++) {
        size_t i = n * STRIDE % PARKED;
        http_wake(front.server, (int64_t)(i + 1) << 20);
        cr_assert(is_resumed(clients[i]), "%zu", i);
        size_t next = (n + 1) * STRIDE % PARKED;
        cr_assert(n + 1 == PARKED || client_has_nothing(clients[next]), "%zu after %zu", next, i);
    }
    for (size_t i = 0; i < PARKED; i++) {
        cr_expect(client_has_nothing(clients[i]), "%zu", i);
        client_close(clients[i]);
    }
    front_stop();
}

Test(http_park, a_wake_resumes_all_who_wait_for_its_key_on_every_loop)
{
    enum { LOOPS = 3, MANY = 24 };
    struct client *clients[MANY];
    FRONT_START(.loops = LOOPS);
    for (size_t i = 0; i < MANY; i++)
        clients[i] = parked_at(5, i);
    http_wake(front.server, 5);
    for (size_t i = 0; i < MANY; i++) {
        cr_expect(is_resumed(clients[i]), "%zu", i);
        client_close(clients[i]);
    }
    front_stop();
}

Test(http_park, a_wake_for_nobody_does_nothing)
{
    FRONT_START();
    http_wake(front.server, 5);
    struct client *client = parked_at(6, 0);
    http_wake(front.server, 5);
    front_pass(0);
    cr_expect(client_has_nothing(client));
    http_wake(front.server, 6);
    cr_expect(is_resumed(client));
    client_close(client);
    front_stop();
}

Test(http_park, who_waits_goes_on_when_the_time_is_over)
{
    FRONT_START();
    struct client *first = parked_at(1, 0);
    front_pass(1000);
    struct client *second = parked_at(2, 1);
    front_pass(FRONT_HOLD_MS - 1001);
    cr_expect(client_has_nothing(first));
    front_pass(1);
    cr_expect(is_resumed(first));
    cr_expect(client_has_nothing(second));
    front_pass(1000);
    cr_expect(is_resumed(second));
    client_close(first);
    client_close(second);
    front_stop();
}

Test(http_park, who_was_woken_is_not_resumed_again)
{
    FRONT_START();
    struct client *client = parked_at(1, 0);
    http_wake(front.server, 1);
    cr_expect(is_resumed(client));
    http_wake(front.server, 1);
    front_pass(FRONT_HOLD_MS);
    cr_expect(client_has_ended(client), "idle for too long, without another answer");
    client_close(client);
    front_stop();
}

Test(http_park, who_looks_does_so_after_its_time_unless_it_is_woken)
{
    FRONT_START();
    struct client *woken = waits_at("/look", 1, 0), *late = waits_at("/look", 2, 1),
                  *parked = parked_at(3, 2);
    http_server_set_hold(front.server, HTTP_LOOK_MS / 2);
    front_pass(HTTP_LOOK_MS - 1);
    cr_expect(client_has_nothing(late), "hold_ms is not its time");
    http_wake(front.server, 1);
    cr_expect(is_resumed(woken));
    cr_expect(client_has_nothing(late));
    front_pass(1);
    cr_expect_str_eq(client_read(late).body, "looked");
    http_wake(front.server, 2);
    http_wake(front.server, 3);
    client_read(parked);
    cr_expect(client_has_nothing(late), "it is answered once");
    client_close(woken);
    client_close(late);
    client_close(parked);
    front_stop();
}

static void unpark(void *request)
{
    http_unpark(request, 5);
}

Test(http_park, who_was_unparked_is_called_no_more)
{
    FRONT_START();
    struct client *client = front_client(), *other = parked_at(5, 0);
    client_send(client, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_request *held = front_take_held();
    front_park(held, 5);
    front_run_at(held->loop, unpark, held);
    front_run_at(held->loop, unpark, held);
    http_wake(front.server, 5);
    cr_expect(is_resumed(other));
    front_pass(FRONT_HOLD_MS);
    cr_expect(client_has_nothing(client));
    front_answer(held, 200, "done");
    cr_expect_str_eq(client_read(client).body, "done");
    client_close(client);
    client_close(other);
    front_stop();
}

Test(http_park, a_stop_resumes_who_looks)
{
    FRONT_START();
    struct client *client = waits_at("/look", 1, 0);
    front_begin_stop();
    cr_expect(is_resumed(client));
    client_close(client);
    front_end_stop();
}

Test(http_park, a_stop_resumes_all_and_lets_nobody_wait_any_more)
{
    enum { MANY = 5 };
    struct client *clients[MANY];
    FRONT_START();
    for (size_t i = 0; i < MANY; i++)
        clients[i] = parked_at((int64_t)i, i);
    struct client *late = front_client();
    client_send(late, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    struct http_request *held = front_take_held();
    front_begin_stop();
    for (size_t i = 0; i < MANY; i++) {
        struct client_reply reply = client_read(clients[i]);
        cr_expect_str_eq(reply.body, "resumed");
        cr_expect_str_eq(client_header(front.arena, &reply, "connection"), "close");
        cr_expect(client_has_ended(clients[i]));
        client_close(clients[i]);
    }
    cr_expect(client_has_nothing(late));
    front_park(held, 9);
    cr_expect(is_resumed(late));
    cr_expect(client_has_ended(late));
    client_close(late);
    front_end_stop();
}
