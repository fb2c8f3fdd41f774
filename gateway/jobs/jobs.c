/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/jobs/jobs_internal.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"
#include "store/events.h"

enum { TICK_MS = 1000, STORE_RETRY_MS = 500 };

/* ---- taking up due work ---- */

size_t job_ids_wanted(const struct job_kind *kind, size_t room)
{
    size_t most = room < kind->max_under_way ? room : kind->max_under_way;
    size_t want = kind->under_way + most + 1; /* one more shows whether any are left */
    return want < JOBS_LOOK_IDS ? want : JOBS_LOOK_IDS;
}

void jobs_take_up(struct jobs *jobs, struct job_kind *kind, const struct job_ids *ids, size_t room)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (job_set_contains(&jobs->set, ids->id[i]))
            continue;
        if (room == 0 || kind->under_way >= kind->max_under_way) {
            kind->left_waiting = true;
            return;
        }
        room--;
        int64_t before = crash_record_set_owner(ids->id[i]);
        kind->begin(jobs, ids->id[i]);
        crash_record_set_owner(before);
    }
}

/* Leased drafts have a place of their own. */
static bool has_room(const struct job_kind *kind, const struct job_holder *holder)
{
    return kind->under_way < kind->max_under_way &&
           (kind->shares == NULL || job_shares_admit(kind->shares, holder));
}

bool jobs_may_take_up(struct jobs *jobs, struct job_kind *kind, int64_t id, const struct job_holder *holder)
{
    if (job_set_contains(&jobs->set, id))
        return false;
    bool room = has_room(kind, holder);
    kind->left_waiting = kind->left_waiting || !room;
    return room;
}

void jobs_look_failed(const struct job_kind *kind)
{
    log_warning("cannot read the %s that are due; trying again", kind->name);
}

static void take_all_due(struct jobs *jobs, unsigned due)
{
    if (jobs->stopping)
        return;
    int64_t now = clock_now();
    for (size_t i = 0; i < JOB_KINDS; i++) {
        struct job_kind *kind = &jobs->kinds[i];
        if ((kind->due_bit & due) == 0)
            continue;
        kind->left_waiting = false;
        kind->take(jobs, kind, now);
    }
}

void jobs_on_wake(struct outbound_message *message)
{
    struct jobs *jobs = (struct jobs *)((char *)message - offsetof(struct jobs, wake));
    take_all_due(jobs, atomic_exchange(&jobs->due, 0));
}

void jobs_wake(struct jobs *jobs, unsigned due)
{
    if (atomic_fetch_or(&jobs->due, due) == 0)
        outbound_post(jobs->parts.outbound, &jobs->wake);
}

void jobs_on_tick(void *argument)
{
    struct jobs *jobs = argument;
    take_all_due(jobs, JOBS_DUE_CHALLENGES | JOBS_DUE_ORDERS | JOBS_DUE_REVOCATIONS);
    outbound_timer_set(jobs->parts.outbound, &jobs->timer, TICK_MS);
}

/* ---- jobs ---- */

static struct job *make_item(struct jobs *jobs, int kind)
{
    struct arena *arena = arena_new();
    struct job *job = arena_alloc(arena, sizeof *job);
    *job = (struct job){.jobs = jobs, .kind = &jobs->kinds[kind], .arena = arena, .now = clock_now()};
    return job;
}

static void enter_list(struct job *job)
{
    struct jobs *jobs = job->jobs;
    job->next = jobs->first;
    job->link = &jobs->first;
    if (job->next != NULL)
        job->next->link = &job->next;
    jobs->first = job;
}

static void take_up(struct job *job, int64_t id)
{
    struct jobs *jobs = job->jobs;
    job->id = id;
    enter_list(job);
    job_set_add(&jobs->set, id);
    job->kind->under_way++;
    if (job->kind->shares != NULL)
        job_shares_take(job->kind->shares, &job->holder);
}

struct job *job_new(struct jobs *jobs, int kind, int64_t id, const struct job_holder *holder)
{
    struct job *job = make_item(jobs, kind);
    if (holder != NULL)
        job->holder = *holder;
    take_up(job, id);
    return job;
}

/* ---- jobs that come with their request ---- */

struct job *job_draft(struct jobs *jobs, int kind)
{
    if (atomic_fetch_add(&jobs->drafts, 1) >= JOBS_DRAFTS_MAX) {
        atomic_fetch_sub(&jobs->drafts, 1);
        return NULL;
    }
    struct job *job = make_item(jobs, kind);
    job->is_draft = true;
    return job;
}

void job_draft_drop(struct job *draft)
{
    if (draft == NULL)
        return;
    atomic_fetch_sub(&draft->jobs->drafts, 1);
    arena_free(draft->arena);
}

