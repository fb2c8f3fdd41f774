/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/gateways.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/base/thread.h"
#include "store/events.h"

enum {
    GATEWAY_ENTER,
    GATEWAYS_END,
    GATEWAY_LEAVE,
    GATEWAYS_OTHERS,
    GATEWAY_THAT_LEADS,
    GATEWAY_FENCE,
    GATEWAY_SEALS,
    GATEWAY_SET_SEAL,
    ORDERS_WITH_ATTEMPTS_DUE,
    ATTEMPTS_MARK_UNKNOWN,
    ORDERS_TAKE,
    AUTHORIZATIONS_TAKE,
    REVOCATIONS_TAKE,
    ABANDONED_OWNER_AFTER,
};

/* The conditions of the indexes of due work. */
#define ORDER_IS_DUE         "status = 'processing'"
#define AUTHORIZATION_IS_DUE "challenge_status = 'processing' AND status = 'pending'"
#define REVOCATION_IS_DUE \
    "((revocation_requested_at IS NOT NULL AND revoked_at IS NULL) OR revocation_correction IS NOT NULL)"
#define ATTEMPT_IS_OPEN "status = 'started'"

#define OF_FROM " AND gateway_id IS NOT DISTINCT FROM $from"

static const struct statement statements[] = {
    [GATEWAYS_END] = {"gateways_end", "UPDATE gateways SET state = 'gone' WHERE state <> 'gone'"},
    [GATEWAY_ENTER] =
        {"gateway_enter",
         "INSERT INTO gateways (name, version, started_at, seen_at, number, state)"
         " VALUES ($name, $version, unixepoch(), unixepoch(), 1, 'serving')"
         " ON CONFLICT (name) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,"
         " seen_at = excluded.seen_at, number = excluded.number, state = excluded.state"
         " RETURNING id"},
    [GATEWAY_LEAVE] = {"gateway_leave", "UPDATE gateways SET state = 'stopped', seen_at = unixepoch()"
                                        " WHERE id = $id AND state = 'serving'"},
    [GATEWAYS_OTHERS] = {"gateways_others",
                         "SELECT id, name, state, started_at, batch, fence, unixepoch() FROM gateways"
                         " WHERE state <> 'gone' AND id <> $id ORDER BY id"},
    [GATEWAY_THAT_LEADS] = {"gateway_that_leads",
                            "SELECT id FROM gateways WHERE state = 'serving' ORDER BY number LIMIT 1"},
    [GATEWAY_FENCE] = {"gateway_fence", "UPDATE gateways SET fence = fence + 1, state = 'gone' WHERE id = $id"
                                        " AND state = $state AND started_at = $started_at AND batch = $batch"
                                        " AND fence = $fence"},
    [GATEWAY_SEALS] = {"gateway_seals",
                       "SELECT name, seal FROM gateways WHERE state = 'serving' AND id <> $id"
                       " AND seal IS NOT NULL AND seen_at >= unixepoch() - $lives ORDER BY id LIMIT $max"},
    [GATEWAY_SET_SEAL] = {"gateway_set_seal", "UPDATE gateways SET seal = $seal WHERE id = $id"},
    [ORDERS_WITH_ATTEMPTS_DUE] = {"orders_with_attempts_due",
                                  "UPDATE orders SET next_attempt_at = 0 WHERE " ORDER_IS_DUE OF_FROM
                                  " AND id IN (SELECT order_id FROM attempts WHERE " ATTEMPT_IS_OPEN ")"},
    [ATTEMPTS_MARK_UNKNOWN] = {"attempts_mark_unknown",
                               "UPDATE attempts SET status = 'unknown', ended_at = $now,"
                               " message = 'acmegate stopped before the answer came'"
                               " WHERE " ATTEMPT_IS_OPEN OF_FROM},
    [ORDERS_TAKE] = {"orders_take", "UPDATE orders SET gateway_id = $to WHERE " ORDER_IS_DUE OF_FROM},
    [AUTHORIZATIONS_TAKE] = {"authorizations_take", "UPDATE authorizations SET gateway_id = $to"
                                                    " WHERE " AUTHORIZATION_IS_DUE OF_FROM},
    [REVOCATIONS_TAKE] = {"revocations_take", "UPDATE certificates SET gateway_id = $to"
                                              " WHERE " REVOCATION_IS_DUE OF_FROM},
    [ABANDONED_OWNER_AFTER] =
        {"abandoned_owner_after",
         "SELECT gateway_id FROM (SELECT gateway_id FROM orders WHERE " ORDER_IS_DUE
         " UNION SELECT gateway_id FROM authorizations WHERE " AUTHORIZATION_IS_DUE
         " UNION SELECT gateway_id FROM certificates WHERE " REVOCATION_IS_DUE
         " UNION SELECT gateway_id FROM attempts WHERE " ATTEMPT_IS_OPEN ") AS subquery_owners"
         " WHERE gateway_id > $after AND gateway_id NOT IN (SELECT id FROM gateways WHERE state <> 'gone')"
         " ORDER BY gateway_id LIMIT 1"},
};

