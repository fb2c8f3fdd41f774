/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of jobs, and the table of their types. */
#include <stdlib.h>

#include "acme/base/thread.h"
#include "gateway/jobs/jobs_internal.h"
#include "gateway/runtime/log.h"

enum {
    STOP_WAIT_MS = 15 * 1000,
    MAX_VALIDATIONS = VALIDATIONS_AT_ONCE_MAX,
    MAX_ISSUANCES = 1024,
    MAX_REVOCATIONS = 256,
};

_Static_assert((int)VALIDATIONS_AT_ONCE_MAX <= (int)JOB_SHARES_SLOTS_MAX, "each has its share");
_Static_assert(MAX_VALIDATIONS + MAX_ISSUANCES + JOBS_DRAFTS_MAX + MAX_REVOCATIONS <= JOB_SET_SLOTS / 2,
               "the set stays half empty");
_Static_assert(MAX_ISSUANCES + JOBS_DRAFTS_MAX + MAX_REVOCATIONS < JOBS_LOOK_IDS,
               "a look sees past what is under way");

static struct job_kind kind_of_validations(struct job_shares *shares, const struct config *config)
{
    return (struct job_kind){.name = "challenges",
                             .due_bit = JOBS_DUE_CHALLENGES,
                             .plan = validation_job_plan,
                             .load_due = validation_job_load_due,
                             .take = validation_job_take,
                             .load = validation_job_load,
                             .begin = validation_job_begin,
                             .shares = shares,
                             .max_under_way = (size_t)config->validation.max_concurrent};
}

static const struct job_kind issuances = {.name = "orders",
                                          .due_bit = JOBS_DUE_ORDERS,
                                          .plan = issuance_job_plan,
                                          .load_due = issuance_job_load_due,
                                          .take = issuance_job_take,
                                          .load = issuance_job_load,
                                          .begin = issuance_job_begin,
                                          .max_under_way = MAX_ISSUANCES};

static const struct job_kind revocations = {.name = "revocations",
                                            .due_bit = JOBS_DUE_REVOCATIONS,
                                            .plan = revocation_job_plan,
                                            .load_due = revocation_job_load_due,
                                            .take = revocation_job_take,
                                            .load = revocation_job_load,
                                            .begin = revocation_job_begin,
                                            .max_under_way = MAX_REVOCATIONS};

struct jobs *jobs_new(const struct jobs_parts *parts)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (jobs == NULL)
        end_without("memory");
    jobs->parts = *parts;
    jobs->wake.run = jobs_on_wake;
    jobs->timer = (struct outbound_timer){.run = jobs_on_tick, .argument = jobs};
    jobs->kinds[JOB_VALIDATION] = kind_of_validations(&jobs->validation_shares, parts->config);
    jobs->kinds[JOB_ISSUANCE] = issuances;
    jobs->kinds[JOB_REVOCATION] = revocations;
    jobs->validation_shares.slots = jobs->kinds[JOB_VALIDATION].max_under_way;
    pthread_mutex_init(&jobs->stop_lock, NULL);
    pthread_cond_init(&jobs->stop_changed, NULL);
    return jobs;
}

struct life_message {
    struct outbound_message message;
    struct jobs *jobs;
};

static void post_life(struct jobs *jobs, void (*run)(struct outbound_message *))
{
    struct life_message *life = calloc(1, sizeof *life);
    if (life == NULL)
        end_without("memory");
    *life = (struct life_message){{.run = run}, jobs};
    outbound_post(jobs->parts.outbound, &life->message);
}

static void run_begin(struct outbound_message *message)
{
    struct jobs *jobs = ((struct life_message *)message)->jobs;
    free(message);
    jobs_on_tick(jobs);
}

void jobs_begin(struct jobs *jobs)
{
    post_life(jobs, run_begin);
}

static void run_stop(struct outbound_message *message)
{
    struct jobs *jobs = ((struct life_message *)message)->jobs;
    free(message);
    jobs->stopping = true;
    outbound_timer_cancel(jobs->parts.outbound, &jobs->timer);
    if (jobs->set.count == 0)
        jobs_tell_stopped(jobs);
}

static void run_silence(struct outbound_message *message)
{
    struct jobs *jobs = ((struct life_message *)message)->jobs;
    free(message);
    jobs->silent = true;
    jobs_tell_stopped(jobs);
}

static bool wait_stopped(struct jobs *jobs)
{
    const struct timespec deadline = thread_deadline(STOP_WAIT_MS);
    pthread_mutex_lock(&jobs->stop_lock);
    while (!jobs->stopped && thread_wait_until(&jobs->stop_changed, &jobs->stop_lock, &deadline))
        ;
    bool stopped = jobs->stopped;
    jobs->stopped = false;
    pthread_mutex_unlock(&jobs->stop_lock);
    return stopped;
}

void jobs_stop(struct jobs *jobs)
{
    post_life(jobs, run_stop);
    if (!wait_stopped(jobs))
        log_warning("stopping with work in progress; the next start resumes it");
    post_life(jobs, run_silence);
    if (!wait_stopped(jobs))
        log_warning("the outbound thread does not answer");
}

void jobs_drop(struct jobs *jobs)
{
    if (jobs != NULL)
        jobs_drop_all(jobs);
}

void jobs_free(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_destroy(&jobs->stop_lock);
    pthread_cond_destroy(&jobs->stop_changed);
    free(jobs);
}
