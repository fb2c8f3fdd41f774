/* SPDX-License-Identifier: Apache-2.0 */
/* The answers for load balancers and service managers. */
#include "acme/base/json.h"
#include "gateway/ca/issuer.h"
#include "gateway/ca/issuers.h"
#include "gateway/frontend/routes.h"

enum { READY_MAX_BYTES = 64 * 1024 };

static const char gone[] = "the database file was removed or replaced";
static const char silent[] = "the database does not answer";

/* ---- alive ---- */

static void reply(struct exchange *exchange, bool good, struct json_writer *writer)
{
    exchange_reply_json(exchange, good ? 200 : 503, json_writer_finish(writer));
    exchange_add_header(exchange, "Cache-Control", "no-store");
}

void health_render(struct exchange *exchange)
{
    bool in_place = exchange_database_is_in_place(exchange);
    struct json_writer *writer = json_writer_new(exchange->arena, READY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "status", in_place ? "ok" : "failed");
    json_put_string(writer, "reason", in_place ? NULL : gone);
    json_end_object(writer);
    reply(exchange, in_place, writer);
}

/* ---- ready ---- */

struct readiness {
    const char *fault; /* of the database; NULL: none */
};

/* The disk is this host's only where a loop may read. */
static bool is_full(const struct frontend_parts *parts)
{
    struct store_size size;
    if (store_reads_wait(parts->location))
        return false;
    store_read_size(parts->location, &size);
    return size.free != STORE_SIZE_UNKNOWN && size.free < STORE_FREE_LEAST_BYTES;
}

static const char *fault_of_database(const struct exchange *exchange)
{
    if (!exchange_database_is_in_place(exchange))
        return gone;
    if (!exchange_database_answers(exchange))
        return silent;
    return is_full(&exchange->frontend->parts) ? "the disk of the database is full" : NULL;
}

/* A load balancer gets its answer at once: nothing is written to a database that cannot be read. */
void ready_check(struct exchange *exchange)
{
    struct readiness *readiness = arena_alloc(exchange->arena, sizeof *readiness);
    readiness->fault = fault_of_database(exchange);
    exchange->state = readiness;
    exchange->answered = readiness->fault == gone || readiness->fault == silent ||
                         store_takes_writes(exchange->frontend->parts.store);
}

enum store_apply_result ready_apply(struct exchange *exchange, struct store_writer *writer)
{
    return exchange_store_ok(exchange, store_probe(writer)) ? STORE_APPLIED : STORE_DISCARD;
}

/* A CA that has just gone down is waited for: a restart takes no clients away. */
static bool works(const struct issuer_status *status, int64_t now)
{
    return status->state != ISSUER_DOWN || now - status->failing_since < ISSUER_FAILING_IS_DOWN_S;
}

/* Writes the state of each issuer. False when none works. */
static bool put_issuers(const struct exchange *exchange, struct json_writer *writer)
{
    static const char *const states[] = {
        [ISSUER_HEALTHY] = "healthy", [ISSUER_DEGRADED] = "degraded", [ISSUER_DOWN] = "down"};
    const struct frontend_parts *parts = &exchange->frontend->parts;
    bool one_works = false;
    json_key(writer, "issuers");
    json_begin_object(writer);
    const struct config *config = config_now(parts->config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer_status status;
        struct issuer *issuer = issuers_find(parts->issuers, config->issuers[i].id);
        if (issuer == NULL)
            continue;
        issuer_read_status(issuer, &status);
        json_put_string(writer, issuer->id, states[status.state]);
        one_works = one_works || works(&status, exchange->now);
    }
    json_end_object(writer);
    return one_works;
}

/* A write that failed has its problem already: this is not called then. */
void ready_render(struct exchange *exchange)
{
    struct json_writer *writer = json_writer_new(exchange->arena, READY_MAX_BYTES);
    const char *fault = ((const struct readiness *)exchange->state)->fault;
    json_begin_object(writer);
    json_put_string(writer, "database", fault == NULL ? "ok" : "failed");
    if (!put_issuers(exchange, writer) && fault == NULL)
        fault = "no certificate authority can be used";
    json_put_string(writer, "status", fault == NULL ? "ready" : "failed");
    json_put_string(writer, "reason", fault);
    json_end_object(writer);
    reply(exchange, fault == NULL, writer);
}