const struct statement_table store_gateway_statements = {statements, sizeof statements / sizeof *statements};

/* ---- who this process is ---- */

static struct gateway_identity identity;

void store_set_gateway(const char *name, const char *version)
{
    snprintf(identity.name, sizeof identity.name, "%s", name);
    snprintf(identity.version, sizeof identity.version, "%s", version);
}

const struct gateway_identity *gateway_identity(void)
{
    return &identity;
}

void gateway_set_row(int64_t id, unsigned number)
{
    identity.id = id;
    identity.number = number;
}

void gateway_bind(struct query *query, const struct store_writer *writer)
{
    if (writer->is_command)
        query_bind_optional(query, "$gateway", 0);
    else
        gateway_bind_own(query);
}

void gateway_bind_own(struct query *query)
{
    query_bind_integer(query, "$gateway", identity.id);
}

/* ---- the own row, where nobody else serves ---- */

static enum store_result end_others(struct store_writer *writer)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, GATEWAYS_END);
    enum store_result result = query_run(&query);
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static enum store_result enter(struct store_writer *writer, int64_t *id)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, GATEWAY_ENTER);
    query_bind_text(&query, "$name", identity.name);
    query_bind_text(&query, "$version", identity.version);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *id = query_take_integer(&query);
    return query_finish(&query);
}

bool gateway_enter(struct store_writer *writer)
{
    enum { ONLY_NUMBER = 1 };
    int64_t id = 0;
    if (end_others(writer) != STORE_OK || enter(writer, &id) != STORE_OK)
        return false;
    gateway_set_row(id, ONLY_NUMBER);
    return true;
}

void gateway_leave(struct store_writer *writer)
{
    if (identity.id == 0)
        return;
    CHANGE(query, writer, STATEMENTS_GATEWAYS, GATEWAY_LEAVE);
    query_bind_integer(&query, "$id", identity.id);
    if (query_run(&query) == STORE_NOT_FOUND)
        store_log("store: the gateway's row is missing");
    gateway_set_row(0, 0);
}

enum store_result store_gateway_leads(struct store_writer *writer, bool *leads)
{
    QUERY(query, store_reader_of(writer), NULL, STATEMENTS_GATEWAYS, GATEWAY_THAT_LEADS);
    enum store_result result = query_next(&query);
    *leads = result == STORE_OK && query_take_integer(&query) == identity.id;
    return result == STORE_OK ? query_finish(&query) : result;
}

/* ---- seals ---- */

enum store_result store_gateway_seals(struct store_reader *reader, struct arena *arena,
                                      struct gateway_seal out[static STORE_GATEWAYS_MAX], size_t *count)
{
    enum store_result result = STORE_OK;
    QUERY(query, reader, arena, STATEMENTS_GATEWAYS, GATEWAY_SEALS);
    query_bind_integer(&query, "$id", identity.id);
    query_bind_integer(&query, "$lives", STORE_GATEWAY_LIVES_S);
    query_bind_integer(&query, "$max", STORE_GATEWAYS_MAX);
    *count = 0;
    while (*count < STORE_GATEWAYS_MAX && (result = query_next(&query)) == STORE_OK) {
        struct gateway_seal *seal = &out[(*count)++];
        seal->gateway = query_take_text(&query);
        seal->sealed = query_take_bytes(&query);
    }
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

enum store_result store_gateway_set_seal(struct store_writer *writer, struct bytes sealed)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, GATEWAY_SET_SEAL);
    query_bind_integer(&query, "$id", identity.id);
    query_bind_blob(&query, "$seal", sealed);
    return query_run(&query);
}

