/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog hears of the server only when every thread has answered. */
#include "gateway/server/watchdog.h"

#include "gateway/server/server.h"
#include "leaks.h"
#include "place.h"

LEAK_CHECKED_SUITE(watchdog);

enum { LOOPS = 2 };

static size_t alive_count;

static void note_alive(void)
{
    alive_count++;
}

static bool start_loop(void *context, struct http_loop *loop)
{
    (void)context;
    (void)loop;
    return true;
}

static void stop_loop(void *context, struct http_loop *loop)
{
    (void)context;
    (void)loop;
}

Test(watchdog, a_round_ends_when_all_threads_have_answered_and_only_then_another_begins)
{
    struct place place;
    struct fault fault;
    place_begin(&place);
    const struct store_location *location =
        store_location_new(place.arena, arena_printf(place.arena, "%s/acmegate.db", place.folder));
    fake_store_use(location, NULL);
    const struct http_server_config config = {
        .loops = LOOPS, .application = {.loop_started = start_loop, .loop_stopped = stop_loop}};
    struct server server = {.store = store_open(location, STORE_MIGRATE, &fault),
                            .outbound = outbound_start(NULL, NULL),
                            .http = http_server_start(&config, &fault)};
    cr_assert(server.store != NULL && server.http != NULL);
    struct watchdog *watchdog = watchdog_new(&server, note_alive);
    alive_count = 0;
    for (size_t round = 1; round <= 2; round++) {
        watchdog_begin_round(watchdog);
        watchdog_begin_round(watchdog);
        cr_assert(fake_loops_turn());
        watchdog_begin_round(watchdog);
        cr_assert(fake_loops_turn());
        cr_expect_eq(fake_loops_waiting(), 0, "a round in progress begins no other");
        cr_expect(fake_store_turn());
        cr_expect_eq(alive_count, round - 1, "the outbound thread has not answered");
        cr_expect(fake_outbound_turn());
        cr_expect_eq(alive_count, round);
    }
    fakes_settle();
    cr_expect_eq(alive_count, 2);
    watchdog_free(watchdog);
    watchdog_free(NULL);
    http_server_stop(server.http);
    outbound_stop(server.outbound);
    store_close(server.store);
    outbound_free(server.outbound);
    place_end(&place);
}
