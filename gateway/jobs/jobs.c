/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/jobs/job_look.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"
#include "store/events.h"

enum { STORE_RETRY_MS = 500 };

/* ---- jobs ---- */

static struct job *make_item(struct jobs *jobs, struct job_kind *kind)
{
    struct arena *arena = arena_new();
    struct job *job = arena_alloc(arena, sizeof *job);
    *job = (struct job){.jobs = jobs, .kind = kind, .arena = arena, .now = clock_now()};
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

struct job *job_new(struct jobs *jobs, struct job_kind *kind, int64_t id, const struct job_holder *holder)
{
    struct job *job = make_item(jobs, kind);
    if (holder != NULL)
        job->holder = *holder;
    take_up(job, id);
    return job;
}

/* ---- reading ---- */

static void run_load(void *argument, struct store_reader *reader)
{
    struct job *job = argument;
    int64_t before = crash_record_set_owner(job->id);
    job->load(job, reader);
    crash_record_set_owner(before);
}

static void go_on_loaded(void *argument)
{
    struct job *job = argument;
    job->now = clock_now();
    job_run(job, job->step);
}

void job_load(struct job *job, void (*load)(struct job *job, struct store_reader *reader),
              void (*step)(struct job *job))
{
    job->load = load;
    job->step = step;
    loads_run(job->jobs->parts.loads, run_load, go_on_loaded, job);
}

/* ---- jobs that come with their request ---- */

/* Leased drafts have a place of their own. */
bool job_has_room(const struct job_kind *kind, const struct job_holder *holder)
{
    return kind->under_way < kind->max_under_way &&
           (kind->shares == NULL || job_shares_admit(kind->shares, holder));
}

struct job *job_draft(struct jobs *jobs, int kind)
{
    if (atomic_fetch_add(&jobs->drafts, 1) >= JOBS_DRAFTS_MAX) {
        atomic_fetch_sub(&jobs->drafts, 1);
        return NULL;
    }
    struct job *job = make_item(jobs, &jobs->kinds[kind]);
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
    return job->leased ||
           (job_has_room(job->kind, &job->holder) && !job_set_contains(&job->jobs->set, job->id));
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

/* The place of a job that ends as it begins is left to the next look: it may be due, and end, again. */
static bool leaves_room(const struct job_kind *kind)
{
    return kind->left_waiting && (kind->look == NULL || !kind->look->beginning);
}

void job_end(struct job *job)
{
    struct jobs *jobs = job->jobs;
    int64_t id = job->id;
    unsigned waiting = leaves_room(job->kind) ? job->kind->due_bit : 0;
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
    job_looks_drop(jobs);
}
