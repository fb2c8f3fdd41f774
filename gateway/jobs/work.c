#include <stdlib.h>

#include "gateway/jobs/work_internal.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/crash_record.h"
#include "gateway/runtime/log.h"

enum { TICK_MS = 1000, STORE_RETRY_MS = 500 };

/* ---- taking up what is due ---- */

size_t work_ids_wanted(const struct work_kind *kind, size_t room)
{
    size_t most = room < kind->max_under_way ? room : kind->max_under_way;
    size_t want = kind->under_way + most + 1; /* one more tells whether any are left */
    return want < WORK_LOOK_IDS ? want : WORK_LOOK_IDS;
}

void work_take_up(struct work *work, struct work_kind *kind, const struct work_ids *ids, size_t room)
{
    for (size_t i = 0; i < ids->count; ++i) {
        if (work_set_contains(&work->set, ids->id[i]))
            continue;
        if (room == 0 || kind->under_way >= kind->max_under_way) {
            kind->left_waiting = true;
            return;
        }
        --room;
        int64_t before = crash_record_set_owner(ids->id[i]);
        kind->begin(work, ids->id[i]);
        crash_record_set_owner(before);
    }
}

/* Drafts that are leased have a place of their own. */
static bool has_room(const struct work_kind *kind, const struct work_holder *holder)
{
    return kind->under_way < kind->max_under_way &&
           (kind->shares == NULL || work_shares_admit(kind->shares, holder));
}

bool work_may_take_up(struct work *work, struct work_kind *kind, int64_t id, const struct work_holder *holder)
{
    if (work_set_contains(&work->set, id))
        return false;
    bool room = has_room(kind, holder);
    kind->left_waiting = kind->left_waiting || !room;
    return room;
}

void work_look_failed(const struct work_kind *kind)
{
    log_warning("cannot read the %s that are due; trying again", kind->name);
}

static void take_all_due(struct work *work, unsigned due)
{
    if (work->stopping)
        return;
    int64_t now = clock_now();
    for (size_t i = 0; i < WORK_KINDS; ++i) {
        struct work_kind *kind = &work->kinds[i];
        if ((kind->due_bit & due) == 0)
            continue;
        kind->left_waiting = false;
        kind->take(work, kind, now);
    }
}

void work_on_wake(struct outbound_message *message)
{
    struct work *work = (struct work *)((char *)message - offsetof(struct work, wake));
    take_all_due(work, atomic_exchange(&work->due, 0));
}

void work_wake(struct work *work, unsigned due)
{
    if (atomic_fetch_or(&work->due, due) == 0)
        outbound_post(work->parts.outbound, &work->wake);
}

void work_on_tick(void *argument)
{
    struct work *work = argument;
    take_all_due(work, WORK_DUE_CHALLENGES | WORK_DUE_ORDERS | WORK_DUE_REVOCATIONS);
    outbound_timer_set(work->parts.outbound, &work->timer, TICK_MS);
}

/* ---- items ---- */

static struct work_item *make_item(struct work *work, int kind)
{
    struct arena *arena = arena_new();
    struct work_item *item = arena_alloc(arena, sizeof(*item));
    *item = (struct work_item){.work = work, .kind = &work->kinds[kind], .arena = arena, .now = clock_now()};
    return item;
}

static void take_up(struct work_item *item, int64_t id)
{
    struct work *work = item->work;
    item->id = id;
    item->next = work->items;
    item->link = &work->items;
    if (item->next != NULL)
        item->next->link = &item->next;
    work->items = item;
    work_set_add(&work->set, id);
    ++item->kind->under_way;
    if (item->kind->shares != NULL)
        work_shares_take(item->kind->shares, &item->holder);
}

struct work_item *work_item_new(struct work *work, int kind, int64_t id, const struct work_holder *holder)
{
    struct work_item *item = make_item(work, kind);
    if (holder != NULL)
        item->holder = *holder;
    take_up(item, id);
    return item;
}

/* ---- items that come with their request ---- */

struct work_item *work_item_draft(struct work *work, int kind)
{
    if (atomic_fetch_add(&work->drafts, 1) >= WORK_DRAFTS_MAX) {
        atomic_fetch_sub(&work->drafts, 1);
        return NULL;
    }
    struct work_item *item = make_item(work, kind);
    item->is_draft = true;
    return item;
}

void work_draft_drop(struct work_item *draft)
{
    if (draft == NULL)
        return;
    atomic_fetch_sub(&draft->work->drafts, 1);
    arena_free(draft->arena);
}

