/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads of requests (exchange_load, by --wrap): by the dice at once, as with SQLite, or as an engine with
 * round trips would run them. Then both the read and what follows are messages, and other requests come
 * between.
 */
#include "dice.h"
#include "fakes.h"
#include "gateway/frontend/exchange_internal.h"

/* The linker's names. */
void __wrap_exchange_load(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange));
void __real_exchange_load(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange));

static bool at_once;

void fake_loads_run_at_once(bool always)
{
    at_once = always;
}

struct load_elsewhere {
    struct http_message message; /* first */
    struct exchange *exchange;
    exchange_load_step *load;
    void (*then)(struct exchange *exchange);
};

static void run_then(struct http_message *message)
{
    struct load_elsewhere *elsewhere = (struct load_elsewhere *)message;
    elsewhere->then(elsewhere->exchange);
}

static void stay(struct exchange *exchange)
{
    (void)exchange;
}

static void run_load(struct http_message *message)
{
    struct load_elsewhere *elsewhere = (struct load_elsewhere *)message;
    __real_exchange_load(elsewhere->exchange, elsewhere->load, stay);
    elsewhere->message.run = run_then;
    http_loop_post(elsewhere->exchange->request->loop, &elsewhere->message);
}

void __wrap_exchange_load(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange))
{
    if (load == NULL || at_once || dice_chance(50)) {
        __real_exchange_load(exchange, load, then);
        return;
    }
    struct load_elsewhere *elsewhere = arena_alloc(exchange->arena, sizeof *elsewhere);
    *elsewhere = (struct load_elsewhere){{.run = run_load}, exchange, load, then};
    http_loop_post(exchange->request->loop, &elsewhere->message);
}
