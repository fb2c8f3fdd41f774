/* SPDX-License-Identifier: Apache-2.0 */
/* Sets aside objects that the server died of: it does not work on them again
 * (gateway/runtime/crash_record.h). */
#include "gateway/jobs/jobs_internal.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"
#include "store/events.h"

enum { CRASHES_MOST = 2 }; /* one may be due to another fault, such as damaged memory */

const char job_set_aside_detail[] =
    "The server failed each time that it worked on this, and does not try it again.";

static enum store_apply_result apply_set_aside(struct job *job, struct store_writer *writer)
{
    METRICS_NOTE(&job->notes, METRIC_WORK_SET_ASIDE);
    return store_applied(job_record(job, writer, &job->set_aside));
}

static void go_on_to_refuse(struct job *job)
{
    crash_record_forget(job->id);
    job->refuse(job);
}

bool job_set_aside(struct job *job, const struct event *about, void (*refuse)(struct job *job))
{
    size_t crashes = crash_record_count(job->id);
    if (crashes < CRASHES_MOST)
        return false;
    job->set_aside = *about;
    job->set_aside.type = EVENT_WORK_SET_ASIDE;
    job->set_aside.cause = CAUSE_WORK_SET_ASIDE;
    job->set_aside.detail = arena_printf(
        job->arena, "the server crashed %zu times while working on this (%s)", crashes, job->kind->name);
    job->refuse = refuse;
    log_error("%s: %lld is set aside: %s; please report this fault, with the core dump or the log before "
              "each start",
              job->kind->name, (long long)job->id, job->set_aside.detail);
    job_commit(job, apply_set_aside, go_on_to_refuse);
    return true;
}
