/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at due orders: a profile's are a queue. Profiles divide the room of their issuer, in shares and by
 * turns. */
#include "gateway/jobs/job_look.h"
#include "store/orders.h"

enum { QUEUES_MAX = 256 };

struct order_look {
    int64_t since; /* an order that has been in processing since then is at its end */
    struct job_ids at_their_end;
    struct job_queues *queues; /* in the order of their names */
    struct job_queue *queue[QUEUES_MAX];
    /* Of each queue, in `take`; NULL: no longer configured. */
    struct issuer *issuer[QUEUES_MAX];
    const struct profile_config *profile[QUEUES_MAX];
    size_t count;
    bool shared; /* each queue gets at most its share of its issuer's room */
    bool again;  /* more room than a share was left, perhaps by other queues */
};

static size_t room_of(const struct job_look *look, struct issuer *issuer)
{
    return issuer == NULL ? look->kind->max_under_way : issuer_room(issuer, ISSUER_WORK_SIGN);
}

/* ---- reading ---- */

void issuance_job_plan(struct job_look *look)
{
    const struct jobs_parts *parts = &look->jobs->parts;
    const struct config *config = config_now(parts->config);
    struct order_look *state = look->state = arena_alloc(look->arena, sizeof *state);
    state->since = look->now - config->finalize_give_up_after_s;
    state->at_their_end = job_ids_new(look, job_ids_wanted(look->kind, look->kind->max_under_way));
    state->queues = job_queues_new(look, config->profile_count);
    for (size_t i = 0; i < config->profile_count; i++) {
        const char *profile = config->profiles[i].name;
        job_queues_expect(look, state->queues, profile,
                          room_of(look, issuers_of_profile(parts->issuers, profile, NULL)));
    }
}

static enum store_result load_queues(struct job_look *look, struct store_reader *reader)
{
    struct order_look *state = look->state;
    const char *profile = "";
    enum store_result result = STORE_OK;
    while (result == STORE_OK && state->count < QUEUES_MAX &&
           (result = store_order_queue_after(reader, look->arena, profile, &profile)) == STORE_OK) {
        struct job_queue *queue = job_queues_add(look, state->queues, profile);
        struct job_ids *ids = &queue->ids;
        state->queue[state->count++] = queue;
        result = store_orders_due(reader, profile, look->now, ids->id, ids->wanted, &ids->count);
    }
    return result;
}

void issuance_job_load_due(struct job_look *look, struct store_reader *reader)
{
    struct order_look *state = look->state;
    struct job_ids *ids = &state->at_their_end;
    enum store_result result =
        store_orders_processing_since(reader, state->since, ids->id, ids->wanted, &ids->count);
    if (result == STORE_OK)
        result = load_queues(look, reader);
    look->failed = result == STORE_FAILED;
}

/* ---- taking up ---- */

/* Finds the issuer; NULL: none of the queues is this issuer's. */
static struct issuer *find_issuer(const struct order_look *state, const char *id)
{
    for (size_t i = 0; i < state->count; i++)
        if (state->issuer[i] != NULL && strcmp(state->issuer[i]->id, id) == 0)
            return state->issuer[i];
    return NULL;
}

static size_t queues_of(const struct order_look *state, const struct issuer *issuer)
{
    size_t count = 0;
    for (size_t i = 0; i < state->count; i++)
        count += state->issuer[i] == issuer;
    return count;
}

/* Those that this look has taken up are admitted only when they begin. */
static size_t room_left(const struct job_look *look, struct issuer *issuer)
{
    const struct order_look *state = look->state;
    size_t room = room_of(look, issuer), taken = 0;
    for (size_t i = 0; issuer != NULL && i < state->count; i++)
        taken += state->issuer[i] == issuer ? state->queue[i]->taken : 0;
    return room > taken ? room - taken : 0;
}

static void take_queue(struct job_look *look, size_t i)
{
    struct order_look *state = look->state;
    struct issuer *issuer = state->issuer[i];
    struct job_queue *queue = state->queue[i];
    size_t room = room_left(look, issuer);
    size_t queues = state->shared ? queues_of(state, issuer) : 1;
    size_t share = (room + queues - 1) / queues;
    state->again = state->again || share < room;
    size_t taken = job_look_take_up_ids(look, &queue->ids, share);
    queue->taken += taken;
    if (issuer != NULL && taken != 0)
        issuer->last_queue = state->profile[i]->name;
}

/* Takes an issuer's queues by turns, beginning behind the last one that was taken from. */
static void take_queues_of(struct job_look *look, struct issuer *issuer)
{
    const struct order_look *state = look->state;
    const char *last = issuer == NULL || issuer->last_queue == NULL ? "" : issuer->last_queue;
    size_t start = 0;
    while (start < state->count && strcmp(state->queue[start]->name, last) <= 0)
        start++;
    for (size_t n = 0; n < state->count; n++) {
        size_t i = (start + n) % state->count;
        if (state->issuer[i] == issuer)
            take_queue(look, i);
    }
}

static void take_all_queues(struct job_look *look)
{
    const struct config *config = config_now(look->jobs->parts.config);
    take_queues_of(look, NULL);
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = find_issuer(look->state, config->issuers[i].id);
        if (issuer != NULL)
            take_queues_of(look, issuer);
    }
}

/* Orders that have expired are taken whatever their issuer does. */
void issuance_job_take(struct job_look *look)
{
    struct order_look *state = look->state;
    for (size_t i = 0; i < state->count; i++)
        state->issuer[i] =
            issuers_of_profile(look->jobs->parts.issuers, state->queue[i]->name, &state->profile[i]);
    (void)job_look_take_up_ids(look, &state->at_their_end, look->kind->max_under_way);
    state->shared = true;
    take_all_queues(look);
    if (state->again && look->kind->left_waiting) {
        state->shared = look->kind->left_waiting = false;
        take_all_queues(look);
    }
}