/* Work that cannot be taken up is in the database, where the next look, or the next start, finds it. */
static bool may_take_up(const struct job *job)
{
    if (job->jobs->stopping)
        return false;
    return job->leased || (has_room(job->kind, &job->holder) && !job_set_contains(&job->jobs->set, job->id));
}

void job_run(struct job *job, void (*step)(struct job *job))
{
    int64_t before = crash_record_set_owner(job->id);
    step(job);
    crash_record_set_owner(before);
}

static void on_handed_over(struct outbound_message *message)
{
    struct job *job = (struct job *)((char *)message - offsetof(struct job, message));
    if (!may_take_up(job)) {
        job_draft_drop(job);
        return;
    }
    take_up(job, job->id);
    job->now = clock_now();
    job_run(job, job->step);
}

void job_hand_over(struct job *job)
{
    job->message.run = on_handed_over;
    outbound_post(job->jobs->parts.outbound, &job->message);
}

static enum store_apply_result run_apply(struct store_operation *operation, struct store_writer *writer)
{
    struct job *job = (struct job *)operation;
    job->notes.count = 0;
    int64_t before = crash_record_set_owner(job->id);
    enum store_apply_result result = job->apply(job, writer);
    crash_record_set_owner(before);
    if (result != STORE_APPLIED)
        job->notes.count = 0;
    return result;
}

static void submit(struct job *job);

static void retry_submit(void *argument)
{
    submit(argument);
}

static void on_committed_here(struct outbound_message *message)
{
    struct job *job = (struct job *)((char *)message - offsetof(struct job, message));
    if (job->outcome == STORE_COMMITTED) {
        metrics_count_notes(&job->notes);
        job->now = clock_now();
        job_run(job, job->step);
        return;
    }
    job->store_retry = (struct outbound_timer){.run = retry_submit, .argument = job};
    outbound_timer_set(job->jobs->parts.outbound, &job->store_retry, STORE_RETRY_MS);
}

static void on_committed(struct store_operation *operation, enum store_outcome outcome)
{
    struct job *job = (struct job *)operation;
    job->outcome = outcome;
    job->message.run = on_committed_here;
    outbound_post(job->jobs->parts.outbound, &job->message);
}

static void submit(struct job *job)
{
    job->operation = (struct store_operation){.apply = run_apply, .done = on_committed};
    store_submit(job->jobs->parts.store, &job->operation);
}

void job_commit(struct job *job,
                enum store_apply_result (*apply)(struct job *job, struct store_writer *writer),
                void (*step)(struct job *job))
{
    job->now = clock_now();
    job->apply = apply;
    job->step = step;
    submit(job);
}

void jobs_tell_stopped(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->stop_lock);
    jobs->stopped = true;
    pthread_cond_signal(&jobs->stop_changed);
    pthread_mutex_unlock(&jobs->stop_lock);
}

static void leave_list(struct job *job)
{
    *job->link = job->next;
    if (job->next != NULL)
        job->next->link = job->link;
}

void job_end(struct job *job)
{
    struct jobs *jobs = job->jobs;
    int64_t id = job->id;
    unsigned waiting = job->kind->left_waiting ? job->kind->due_bit : 0;
    job_set_remove(&jobs->set, id);
    leave_list(job);
    job->kind->under_way--;
    if (job->kind->shares != NULL)
        job_shares_give_back(job->kind->shares, &job->holder);
    if (job->is_draft)
        atomic_fetch_sub(&jobs->drafts, 1);
    arena_free(job->arena);
    if (!jobs->silent)
        jobs->parts.settled(jobs->parts.context, id);
    if (jobs->stopping && jobs->set.count == 0)
        jobs_tell_stopped(jobs);
    else if (waiting != 0)
        jobs_wake(jobs, waiting);
}

void job_begin_apart(struct job *draft)
{
    enter_list(draft);
}

void job_end_apart(struct job *job)
{
    leave_list(job);
    job_draft_drop(job);
}

enum store_result job_record(struct job *job, struct store_writer *writer, const struct event *event)
{
    struct event own = *event;
    own.at = job->now;
    own.actor = "gateway";
    return store_event_insert(writer, &own);
}

void jobs_drop_all(struct jobs *jobs)
{
    for (struct outbound_message *message; (message = outbound_take_left(jobs->parts.outbound)) != NULL;)
        if (message->run == on_handed_over)
            job_draft_drop((struct job *)((char *)message - offsetof(struct job, message)));
    for (struct job *job; (job = jobs->first) != NULL;) {
        leave_list(job);
        arena_free(job->arena);
    }
}
