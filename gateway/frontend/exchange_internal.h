/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/frontend/exchange*.c and loop.c only. */
#pragma once

#include "gateway/frontend/exchange.h"

/*
 * Runs `load` (NULL: nothing is read), then `then`, on the loop. Nothing else on a loop reads the database.
 * With SQLite a read takes microseconds, and both run at once. Where reads wait for the network, a reader's
 * thread runs `load` (readers.h), and `then` is posted to the loop: callers go on in `then` alone. When
 * `load` cannot run, the problem is set before `then`.
 */
void exchange_load(struct exchange *exchange, exchange_load_step *load,
                   void (*then)(struct exchange *exchange));

/*
 * Spends the request's nonce, then runs `then`, on the loop: within this call, or up to HTTP_LOOK_MS later
 * when another gateway has to spend it. The problem is set before `then` when it is not good.
 */
void exchange_spend_nonce(struct exchange *exchange, void (*then)(struct exchange *exchange));

/* The loop's. */
void exchange_name(struct exchange *exchange); /* sets request_id, which no other request has */
/* One for a request that becomes no exchange. On the loop's thread. */
const char *exchange_new_name(struct arena *arena, struct http_loop *loop);
struct account_key_cache *exchange_keys(const struct exchange *exchange);

/* Ends an exchange on its loop: with the problem if there is one, else with the result of render. */
void exchange_finish(struct exchange *exchange);
/* Ends an exchange on its loop with this problem. */
void exchange_finish_with(struct exchange *exchange, const struct problem *problem);

const struct problem *exchange_too_long(struct arena *arena);
