/* SPDX-License-Identifier: Apache-2.0 */
/* The outbound thread: messages, timers, URLs, and names that need no name server. */
#include "gateway/outbound/outbound.h"

#include <sched.h>
#include <string.h>

#include "dns_look_up.h"
#include "gateway/outbound/outbound_internal.h"
#include "gateway/outbound/outbound_wait.h"
#include "leaks.h"
#include "outbound_thread.h"

LEAK_CHECKED_SUITE(outbound);

/* ---- timers ---- */

enum { TIMERS = 100, ROUNDS = 100, FAR_MS = 60 * 1000, APART_MS = 1000 };

/* Timers that are due in the order of their places, whenever they are set. */
struct timers {
    struct outbound_errand errand; /* first */
    struct outbound *outbound;
    size_t count;
    uint32_t dice;
    struct timer {
        struct outbound_timer timer;
        struct timers *all;
        bool cancelled;
    } timer[TIMERS];
    size_t next; /* to run */
    bool in_order;
};

static size_t throw_dice(struct timers *all, size_t sides)
{
    all->dice = all->dice * 1664525 + 1013904223;
    return (all->dice >> 16) % sides;
}

static void skip_cancelled(struct timers *all)
{
    while (all->next < all->count && all->timer[all->next].cancelled)
        all->next++;
    if (all->next == all->count)
        outbound_errand_end(&all->errand);
}

static void timer_ran(void *argument)
{
    struct timer *timer = argument;
    struct timers *all = timer->all;
    all->in_order = all->in_order && timer == &all->timer[all->next];
    all->next++;
    skip_cancelled(all);
}

/* Their times have passed, so that the test does not wait for them. */
static void set_timer(struct timers *all, size_t place)
{
    outbound_timer_set(all->outbound, &all->timer[place].timer, -(int64_t)(all->count - place) * APART_MS);
}

/* Set in a shuffled order. Some were set before, to another time; some are cancelled, and that twice. */
static void set_timers(struct outbound_message *message)
{
    struct timers *all = (struct timers *)(void *)message;
    size_t order[TIMERS];
    for (size_t i = 0; i < all->count; i++) {
        size_t at = throw_dice(all, i + 1);
        order[i] = order[at];
        order[at] = i;
        all->timer[i] =
            (struct timer){{.run = timer_ran, .argument = &all->timer[i]}, all, throw_dice(all, 4) == 0};
        if (throw_dice(all, 3) == 0)
            outbound_timer_set(all->outbound, &all->timer[i].timer, FAR_MS);
    }
    for (size_t i = 0; i < all->count; i++)
        set_timer(all, order[i]);
    for (size_t i = 0; i < 2 * all->count; i++)
        if (all->timer[order[i / 2]].cancelled)
            outbound_timer_cancel(all->outbound, &all->timer[order[i / 2]].timer);
    skip_cancelled(all);
}

Test(outbound, timers_run_in_the_order_of_their_times_unless_cancelled)
{
    static const size_t counts[] = {1, 2, 3, 7, 8, 20, TIMERS};
    static struct timers all;
    all.outbound = outbound_thread_start(NULL);
    for (size_t i = 0; i < ROUNDS * sizeof counts / sizeof counts[0]; i++) {
        all.count = counts[i / ROUNDS];
        all.next = 0;
        all.in_order = true;
        outbound_wait(all.outbound, &all.errand, set_timers);
        cr_expect(all.in_order, "%zu timers, round %zu", all.count, i % ROUNDS);
    }
    outbound_thread_stop(all.outbound);
}

/* ---- messages ---- */

enum { MESSAGES = 1000, LEFT = 3 };

struct numbered {
    struct outbound_message message;
    unsigned number;
    unsigned *next;
    bool *in_order;
};

static void run_numbered(struct outbound_message *message)
{
    struct numbered *numbered = (struct numbered *)message;
    *numbered->in_order = *numbered->in_order && numbered->number == *numbered->next;
    ++*numbered->next;
}

static void run_nothing(void *unused)
{
    (void)unused;
}

Test(outbound, messages_run_in_the_order_posted)
{
    static struct numbered messages[MESSAGES];
    unsigned next = 0;
    bool in_order = true;
    struct outbound *outbound = outbound_thread_start(NULL);
    for (unsigned i = 0; i < MESSAGES; i++) {
        messages[i] = (struct numbered){{.run = run_numbered}, i, &next, &in_order};
        outbound_post(outbound, &messages[i].message);
    }
    outbound_run_and_wait(outbound, run_nothing, NULL);
    outbound_thread_stop(outbound);
    cr_expect_eq(next, MESSAGES);
    cr_expect(in_order);
}

