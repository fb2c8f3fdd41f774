/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at due work: who is due is read, some of them are taken up, and their rows are read. */
#include "gateway/jobs/job_look.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"

enum { TICK_MS = 1000 };

/* ---- the end ---- */

static void end_look(struct job_look *look)
{
    struct jobs *jobs = look->jobs;
    struct job_kind *kind = look->kind;
    kind->look = NULL;
    arena_free(look->arena);
    if (kind->again)
        jobs_wake(jobs, kind->due_bit);
    kind->again = false;
}

void job_looks_drop(struct jobs *jobs)
{
    for (size_t i = 0; i < JOB_KINDS; i++) {
        if (jobs->kinds[i].look != NULL)
            arena_free(jobs->kinds[i].look->arena);
        jobs->kinds[i].look = NULL;
    }
}

/* ---- the rows of those that were taken up ---- */

static void load_taken(void *argument, struct store_reader *reader)
{
    const struct job_look *look = argument;
    for (struct job *job = look->taken; job != NULL; job = job->next_taken) {
        int64_t before = crash_record_set_owner(job->id);
        job->is_read = job->kind->load(job, reader);
        crash_record_set_owner(before);
    }
}

/* A row that cannot be read is found again by a later look, or by the next start. */
static void begin_taken(void *argument)
{
    struct job_look *look = argument;
    look->beginning = true;
    for (struct job *job = look->taken, *next; job != NULL; job = next) {
        next = job->next_taken;
        job->now = clock_now();
        job_run(job, job->is_read && !look->jobs->stopping ? job->kind->begin : job_end);
    }
    end_look(look);
}

/* ---- taking up ---- */

static void take_up(struct job_look *look, int64_t id, const struct job_holder *holder)
{
    struct job *job = job_new(look->jobs, look->kind, id, holder);
    *look->last_taken = job;
    look->last_taken = &job->next_taken;
}

void job_look_take_up(struct job_look *look, int64_t id, const struct job_holder *holder)
{
    if (job_set_contains(&look->jobs->set, id))
        return;
    if (job_has_room(look->kind, holder))
        take_up(look, id, holder);
    else
        look->kind->left_waiting = true;
}

size_t job_ids_wanted(const struct job_kind *kind, size_t room)
{
    size_t most = room < kind->max_under_way ? room : kind->max_under_way;
    size_t want = kind->under_way + most + 1; /* one more shows whether any are left */
    return want < JOBS_LOOK_IDS ? want : JOBS_LOOK_IDS;
}

struct job_ids job_ids_new(const struct job_look *look, size_t wanted)
{
    return (struct job_ids){.id = arena_alloc_array(look->arena, wanted, sizeof(int64_t)), .wanted = wanted};
}

size_t job_look_take_up_ids(struct job_look *look, struct job_ids *ids, size_t room)
{
    struct job_kind *kind = look->kind;
    size_t taken = 0;
    for (; ids->seen < ids->count; ids->seen++) {
        if (job_set_contains(&look->jobs->set, ids->id[ids->seen]))
            continue;
        if (taken == room || kind->under_way >= kind->max_under_way) {
            kind->left_waiting = true;
            return taken;
        }
        take_up(look, ids->id[ids->seen], NULL);
        taken++;
    }
    /* More have been under way than the look expected: others may be due behind its last. */
    kind->left_waiting = kind->left_waiting || ids->count == ids->wanted;
    return taken;
}

/* ---- queues ---- */

struct job_budget {
    const char *name;
    size_t wanted; /* ids */
};

struct job_queues *job_queues_new(const struct job_look *look, size_t count)
{
    struct job_queues *queues = arena_alloc(look->arena, sizeof *queues);
    queues->last = &queues->first;
    queues->budgets = arena_alloc_array(look->arena, count, sizeof *queues->budgets);
    queues->most = job_ids_wanted(look->kind, look->kind->max_under_way);
    return queues;
}

void job_queues_expect(const struct job_look *look, struct job_queues *queues, const char *name, size_t room)
{
    queues->budgets[queues->budget_count++] = (struct job_budget){name, job_ids_wanted(look->kind, room)};
}

static size_t wanted_of(const struct job_queues *queues, const char *name)
{
    for (size_t i = 0; i < queues->budget_count; i++)
        if (strcmp(queues->budgets[i].name, name) == 0)
            return queues->budgets[i].wanted;
    return queues->most;
}

struct job_queue *job_queues_add(const struct job_look *look, struct job_queues *queues, const char *name)
{
    struct job_queue *queue = arena_alloc(look->arena, sizeof *queue);
    queue->name = name;
    queue->ids = job_ids_new(look, wanted_of(queues, name));
    *queues->last = queue;
    queues->last = &queue->next;
    return queue;
}

/* ---- one look ---- */

static void load_due(void *argument, struct store_reader *reader)
{
    struct job_look *look = argument;
    look->kind->load_due(look, reader);
}

static void take(void *argument)
{
    struct job_look *look = argument;
    if (look->failed)
        log_gate_write(&look->kind->unread, LOG_LEVEL_WARNING,
                       "cannot read the %s that are due; trying again", look->kind->name);
    if (!look->jobs->stopping)
        look->kind->take(look);
    if (look->taken != NULL)
        loads_run(look->jobs->parts.loads, load_taken, begin_taken, look);
    else
        end_look(look);
}

/* At most one look of a kind at a time: one that is wanted meanwhile follows. */
static void begin_look(struct jobs *jobs, struct job_kind *kind, int64_t now)
{
    if (kind->look != NULL) {
        kind->again = true;
        return;
    }
    struct arena *arena = arena_new();
    struct job_look *look = arena_alloc(arena, sizeof *look);
    *look = (struct job_look){.jobs = jobs, .kind = kind, .arena = arena, .now = now, .failed = true};
    look->last_taken = &look->taken;
    kind->look = look;
    kind->left_waiting = false;
    kind->plan(look);
    loads_run(jobs->parts.loads, load_due, take, look);
}

static void look_at(struct jobs *jobs, unsigned due)
{
    if (jobs->stopping)
        return;
    int64_t now = clock_now();
    for (size_t i = 0; i < JOB_KINDS; i++)
        if ((jobs->kinds[i].due_bit & due) != 0)
            begin_look(jobs, &jobs->kinds[i], now);
}

void jobs_on_wake(struct outbound_message *message)
{
    struct jobs *jobs = (struct jobs *)((char *)message - offsetof(struct jobs, wake));
    look_at(jobs, atomic_exchange(&jobs->due, 0));
}

void jobs_wake(struct jobs *jobs, unsigned due)
{
    if (atomic_fetch_or(&jobs->due, due) == 0)
        outbound_post(jobs->parts.outbound, &jobs->wake);
}

void jobs_on_tick(void *argument)
{
    struct jobs *jobs = argument;
    look_at(jobs, JOBS_DUE_CHALLENGES | JOBS_DUE_ORDERS | JOBS_DUE_REVOCATIONS);
    outbound_timer_set(jobs->parts.outbound, &jobs->timer, TICK_MS);
}