/* ---- taking work over ---- */

static enum store_result run(struct query *query, int64_t *changed)
{
    enum store_result result = query_run(query);
    if (changed != NULL)
        *changed += result == STORE_OK ? query_changed_rows(query) : 0;
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

static enum store_result take(struct store_writer *writer, size_t statement, int64_t from)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, statement);
    query_bind_optional(&query, "$from", from);
    query_bind_integer(&query, "$to", identity.id);
    return run(&query, NULL);
}

static enum store_result make_orders_due(struct store_writer *writer, int64_t from)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, ORDERS_WITH_ATTEMPTS_DUE);
    query_bind_optional(&query, "$from", from);
    return run(&query, NULL);
}

static enum store_result mark_unknown(struct store_writer *writer, int64_t from, int64_t now, int64_t *count)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, ATTEMPTS_MARK_UNKNOWN);
    query_bind_optional(&query, "$from", from);
    query_bind_integer(&query, "$now", now);
    return run(&query, count);
}

/* Takes the work of the gateway with this id, 0 for nobody's. Adds to *unknown_attempts. */
static enum store_result take_work(struct store_writer *writer, int64_t from, int64_t now,
                                   int64_t *unknown_attempts)
{
    enum store_result result = make_orders_due(writer, from);
    if (result == STORE_OK)
        result = mark_unknown(writer, from, now, unknown_attempts);
    bool is_own = from == identity.id;
    for (size_t statement = ORDERS_TAKE; !is_own && result == STORE_OK && statement <= REVOCATIONS_TAKE;
         statement++)
        result = take(writer, statement, from);
    return result;
}

static enum store_result next_abandoned(struct store_writer *writer, int64_t after, int64_t *id)
{
    QUERY(query, store_reader_of(writer), NULL, STATEMENTS_GATEWAYS, ABANDONED_OWNER_AFTER);
    query_bind_integer(&query, "$after", after);
    enum store_result result = query_next(&query);
    if (result != STORE_OK)
        return result;
    *id = query_take_integer(&query);
    return query_finish(&query);
}

enum store_result store_gateway_settle(struct store_writer *writer, int64_t now, int64_t *unknown_attempts)
{
    int64_t from = 0;
    *unknown_attempts = 0;
    enum store_result result = take_work(writer, 0, now, unknown_attempts);
    if (result == STORE_OK)
        result = take_work(writer, identity.id, now, unknown_attempts);
    while (result == STORE_OK && (result = next_abandoned(writer, from, &from)) == STORE_OK)
        result = take_work(writer, from, now, unknown_attempts);
    return result == STORE_NOT_FOUND ? STORE_OK : result;
}

/* ---- the others ---- */

struct other {
    int64_t id;
    const char *name;
    const char *state;
    int64_t started_at, batch, fence;
    int64_t at; /* the time of the database */
    unsigned silent_beats;
};

struct others {
    struct other gateways[STORE_GATEWAYS_MAX];
    size_t count;
};

struct heartbeat {
    struct store_operation operation; /* first */
    struct arena *arena;              /* of the beat under way */
    struct others known;              /* as of the last beat that was kept; their texts are gone */
    struct others now;
    atomic_size_t serving;
    bool under_way;
};

static void take_other(struct query *query, struct other *out)
{
    *out = (struct other){.id = query_take_integer(query)};
    out->name = query_take_text(query);
    out->state = query_take_text(query);
    out->started_at = query_take_integer(query);
    out->batch = query_take_integer(query);
    out->fence = query_take_integer(query);
    out->at = query_take_integer(query);
}

static enum store_result load_others(struct store_reader *reader, struct arena *arena, struct others *out)
{
    enum store_result result;
    QUERY(query, reader, arena, STATEMENTS_GATEWAYS, GATEWAYS_OTHERS);
    query_bind_integer(&query, "$id", identity.id);
    out->count = 0;
    while (out->count < STORE_GATEWAYS_MAX && (result = query_next(&query)) == STORE_OK)
        take_other(&query, &out->gateways[out->count++]);
    return result == STORE_FAILED ? STORE_FAILED : query_finish(&query);
}

