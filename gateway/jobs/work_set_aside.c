/* Objects that the server died of are not worked on again (gateway/runtime/crash_record.h). */
#include "gateway/jobs/work_internal.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"

enum { CRASHES_MOST = 2 }; /* one may be another's fault, as damaged memory is */

const char work_set_aside_detail[] =
    "The server failed each time that it worked on this, and does not try it again.";

static enum store_apply_result apply_set_aside(struct work_item *item, struct store_session *session)
{
    METRICS_NOTE(&item->notes, METRIC_WORK_SET_ASIDE);
    return store_applied(work_record(item, session, &item->set_aside));
}

static void go_on_to_refuse(struct work_item *item)
{
    crash_record_forget(item->id);
    item->refuse(item);
}

bool work_item_set_aside(struct work_item *item, const struct event *about,
                         void (*refuse)(struct work_item *item))
{
    size_t crashes = crash_record_count(item->id);
    if (crashes < CRASHES_MOST)
        return false;
    item->set_aside = *about;
    item->set_aside.kind = "work.set_aside";
    item->set_aside.cause = CAUSE_WORK_SET_ASIDE;
    item->set_aside.detail = arena_printf(
        item->arena, "the server died %zu times while it worked on this (%s)", crashes, item->kind->name);
    item->refuse = refuse;
    log_error("%s: %lld is set aside: %s; please report this fault, with the core dump or the log before "
              "each start",
              item->kind->name, (long long)item->id, item->set_aside.detail);
    work_item_commit(item, apply_set_aside, go_on_to_refuse);
    return true;
}
