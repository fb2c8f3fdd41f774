/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/jobs/ only. Everything but the committer's `done` calls runs on the outbound thread. */
#pragma once

#include <stdatomic.h>

#include "gateway/jobs/job_shares.h"
#include "gateway/jobs/jobs.h"
#include "gateway/metrics/metrics.h"
#include "gateway/runtime/log_gate.h"
#include "store/events.h"

enum { JOB_SET_SLOTS = 8192, JOBS_LOOK_IDS = 2560, JOBS_DRAFTS_MAX = 1024 };

/* The jobs in progress, by the object's id; ids are unique over all types. Open addressing, never more than
 * half full. */
struct job_set {
    int64_t slot[JOB_SET_SLOTS];
    size_t count;
};
bool job_set_contains(const struct job_set *set, int64_t id);
void job_set_add(struct job_set *set, int64_t id);
/* Removes an id; nothing happens when it is absent. */
void job_set_remove(struct job_set *set, int64_t id);

struct job_look;

/* A type of job: its due bit, its limit, and how it is found and begins (job_look.h). */
struct job_kind {
    const char *name;
    unsigned due_bit;                    /* of enum jobs_due */
    void (*plan)(struct job_look *look); /* before the look's load: what it needs of the outbound thread's */
    void (*load_due)(struct job_look *look, struct store_reader *reader); /* reads who is due */
    void (*take)(struct job_look *look);                                  /* takes them up */
    bool (*load)(struct job *job, struct store_reader *reader); /* reads the row of one; false: it cannot */
    void (*begin)(struct job *job); /* its row may not be due any more: it then ends */
    struct job_shares *shares;      /* NULL: every slot is anybody's */
    size_t max_under_way;
    size_t under_way;
    bool left_waiting;      /* at the last look, for want of room */
    struct log_gate unread; /* looks that could not read */
    struct job_look *look;  /* under way; NULL: none */
    bool again;             /* another is wanted then */
};

enum { JOB_VALIDATION, JOB_ISSUANCE, JOB_REVOCATION, JOB_KINDS };

struct jobs {
    struct jobs_parts parts;
    struct outbound_message wake;
    atomic_uint due; /* enum jobs_due; not 0 while a wake message is on its way */
    struct outbound_timer timer;
    struct job_set set;
    struct job *first; /* those of the set and those apart, unordered */
    struct job_kind kinds[JOB_KINDS];
    struct job_shares validation_shares;
    int64_t last_account; /* the one whose validations were looked at last */
    int64_t looks_second; /* the one that `looks` counts in */
    size_t looks;         /* at validations, that were not the last of their round */
    atomic_size_t drafts; /* issuances that began with their request and have not ended */
    bool stopping;
    bool silent; /* the front end is stopping: it is not informed of ends */
    pthread_mutex_t stop_lock;
    pthread_cond_t stop_changed;
    bool stopped;
};

/*
 * A job: an object that was taken up, one or two outside calls, and the writes between. It owns its arena.
 * `step` follows the commit or the load in progress, on the outbound thread.
 */
struct job {
    struct store_operation operation; /* first */
    struct outbound_message message;
    struct jobs *jobs;
    struct job_kind *kind;
    struct arena *arena;
    struct job *next, **link; /* among jobs->first, while it is under way */
    struct job *next_taken;   /* by the same look */
    bool is_read;             /* its row, by that look */
    int64_t id;
    struct job_holder holder; /* for types with shares; set before the job begins */
    bool is_draft;            /* counts among jobs->drafts */
    bool leased;              /* a draft whose object nobody takes up meanwhile */
    int64_t now;              /* of the current step */
    enum store_apply_result (*apply)(struct job *job, struct store_writer *writer);
    void (*load)(struct job *job, struct store_reader *reader);
    void (*step)(struct job *job);
    void (*refuse)(struct job *job); /* set when the object is set aside */
    struct event set_aside;
    enum store_outcome outcome;
    struct metric_notes notes; /* set by `apply`: counted once it is committed */
    struct outbound_timer store_retry;
    void *state; /* the kind's own */
};

/* True when one more may be taken up for this holder, which may be NULL where the kind has no shares. */
bool job_has_room(const struct job_kind *kind, const struct job_holder *holder);

/* Makes the job for an object that is due. `holder` may be NULL where the kind has no shares. */
struct job *job_new(struct jobs *jobs, struct job_kind *kind, int64_t id, const struct job_holder *holder);

/* A job of a request's own, not under way before it is handed over with its `id` and `step`. NULL when
 * there are too many. Any thread. */
struct job *job_draft(struct jobs *jobs, int kind);

/* Commits `apply`, then goes on with `step`. The write is repeated while the store is unavailable: an
 * outcome, a certificate perhaps, is held until it is stored. So is one that the store refuses, so that no
 * fault makes the server ask the CA again and again. */
void job_commit(struct job *job,
                enum store_apply_result (*apply)(struct job *job, struct store_writer *writer),
                void (*step)(struct job *job));

/* Reads with `load`, then goes on with `step`. The job is the load's alone meanwhile, and is set up as after
 * a read that failed (loads.h). */
void job_load(struct job *job, void (*load)(struct job *job, struct store_reader *reader),
              void (*step)(struct job *job));

/*
 * True when the server died of the object too often: it is not worked on again. The event is written and
 * committed, then `refuse` gives the object up. `about` has the ids for the event.
 */
bool job_set_aside(struct job *job, const struct event *about, void (*refuse)(struct job *job));

/* The reason for setting it aside: for the problem of an order or a challenge, and for an operator. */
extern const char job_set_aside_detail[];

/* Runs `step` on the job's behalf, for calls from outside of outbound's own callbacks (crash_record.h). */
void job_run(struct job *job, void (*step)(struct job *job));

/* The end: whoever waits for the object goes on; the job is freed. */
void job_end(struct job *job);

/* Begins a draft that belongs to no object of the database, on the outbound thread. A stop frees it like the
 * others. */
void job_begin_apart(struct job *draft);
void job_end_apart(struct job *job);

/* Writes an event of the gateway's own. */
enum store_result job_record(struct job *job, struct store_writer *writer, const struct event *event);

/* ---- for jobs_life.c ---- */

/* Looks at due work: of the requested types, or of all. */
void jobs_on_wake(struct outbound_message *message);
void jobs_on_tick(void *jobs);
/* Frees the jobs that still wait for an answer or for the store, when all threads have ended. */
void jobs_drop_all(struct jobs *jobs);
void job_looks_drop(struct jobs *jobs);
/* Wakes the thread that waits for the end. */
void jobs_tell_stopped(struct jobs *jobs);

/* ---- the kinds ---- */

void validation_job_plan(struct job_look *look);
void validation_job_load_due(struct job_look *look, struct store_reader *reader);
void validation_job_take(struct job_look *look);
bool validation_job_load(struct job *job, struct store_reader *reader);
void validation_job_begin(struct job *job);

void issuance_job_plan(struct job_look *look);
void issuance_job_load_due(struct job_look *look, struct store_reader *reader);
void issuance_job_take(struct job_look *look);
bool issuance_job_load(struct job *job, struct store_reader *reader);
void issuance_job_begin(struct job *job);

void revocation_job_plan(struct job_look *look);
void revocation_job_load_due(struct job_look *look, struct store_reader *reader);
void revocation_job_take(struct job_look *look);
bool revocation_job_load(struct job *job, struct store_reader *reader);
void revocation_job_begin(struct job *job);
