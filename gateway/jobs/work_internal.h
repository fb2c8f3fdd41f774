/* Shared by gateway/jobs/ only. Everything but the committer's `done` calls runs on the outbound thread. */
#pragma once

#include <stdatomic.h>

#include "gateway/jobs/work.h"
#include "gateway/jobs/work_shares.h"
#include "gateway/metrics/metrics.h"
#include "store/objects.h"

enum { WORK_SET_SLOTS = 8192, WORK_LOOK_IDS = 2560, WORK_DRAFTS_MAX = 1024 };

/* What is under way, by the object's id; ids are unique over all kinds. Open addressing, never more than half
 * full. */
struct work_set {
    int64_t slot[WORK_SET_SLOTS];
    size_t count;
};
bool work_set_contains(const struct work_set *set, int64_t id);
void work_set_add(struct work_set *set, int64_t id);
/* Nothing where it is not in the set. */
void work_set_remove(struct work_set *set, int64_t id);

/* One kind of work: what is due, how many at once, how one begins. */
struct work_kind {
    const char *name;
    unsigned due_bit; /* of enum work_due */
    void (*take)(struct work *work, struct work_kind *kind,
                 int64_t now); /* looks, and takes up what is due */
    void (*begin)(struct work *work, int64_t id);
    struct work_shares *shares; /* NULL: every slot is anybody's */
    size_t max_under_way;
    size_t under_way;
    bool left_waiting; /* at the last look, for want of room */
};

enum { WORK_VALIDATION, WORK_ISSUANCE, WORK_REVOCATION, WORK_KINDS };

struct work {
    struct work_parts parts;
    struct store_session *session; /* the outbound thread's own */
    struct outbound_message wake;
    atomic_uint due; /* enum work_due; not 0 while a wake message is on its way */
    struct outbound_timer timer;
    struct work_set set;
    struct work_item *items; /* those of the set, in no order */
    struct work_kind kinds[WORK_KINDS];
    struct work_shares validation_shares;
    int64_t last_account; /* the one whose validations were looked at last */
    int64_t looks_second; /* the one that `looks` counts in */
    size_t looks;         /* at validations, that were not the last of their round */
    atomic_size_t drafts; /* issuances that began with their request and have not ended */
    bool stopping;
    bool silent; /* the front end is going: nobody is told of ends any more */
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_changed;
    bool stopped;
};

/*
 * One piece of work: an object taken up, an outside call or two, and the writes between. It owns its arena.
 * `step` is what follows the commit under way, on the outbound thread.
 */
struct work_item {
    struct store_operation operation; /* first */
    struct outbound_message message;
    struct work *work;
    struct work_kind *kind;
    struct arena *arena;
    struct work_item *next, **link; /* among work->items, while it is under way */
    int64_t id;
    struct work_holder holder; /* where the kind has shares; set before the item is under way */
    bool is_draft;             /* counts among work->drafts */
    bool leased;               /* a draft whose object nobody takes up meanwhile */
    int64_t now;               /* of the current step */
    enum store_apply_result (*apply)(struct work_item *item, struct store_session *session);
    void (*step)(struct work_item *item);
    void (*refuse)(struct work_item *item); /* where it is set aside */
    struct event set_aside;
    enum store_outcome outcome;
    struct metric_notes notes; /* by `apply`: what is counted once it is committed */
    struct outbound_timer store_retry;
    void *state; /* the kind's own */
};

/* Ids of one look. Those under way are still due in the database: a look asks for enough to see past them. */
struct work_ids {
    int64_t id[WORK_LOOK_IDS];
    size_t count;
};
/* How many to ask for where `room` more may be taken up. */
size_t work_ids_wanted(const struct work_kind *kind, size_t room);
/* Takes up at most `room` of those that are not under way. */
void work_take_up(struct work *work, struct work_kind *kind, const struct work_ids *ids, size_t room);
/* False for what is under way, and where there is no room for it: `left_waiting` is set then. */
bool work_may_take_up(struct work *work, struct work_kind *kind, int64_t id,
                      const struct work_holder *holder);
void work_look_failed(const struct work_kind *kind);

/* Makes the item for an object that is due. `holder` may be NULL where the kind has no shares. */
struct work_item *work_item_new(struct work *work, int kind, int64_t id, const struct work_holder *holder);

/* An item of a request's own, not under way before it is handed over with its `id` and `step`. NULL when
 * there are too many. Any thread. */
struct work_item *work_item_draft(struct work *work, int kind);

/* Commits `apply`, then goes on with `step`. The write is repeated while the store is unavailable: an
 * outcome, a certificate perhaps, is held until it is stored. So is one that the store refuses, so that no
 * fault makes the server ask the CA again and again. */
void work_item_commit(struct work_item *item,
                      enum store_apply_result (*apply)(struct work_item *item, struct store_session *session),
                      void (*step)(struct work_item *item));

/*
 * An object that the server died of too often is not worked on again. True where it is one: the event says so
 * and is committed, then `refuse` gives it up. `about` has the ids for the event.
 */
bool work_item_set_aside(struct work_item *item, const struct event *about,
                         void (*refuse)(struct work_item *item));

/* Why it was set aside: for the problem of an order or a challenge, and for an operator. */
extern const char work_set_aside_detail[];

/* Runs `step` on the item's behalf: what comes from outside of outbound's own callbacks (crash_record.h). */
void work_item_run(struct work_item *item, void (*step)(struct work_item *item));

/* The end: whoever waits for the object goes on; the item is freed. */
void work_item_end(struct work_item *item);

/* Writes an event of the gateway's own. */
enum store_result work_record(struct work_item *item, struct store_session *session,
                              const struct event *event);

/* ---- for work_life.c ---- */

/* A look for what is due: of the kinds that were named, and of all. */
void work_on_wake(struct outbound_message *message);
void work_on_tick(void *work);
/* When all threads have ended: items that still wait for an answer or for the store go with their arenas. */
void work_drop_items(struct work *work);
/* Whoever waits for the end goes on. */
void work_tell_stopped(struct work *work);

/* ---- the kinds ---- */

void work_validation_take(struct work *work, struct work_kind *kind, int64_t now);
void work_issuance_take(struct work *work, struct work_kind *kind, int64_t now);
void work_issuance_begin(struct work *work, int64_t id);
void work_revocation_take(struct work *work, struct work_kind *kind, int64_t now);
void work_revocation_begin(struct work *work, int64_t id);
