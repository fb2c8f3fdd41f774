/* SPDX-License-Identifier: Apache-2.0 */
/* An object that others found without a lock is freed when no thread can have it any more. */
#include "gateway/server/grace_period.h"

#include "leaks.h"
#include "place.h"

LEAK_CHECKED_SUITE(grace_period);

enum { LOOPS = 3, PKI_LOOPS = 1 };

static size_t over_count;
static void *over_what;

static void note_over(void *what)
{
    over_count++;
    over_what = what;
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

static struct http_server *start_front_end(size_t loops)
{
    struct fault fault = {0};
    const struct http_server_config config = {
        .loops = loops, .application = {.loop_started = start_loop, .loop_stopped = stop_loop}};
    struct http_server *server = http_server_start(&config, &fault);
    cr_assert_not_null(server);
    return server;
}

/* Each queue has something before it: over is told behind the last of them, and once. */
Test(grace_period, ends_behind_every_loop_the_committer_and_the_outbound_thread)
{
    struct place place;
    int what = 0;
    for (size_t pki_loops = 0; pki_loops <= PKI_LOOPS; pki_loops++) {
        place_begin(&place);
        over_count = 0;
        const struct store_location *location =
            store_location_new(place.arena, arena_printf(place.arena, "%s/acmegate.db", place.folder));
        struct fault fault;
        fake_store_use(location, NULL);
        struct server server = {.store = store_open(location, STORE_MIGRATE, &fault),
                                .outbound = outbound_start(NULL, NULL),
                                .http = start_front_end(LOOPS),
                                .pki_http = pki_loops == 0 ? NULL : start_front_end(pki_loops)};
        cr_assert(server.store != NULL);
        grace_period_begin(&server, note_over, &what);
        for (size_t i = 0; i < LOOPS + pki_loops; i++) {
            cr_expect_not(fake_store_waiting() || fake_outbound_waiting(), "loop %zu", i);
            cr_assert(fake_loops_turn(), "loop %zu", i);
        }
        cr_expect_eq(fake_loops_waiting(), 0);
        cr_expect_eq(over_count, 0);
        cr_assert(fake_store_turn());
        cr_expect_eq(over_count, 0);
        cr_assert(fake_outbound_turn());
        cr_expect_eq(over_count, 1);
        cr_expect_eq(over_what, &what);
        fakes_settle();
        cr_expect_eq(over_count, 1);
        http_server_stop(server.http);
        if (server.pki_http != NULL)
            http_server_stop(server.pki_http);
        outbound_stop(server.outbound);
        store_close(server.store);
        outbound_free(server.outbound);
        place_end(&place);
    }
}