/* What cannot be taken up stands in the database, where the next look, or the next start, finds it. */
static bool may_take_up(const struct work_item *item)
{
    if (item->work->stopping)
        return false;
    return item->leased ||
           (has_room(item->kind, &item->holder) && !work_set_contains(&item->work->set, item->id));
}

void work_item_run(struct work_item *item, void (*step)(struct work_item *item))
{
    int64_t before = crash_record_set_owner(item->id);
    step(item);
    crash_record_set_owner(before);
}

static void on_handed_over(struct outbound_message *message)
{
    struct work_item *item = (struct work_item *)((char *)message - offsetof(struct work_item, message));
    if (!may_take_up(item)) {
        work_draft_drop(item);
        return;
    }
    take_up(item, item->id);
    item->now = clock_now();
    work_item_run(item, item->step);
}

void work_hand_over(struct work_item *item)
{
    item->message.run = on_handed_over;
    outbound_post(item->work->parts.outbound, &item->message);
}

static enum store_apply_result run_apply(struct store_operation *operation, struct store_session *session)
{
    struct work_item *item = (struct work_item *)operation;
    item->notes.count = 0;
    int64_t before = crash_record_set_owner(item->id);
    enum store_apply_result result = item->apply(item, session);
    crash_record_set_owner(before);
    if (result != STORE_APPLIED)
        item->notes.count = 0;
    return result;
}

static void submit(struct work_item *item);

static void retry_submit(void *argument)
{
    submit(argument);
}

static void on_committed_here(struct outbound_message *message)
{
    struct work_item *item = (struct work_item *)((char *)message - offsetof(struct work_item, message));
    if (item->outcome == STORE_COMMITTED) {
        metrics_count_notes(&item->notes);
        item->now = clock_now();
        work_item_run(item, item->step);
        return;
    }
    item->store_retry = (struct outbound_timer){.run = retry_submit, .argument = item};
    outbound_timer_set(item->work->parts.outbound, &item->store_retry, STORE_RETRY_MS);
}

static void on_committed(struct store_operation *operation, enum store_outcome outcome)
{
    struct work_item *item = (struct work_item *)operation;
    item->outcome = outcome;
    item->message.run = on_committed_here;
    outbound_post(item->work->parts.outbound, &item->message);
}

static void submit(struct work_item *item)
{
    item->operation = (struct store_operation){.apply = run_apply, .done = on_committed};
    store_submit(item->work->parts.store, &item->operation);
}

void work_item_commit(struct work_item *item,
                      enum store_apply_result (*apply)(struct work_item *item, struct store_session *session),
                      void (*step)(struct work_item *item))
{
    item->now = clock_now();
    item->apply = apply;
    item->step = step;
    submit(item);
}

void work_tell_stopped(struct work *work)
{
    pthread_mutex_lock(&work->stop_lock);
    work->stopped = true;
    pthread_cond_signal(&work->stop_changed);
    pthread_mutex_unlock(&work->stop_lock);
}

static void leave_list(struct work_item *item)
{
    *item->link = item->next;
    if (item->next != NULL)
        item->next->link = item->link;
}

void work_item_end(struct work_item *item)
{
    struct work *work = item->work;
    int64_t id = item->id;
    unsigned waiting = item->kind->left_waiting ? item->kind->due_bit : 0;
    work_set_remove(&work->set, id);
    leave_list(item);
    --item->kind->under_way;
    if (item->kind->shares != NULL)
        work_shares_give_back(item->kind->shares, &item->holder);
    if (item->is_draft)
        atomic_fetch_sub(&work->drafts, 1);
    arena_free(item->arena);
    if (!work->silent)
        work->parts.settled(work->parts.context, id);
    if (work->stopping && work->set.count == 0)
        work_tell_stopped(work);
    else if (waiting != 0)
        work_wake(work, waiting);
}

enum store_result work_record(struct work_item *item, struct store_session *session,
                              const struct event *event)
{
    struct event own = *event;
    own.at = item->now;
    own.who = "gateway";
    return store_event_insert(session, &own);
}

void work_drop_items(struct work *work)
{
    for (struct outbound_message *message; (message = outbound_take_left(work->parts.outbound)) != NULL;)
        if (message->run == on_handed_over)
            work_draft_drop((struct work_item *)((char *)message - offsetof(struct work_item, message)));
    for (struct work_item *item; (item = work->items) != NULL;) {
        leave_list(item);
        arena_free(item->arena);
    }
}
