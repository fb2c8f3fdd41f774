/* SPDX-License-Identifier: Apache-2.0 */
/* The client's answers to results of the store. */
#include "gateway/frontend/exchange.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(store_results);

Test(store_results, each_has_its_answer)
{
    static const struct {
        enum store_result result;
        int status; /* 0: the exchange goes on */
        bool again; /* the client is told to come back */
    } cases[] = {{STORE_OK, 0, false},         {STORE_NOT_FOUND, 0, false}, {STORE_KNOWN, 0, false},
                 {STORE_LOST_RACE, 503, true}, {STORE_FAILED, 503, true},   {STORE_REFUSED, 500, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange exchange = {.arena = arena_new()};
        cr_expect_eq(exchange_store_ok(&exchange, cases[i].result), cases[i].status == 0, "%zu", i);
        cr_expect_eq(exchange.problem != NULL, cases[i].status != 0, "%zu", i);
        if (exchange.problem != NULL) {
            cr_expect_eq(exchange.problem->type, PROBLEM_SERVER_INTERNAL, "%zu", i);
            cr_expect_eq(exchange.problem->status, cases[i].status, "%zu", i);
            cr_expect_eq(exchange.problem->retry_after_s != 0, cases[i].again, "%zu", i);
        }
        arena_free(exchange.arena);
    }
}
