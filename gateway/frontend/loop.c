/* SPDX-License-Identifier: Apache-2.0 */
/* A loop's own state, and the one place where a request reads the database. */
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/frontend/exchange_internal.h"
#include "gateway/loads/readers.h"
#include "gateway/runtime/log.h"
#include "gateway/status/status.h"

enum { BUSY_RETRY_AFTER_S = 5 };

struct loop_state {
    uint64_t next_request;
    struct store_reader *reader; /* NULL: the readers read */
    struct account_key_cache *keys;
    struct status_reader *status;
    struct known_authorities *authorities;
};

bool exchange_loop_started(void *context, struct http_loop *loop)
{
    const struct frontend *frontend = context;
    struct fault fault;
    struct loop_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        end_without("memory");
    if (frontend->parts.readers == NULL &&
        (state->reader = store_reader_open(frontend->parts.location, &fault)) == NULL) {
        log_error("%s", fault.message);
        free(state);
        return false;
    }
    if (RAND_bytes((unsigned char *)&state->next_request, sizeof state->next_request) != 1)
        end_without("random octets");
    state->keys = account_key_cache_new();
    state->status = status_reader_new(frontend->parts.status);
    state->authorities = known_authorities_new();
    http_loop_set_data(loop, state);
    return true;
}

void exchange_loop_stopped(void *context, struct http_loop *loop)
{
    (void)context;
    struct loop_state *state = http_loop_data(loop);
    store_reader_close(state->reader);
    account_key_cache_free(state->keys);
    status_reader_free(state->status);
    known_authorities_free(state->authorities);
    free(state);
}

/* An odd step meets each number once. The golden ratio's makes neighbours look different. */
#define REQUEST_STEP UINT64_C(0x9e3779b97f4a7c15)

static void write_name(char out[static REQUEST_ID_BYTES], struct http_loop *loop)
{
    struct loop_state *state = http_loop_data(loop);
    snprintf(out, REQUEST_ID_BYTES, "%016" PRIx64, state->next_request);
    state->next_request += REQUEST_STEP;
}

void exchange_name(struct exchange *exchange)
{
    write_name(exchange->request_id, exchange->request->loop);
}

const char *exchange_new_name(struct arena *arena, struct http_loop *loop)
{
    char *name = arena_alloc(arena, REQUEST_ID_BYTES);
    write_name(name, loop);
    return name;
}

static const struct loop_state *loop_of(const struct exchange *exchange)
{
    return http_loop_data(exchange->request->loop);
}

/* ---- loads ---- */

/* A load that a reader's thread runs. */
struct elsewhere {
    struct readers_load reading; /* first */
    struct http_message message;
    struct exchange *exchange;
    exchange_load_step *load;
    void (*then)(struct exchange *exchange);
    bool loaded;
};

static void load_elsewhere(struct readers_load *reading, struct store_reader *reader)
{
    struct elsewhere *elsewhere = (struct elsewhere *)reading;
    elsewhere->load(elsewhere->exchange, reader);
}

static void post_back(struct readers_load *reading, bool loaded)
{
    struct elsewhere *elsewhere = (struct elsewhere *)reading;
    elsewhere->loaded = loaded;
    http_loop_post(elsewhere->exchange->request->loop, &elsewhere->message);
}

static void go_on(struct http_message *message)
{
    const struct elsewhere *elsewhere =
        (struct elsewhere *)((char *)message - offsetof(struct elsewhere, message));
    struct exchange *exchange = elsewhere->exchange;
    /* As when a statement fails. */
    if (!elsewhere->loaded)
        (void)exchange_store_ok(exchange, STORE_FAILED);
    elsewhere->then(exchange);
}

static void refuse_busy(struct exchange *exchange)
{
    METRICS_COUNT(METRIC_OVERLOADED);
    struct problem *problem =
        problem_with_status(exchange->arena, 503, PROBLEM_SERVER_INTERNAL,
                            "The server is overloaded: too many requests wait for the database. Try again "
                            "later.");
    problem->retry_after_s = BUSY_RETRY_AFTER_S;
    exchange->problem = problem;
}

static void run_elsewhere(struct exchange *exchange, exchange_load_step *load,
                          void (*then)(struct exchange *exchange))
{
    struct elsewhere *elsewhere = arena_alloc(exchange->arena, sizeof *elsewhere);
    *elsewhere = (struct elsewhere){.reading = {.load = load_elsewhere, .done = post_back},
                                    .message = {.run = go_on},
                                    .exchange = exchange,
                                    .load = load,
                                    .then = then};
    if (readers_submit(exchange->frontend->parts.readers, READERS_CLIENT, &elsewhere->reading))
        return;
    refuse_busy(exchange);
    then(exchange);
}

void exchange_load(struct exchange *exchange, exchange_load_step *load,
                   void (*then)(struct exchange *exchange))
{
    if (load != NULL && exchange->frontend->parts.readers != NULL) {
        run_elsewhere(exchange, load, then);
        return;
    }
    if (load != NULL)
        load(exchange, loop_of(exchange)->reader);
    then(exchange);
}

bool exchange_database_is_in_place(const struct exchange *exchange)
{
    const struct store_reader *reader = loop_of(exchange)->reader;
    return reader == NULL || store_reader_is_in_place(reader);
}

bool exchange_database_answers(const struct exchange *exchange)
{
    const struct readers *readers = exchange->frontend->parts.readers;
    return readers == NULL || readers_answer(readers);
}

/* ---- the loop's own, for steps on the loop ---- */

struct account_key_cache *exchange_keys(const struct exchange *exchange)
{
    return loop_of(exchange)->keys;
}

struct status_reader *exchange_status(const struct exchange *exchange)
{
    return loop_of(exchange)->status;
}

struct known_authorities *exchange_authorities(const struct exchange *exchange)
{
    return loop_of(exchange)->authorities;
}
