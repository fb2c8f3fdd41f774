/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are refused within `apply`: what is recorded, and how many a client may make. */
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

/* Returns the words to record; NULL: the refusal is only counted. */
static const char *count(struct exchange *exchange, const char *what, const struct problem *problem)
{
    const struct refusal refusal = {client_of(exchange), what, problem};
    return refusal_register_count(exchange->frontend->refusals, exchange->arena, &refusal, exchange->now);
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
    const char *words = count(exchange, what, problem);
    if (words != NULL)
        log_warning("%s: client %s: %s (cause %s)", what, exchange->request->client_address, words,
                    cause_name(problem->cause));
    return exchange_refuse(exchange, problem);
}

const struct problem *exchange_take_rate(struct exchange *exchange, const struct rate_demand *demand,
                                         enum metric_limit limit)
{
    size_t refused;
    const struct problem *problem =
        rate_limiter_take(exchange->frontend->rates, exchange->arena, demand, 1, clock_now_ms(), &refused);
    if (problem != NULL)
        METRICS_COUNT(METRIC_RATE_LIMITED, limit);
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
