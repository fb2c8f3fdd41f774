/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are refused within `apply`: what is recorded, and how many a client may make. */
#include <string.h>

#include "acme/refusal_register.h"
#include "gateway/frontend/exchange_internal.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "store/events.h"

/* Returns the client that a limit applies to: the account, or the network of a client without one. */
static const char *client_of(const struct exchange *exchange)
{
    return exchange->account.id == 0
               ? exchange->request->client_network
               : arena_printf(exchange->arena, "account %lld", (long long)exchange->account.id);
}

enum store_apply_result exchange_refuse(struct exchange *exchange, const struct problem *problem)
{
    exchange->problem = problem;
    return STORE_DISCARD;
}

static bool is_counted(const struct exchange_tries *tries, const char *what, const struct problem *problem)
{
    return tries->refused_what != NULL && strcmp(tries->refused_what, what) == 0 &&
           strcmp(tries->refused_detail, problem->detail) == 0;
}

/* Returns the words to record; NULL: the refusal is only counted. An `apply` that runs again counts the same
 * refusal once. */
static const char *count(struct exchange *exchange, const char *what, const struct problem *problem)
{
    struct exchange_tries *tries = &exchange->tries;
    if (is_counted(tries, what, problem))
        return tries->refused_words;
    const struct refusal refusal = {client_of(exchange), what, problem};
    tries->refused_what = what;
    tries->refused_detail = problem->detail;
    tries->refused_words =
        refusal_register_count(exchange->frontend->refusals, exchange->arena, &refusal, exchange->now);
    return tries->refused_words;
}

enum store_result exchange_record_refusal(struct exchange *exchange, struct store_writer *writer,
                                          struct event *event, const struct problem *problem)
{
    const struct event_type_info *type = event_type_info(event->type);
    event->cause = problem->cause;
    event->detail = type->is_refusal ? count(exchange, type->name, problem) : problem->detail;
    return event->detail == NULL ? STORE_OK : exchange_record(exchange, writer, event);
}

enum store_apply_result exchange_refuse_and_record(struct exchange *exchange, struct store_writer *writer,
                                                   struct event *event, const struct problem *problem)
{
    event->account_id = exchange->account.id;
    exchange->problem = problem;
    return exchange_store_ok(exchange, exchange_record_refusal(exchange, writer, event, problem))
               ? STORE_APPLIED
               : STORE_DISCARD;
}

enum store_apply_result exchange_refuse_and_log(struct exchange *exchange, const char *what,
                                                const struct problem *problem)
{
    bool is_told = is_counted(&exchange->tries, what, problem);
    const char *words = count(exchange, what, problem);
    if (words != NULL && !is_told)
        log_warning("%s: client %s: %s (cause %s)", what, exchange->request->client_address, words,
                    cause_name(problem->cause));
    return exchange_refuse(exchange, problem);
}

/* The callers' are gone when the tokens are given back, and the configuration may be another. */
static struct rate_demand *keep_demands(struct arena *arena, const struct rate_demand *demands, size_t count)
{
    struct rate_demand *kept = arena_alloc_array(arena, count, sizeof *kept);
    struct rate *rates = arena_alloc_array(arena, count, sizeof *rates);
    for (size_t i = 0; i < count; i++) {
        rates[i] = *demands[i].rate;
        kept[i] = demands[i];
        kept[i].rate = &rates[i];
    }
    return kept;
}

const struct problem *exchange_take_rates(struct exchange *exchange, const struct rate_demand *demands,
                                          size_t count, size_t *refused)
{
    struct exchange_tries *tries = &exchange->tries;
    struct frontend *frontend = exchange->frontend;
    int64_t now_ms = clock_now_ms();
    shared_rates_count(frontend->shared_rates, frontend->rates, exchange->arena, now_ms);
    const struct problem *problem =
        rate_limiter_take(frontend->rates, exchange->arena, demands, count, now_ms, refused);
    if (problem == NULL && tries->taken_count < EXCHANGE_TAKES_MAX) {
        tries->taken[tries->taken_count].demands = keep_demands(exchange->arena, demands, count);
        tries->taken[tries->taken_count++].count = count;
    }
    return problem;
}

void exchange_tell_rates(const struct exchange *exchange)
{
    const struct exchange_tries *tries = &exchange->tries;
    struct peers *peers = exchange->frontend->parts.peers;
    if (!peers_are_there(peers))
        return;
    for (size_t i = 0; i < tries->taken_count; i++)
        for (size_t j = 0; j < tries->taken[i].count; j++)
            if (tries->taken[i].demands[j].rate->count != 0)
                peers_tell_taken(peers, &tries->taken[i].demands[j]);
}

void exchange_give_back_rates(struct exchange *exchange)
{
    struct exchange_tries *tries = &exchange->tries;
    for (size_t i = 0; i < tries->taken_count; i++)
        rate_limiter_give_back(exchange->frontend->rates, exchange->arena, tries->taken[i].demands,
                               tries->taken[i].count);
    tries->taken_count = 0;
}

void exchange_count_limit(struct exchange *exchange, enum metric_limit limit)
{
    if (!exchange->tries.limit_counted)
        METRICS_COUNT(METRIC_RATE_LIMITED, limit);
    exchange->tries.limit_counted = true;
}

const struct problem *exchange_take_rate(struct exchange *exchange, const struct rate_demand *demand,
                                         enum metric_limit limit)
{
    size_t refused;
    const struct problem *problem = exchange_take_rates(exchange, demand, 1, &refused);
    if (problem != NULL)
        exchange_count_limit(exchange, limit);
    return problem;
}

/* A refusal by a limit itself does not count. Neither does the question whether an account exists
 * (onlyReturnExisting). */
static bool counts_as_refusal(const struct problem *problem)
{
    return problem != NULL && problem->status >= 400 && problem->status < 500 &&
           problem->type != PROBLEM_RATE_LIMITED && problem->type != PROBLEM_ACCOUNT_DOES_NOT_EXIST;
}

void exchange_limit_refusals(struct exchange *exchange)
{
    const struct problem *refused = exchange->problem;
    if (!counts_as_refusal(refused))
        return;
    /* Many hosts may share an address: the refusals of one key must not limit the others. */
    const char *signer =
        exchange->account.id == 0 && exchange->signer.canonical.n != 0 ? exchange->signer.thumbprint : NULL;
    const struct rate_demand demand = {&config_now(exchange->frontend->parts.config)->refusals,
                                       "refused requests from", client_of(exchange), signer};
    const struct problem *limited = exchange_take_rate(exchange, &demand, METRIC_LIMIT_REFUSALS);
    if (limited == NULL)
        return;
    struct problem *problem = problem_new(exchange->arena, PROBLEM_RATE_LIMITED, "%s This one: %s",
                                          limited->detail, refused->detail);
    problem->cause = refused->cause;
    problem->retry_after_s = limited->retry_after_s;
    exchange->problem = problem;
}