static bool is_as_before(const struct other *now, const struct other *before)
{
    return now->id == before->id && now->started_at == before->started_at && now->batch == before->batch &&
           now->fence == before->fence;
}

static void count_silence(struct other *other, const struct others *before)
{
    for (size_t i = 0; i < before->count; i++)
        if (is_as_before(other, &before->gateways[i]))
            other->silent_beats = before->gateways[i].silent_beats + 1;
}

static bool is_stopped(const struct other *other)
{
    return strcmp(other->state, "serving") != 0;
}

/* STORE_NOT_FOUND: it was not silent after all, or somebody else was faster. */
static enum store_result fence(struct store_writer *writer, const struct other *other)
{
    CHANGE(query, writer, STATEMENTS_GATEWAYS, GATEWAY_FENCE);
    query_bind_integer(&query, "$id", other->id);
    query_bind_text(&query, "$state", other->state);
    query_bind_integer(&query, "$started_at", other->started_at);
    query_bind_integer(&query, "$batch", other->batch);
    query_bind_integer(&query, "$fence", other->fence);
    return query_run(&query);
}

static enum store_result record(struct store_writer *writer, struct arena *arena, const struct other *other,
                                int64_t unknown)
{
    struct event event = {
        .at = other->at,
        .type = EVENT_GATEWAY_TAKEN_OVER,
        .actor = "gateway",
        .detail = arena_printf(arena, "%s %s; attempts without an answer: %lld", other->name,
                               is_stopped(other) ? "has stopped" : "has given no sign of life for long",
                               (long long)unknown),
    };
    return store_event_insert(writer, &event);
}

static enum store_result take_over(struct store_writer *writer, struct arena *arena,
                                   const struct other *other)
{
    int64_t unknown = 0;
    enum store_result result = fence(writer, other);
    if (result != STORE_OK)
        return result == STORE_NOT_FOUND ? STORE_OK : result;
    result = take_work(writer, other->id, other->at, &unknown);
    return result == STORE_OK ? record(writer, arena, other, unknown) : result;
}

static enum store_apply_result apply_beat(struct store_operation *operation, struct store_writer *writer)
{
    struct heartbeat *heartbeat = (struct heartbeat *)operation;
    struct others *now = &heartbeat->now;
    enum store_result result = load_others(store_reader_of(writer), heartbeat->arena, now);
    for (size_t i = 0; result == STORE_OK && i < now->count; i++) {
        struct other *other = &now->gateways[i];
        count_silence(other, &heartbeat->known);
        if (is_stopped(other) || other->silent_beats >= GATEWAY_SILENT_BEATS)
            result = take_over(writer, heartbeat->arena, other);
    }
    return store_applied(result);
}

static size_t count_serving(const struct others *others)
{
    size_t count = 0;
    for (size_t i = 0; i < others->count; i++)
        count += !is_stopped(&others->gateways[i]) && others->gateways[i].silent_beats < GATEWAY_SILENT_BEATS;
    return count;
}

static void end_beat(struct store_operation *operation, enum store_outcome outcome)
{
    struct heartbeat *heartbeat = (struct heartbeat *)operation;
    if (outcome == STORE_COMMITTED) {
        heartbeat->known = heartbeat->now;
        atomic_store_explicit(&heartbeat->serving, count_serving(&heartbeat->now), memory_order_relaxed);
    }
    arena_free(heartbeat->arena);
    heartbeat->arena = NULL;
    heartbeat->under_way = false;
}

struct heartbeat *heartbeat_new(void)
{
    struct heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
    if (heartbeat == NULL)
        end_without("memory");
    heartbeat->operation = (struct store_operation){.apply = apply_beat, .done = end_beat};
    return heartbeat;
}

void heartbeat_free(struct heartbeat *heartbeat)
{
    free(heartbeat);
}

struct store_operation *heartbeat_begin(struct heartbeat *heartbeat)
{
    if (heartbeat->under_way)
        return NULL;
    heartbeat->under_way = true;
    heartbeat->arena = arena_new();
    return &heartbeat->operation;
}

size_t heartbeat_others(const struct heartbeat *heartbeat)
{
    return atomic_load_explicit(&heartbeat->serving, memory_order_relaxed);
}
