/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads of requests and of the outbound thread (exchange_load and loads_run, by --wrap): by the dice at
 * once, as with SQLite, or as an engine with round trips would run them. Then both the read and what follows
 * are messages, and other work comes between.
 */
#include <stdlib.h>

#include "dice.h"
#include "fakes.h"
#include "gateway/frontend/exchange_internal.h"
#include "gateway/loads/loads.h"

static bool at_once;

void fake_loads_run_at_once(bool always)
{
    at_once = always;
}

static bool runs_at_once(void)
{
    return at_once || dice_chance(50);
}

/* ---- of requests ---- */

/* The linker's names. */
void __wrap_exchange_load(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange));
void __real_exchange_load(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange));

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
    if (load == NULL || runs_at_once()) {
        __real_exchange_load(exchange, load, then);
        return;
    }
    struct load_elsewhere *elsewhere = arena_alloc(exchange->arena, sizeof *elsewhere);
    *elsewhere = (struct load_elsewhere){{.run = run_load}, exchange, load, then};
    http_loop_post(exchange->request->loop, &elsewhere->message);
}

/* ---- of the outbound thread ---- */

void __wrap_loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
                      void (*then)(void *work), void *work);
void __real_loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
                      void (*then)(void *work), void *work);

struct outbound_load {
    struct outbound_message message; /* first */
    struct loads *loads;
    void (*load)(void *work, struct store_reader *reader);
    void (*then)(void *work);
    void *work;
};

static bool held;
static struct outbound_load *holds[FAKE_LOADS_HELD];
static size_t hold_count;

void fake_loads_hold(void)
{
    held = true;
}

size_t fake_loads_held(void)
{
    return hold_count;
}

void fake_loads_release(void)
{
    held = false;
    for (size_t i = 0; i < hold_count; i++)
        fake_outbound_post(&holds[i]->message);
    hold_count = 0;
}

void fake_loads_drop(void)
{
    held = false;
    while (hold_count > 0)
        free(holds[--hold_count]);
}

static void go_on(struct outbound_message *message)
{
    struct outbound_load *outbound_load = (struct outbound_load *)message;
    outbound_load->then(outbound_load->work);
    free(outbound_load);
}

static void stay_there(void *work)
{
    (void)work;
}

static void read_elsewhere(struct outbound_message *message)
{
    struct outbound_load *outbound_load = (struct outbound_load *)message;
    __real_loads_run(outbound_load->loads, outbound_load->load, stay_there, outbound_load->work);
    message->run = go_on;
    if (held && hold_count < FAKE_LOADS_HELD)
        holds[hold_count++] = outbound_load;
    else
        fake_outbound_post(message);
}

void __wrap_loads_run(struct loads *loads, void (*load)(void *work, struct store_reader *reader),
                      void (*then)(void *work), void *work)
{
    if (!held && runs_at_once()) {
        __real_loads_run(loads, load, then, work);
        return;
    }
    struct outbound_load *outbound_load = calloc(1, sizeof *outbound_load);
    if (outbound_load == NULL)
        abort();
    *outbound_load = (struct outbound_load){{.run = read_elsewhere}, loads, load, then, work};
    fake_outbound_post(&outbound_load->message);
}