/* Holds the thread until the stop is posted, and posts what comes behind it. */
struct hold {
    struct outbound_errand errand; /* first; it ends when the thread is held */
    struct outbound *outbound;
    struct numbered *behind;
};

static bool is_posted_to(struct outbound *outbound)
{
    pthread_mutex_lock(&outbound->lock);
    bool is_posted = outbound->first != NULL;
    pthread_mutex_unlock(&outbound->lock);
    return is_posted;
}

static void hold_until_the_stop(struct outbound_message *message)
{
    struct hold *hold = (struct hold *)(void *)message;
    outbound_errand_end(&hold->errand);
    while (!is_posted_to(hold->outbound))
        sched_yield();
    for (size_t i = 0; i < LEFT - 1; i++)
        outbound_post(hold->outbound, &hold->behind[i].message);
}

/* Behind the stop, and after it. */
Test(outbound, messages_that_never_ran_are_left_in_their_order)
{
    unsigned next = 0;
    bool in_order = true;
    struct numbered left[LEFT];
    struct outbound *outbound = outbound_thread_start(NULL);
    for (unsigned i = 0; i < LEFT; i++)
        left[i] = (struct numbered){{.run = run_numbered}, i, &next, &in_order};
    struct hold hold = {.outbound = outbound, .behind = left};
    outbound_wait(outbound, &hold.errand, hold_until_the_stop);
    outbound_stop(outbound);
    outbound_post(outbound, &left[LEFT - 1].message);
    cr_expect_eq(next, 0, "none runs");
    for (unsigned i = 0; i < LEFT; i++)
        cr_expect_eq(outbound_take_left(outbound), &left[i].message, "%u", i);
    cr_expect_null(outbound_take_left(outbound));
    outbound_post(outbound, &left[0].message);
    cr_expect_eq(outbound_take_left(outbound), &left[0].message, "posted when all were taken");
    outbound_free(outbound);
}

/* ---- URLs ---- */

Test(outbound, urls_and_what_they_redirect_to)
{
    static const struct {
        const char *base, *reference;
        const char *url; /* NULL: refused */
        const char *host;
        uint16_t port;
    } cases[] = {
        {"http://a.example/x", NULL, "http://a.example/x", "a.example", 80},
        {"http://a.example:5002/x", NULL, "http://a.example:5002/x", "a.example", 5002},
        {"http://[2001:db8::7]:80/x", NULL, "http://[2001:db8::7]:80/x", "2001:db8::7", 80},
        {"http://a.example/x/y", "z", "http://a.example/x/z", "a.example", 80},
        {"http://a.example/x", "/y?q#f", "http://a.example/y?q", "a.example", 80},
        {"http://a.example/x", "//b.example/y", "http://b.example/y", "b.example", 80},
        {"http://a.example/x", "https://b.example/y", "https://b.example/y", "b.example", 443},
        {"http://a.example/x", "ftp://b.example/y", NULL, NULL, 0},
        {"http://a.example/x", "file:///etc/passwd", NULL, NULL, 0},
        {"http://a.example/x", "http://user:secret@b.example/", NULL, NULL, 0},
        {"http://a.example/x", "http://b.example:99999/", NULL, NULL, 0},
        {"not a url", NULL, NULL, NULL, 0},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outbound_url url;
        bool good = outbound_url_parse(arena, cases[i].base, cases[i].reference, &url);
        cr_assert_eq(good, cases[i].url != NULL, "%s %s", cases[i].base, cases[i].reference);
        if (!good)
            continue;
        cr_expect_str_eq(url.url, cases[i].url);
        cr_expect_str_eq(url.host, cases[i].host);
        cr_expect_eq(url.port, cases[i].port, "%s", cases[i].url);
        cr_expect_eq(url.https, strncmp(cases[i].url, "https:", 6) == 0);
    }
    arena_free(arena);
}

/* ---- names ---- */

Test(outbound, numbers_and_localhost_resolve_without_a_name_server)
{
    static const char *const hosts[] = {"192.0.2.7", "2001:db8::7", "localhost"};
    struct arena *arena = arena_new();
    struct outbound *outbound = outbound_thread_start(NULL);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct outbound_addresses found = dns_look_up_addresses(outbound, arena, hosts[i], 2000);
        cr_expect_null(found.error, "%s: %s", hosts[i], found.error);
        cr_expect_geq(found.count, 1, "%s", hosts[i]);
    }
    outbound_thread_stop(outbound);
    arena_free(arena);
}
