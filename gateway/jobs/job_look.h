/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the due work of one kind:
 *
 *   plan ──► load_due: who is due ──► take: who is taken up ──► load: their rows ──► begin, each
 *
 * Both loads may run elsewhere (gateway/loads/loads.h), and other work of the outbound thread comes between.
 * So the rest decides with the state of its own moment. An object is under way before its row is read: nobody
 * else changes it meanwhile but its client. A kind has one look at a time.
 */
#pragma once

#include "gateway/jobs/jobs_internal.h"

struct job_look {
    struct jobs *jobs;
    struct job_kind *kind;
    struct arena *arena;
    int64_t now;                     /* at its beginning */
    bool failed;                     /* load_due could not read everything, or did not run */
    bool beginning;                  /* those that were taken up begin */
    struct job *taken, **last_taken; /* in their order */
    void *state;                     /* the kind's own */
};

/* In `take`: takes an object up, unless it is under way. Without room for it, `left_waiting` is set. */
void job_look_take_up(struct job_look *look, int64_t id, const struct job_holder *holder);

/* Due ids as a look reads them. Those under way are still due in the database: a look asks for enough to see
 * past them. */
struct job_ids {
    int64_t *id;
    size_t count;
    size_t wanted; /* `id` has room for so many */
    size_t seen;   /* by `take`, so far */
};

/* In `plan`: returns how many ids to read when `room` more may be taken up. */
size_t job_ids_wanted(const struct job_kind *kind, size_t room);
struct job_ids job_ids_new(const struct job_look *look, size_t wanted);
/* In `take`: takes up at most `room` of those not seen yet. Returns how many were. */
size_t job_look_take_up_ids(struct job_look *look, struct job_ids *ids, size_t room);

/*
 * The queues of a look: each has the due objects that share the room of one issuer, a profile's orders or an
 * issuer's revocations.
 */
struct job_queue {
    struct job_queue *next;
    const char *name;
    struct job_ids ids;
    size_t taken;
};

struct job_queues {
    struct job_queue *first, **last;
    struct job_budget *budgets; /* of the queues that the configuration names */
    size_t budget_count;
    size_t most; /* ids of another queue */
};

/* In `plan`: for `count` queues at most. */
struct job_queues *job_queues_new(const struct job_look *look, size_t count);
/* In `plan`: a queue of this name may take up `room`. */
void job_queues_expect(const struct job_look *look, struct job_queues *queues, const char *name, size_t room);
/* In `load_due`: adds a queue behind the others, with as many ids as its name may take up. */
struct job_queue *job_queues_add(const struct job_look *look, struct job_queues *queues, const char *name);
