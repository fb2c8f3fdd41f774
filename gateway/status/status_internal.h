/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gateway/status/ only. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/kept/kept_certificate.h"
#include "gateway/status/status.h"
#include "store/store.h"

enum { STATUS_ETAG_BYTES = 68 };

/* Given to loops; freed by whoever drops it last. Never changed. */
struct shared_list {
    atomic_size_t references;
    struct arena *arena;
    struct crl crl;
    struct bytes chain_pem; /* its signer, and the path to the root */
    char etag[STATUS_ETAG_BYTES];
};

struct shared_responder {
    atomic_size_t references;
    struct ocsp_responder responder;
};

/* The state that is published to the loops, as a whole. */
struct published {
    struct shared_list *list;
    struct shared_responder *responder;
    bool crl_is_kept;
    bool wants_responder;
    struct fault trouble; /* why there is no list, or no newer one; empty: nothing is wrong */
};

/* The chains that came with certificates, as they were read last. */
struct status_chains {
    struct status_source *source;
    struct arena *arena; /* NULL: nothing was read yet */
    struct bytes *pem;
    size_t count;
    void (*then)(struct status_source *source);
};

/* One issuer's state. It belongs to the outbound thread, except for what the lock guards. */
struct status_source {
    struct status *status;
    _Atomic(struct status_source *) next; /* one that was added later; written by the outbound thread */
    const char *id;
    struct published now; /* the outbound thread's own copy */

    struct outbound_timer list_timer;
    struct arena *work; /* of the request under way */
    struct issuer_list_request request;
    struct status_chains list_chains;
    bool under_way;
    bool again; /* asked for while one was under way */
    int64_t asked_at_ms;
    size_t failures; /* in a row */
    atomic_bool unsaved;
    struct fault last_warning;
    size_t last_left_out; /* of the last list's entries */
    struct arena *intermediates_arena;
    struct bytes intermediates_pem; /* as the CA last told them */

    struct outbound_timer responder_timer;
    struct status_chains responder_chains;
    bool responder_checked;       /* a check is under way */
    bool responder_again;         /* another is wanted then */
    struct kept_certificate kept; /* when a second provisioner signs the responder's */
    size_t responder_failures;
    int64_t responder_waits_until_ms; /* no other is requested before: the last one did not fit */
    struct fault responder_warning;

    pthread_mutex_t lock; /* held only while `published` is copied */
    struct published published;
    atomic_uint_fast64_t version; /* goes up with every change */
};

struct status {
    struct status_parts parts;
    struct arena *arena;
    struct outbound_message begin;
    atomic_bool begin_posted;
    /* Sources are added behind the last one, and stay. The outbound thread adds them, any thread reads. */
    _Atomic(struct status_source *) first;
    struct status_source *last;
};

#define FOR_EACH_SOURCE(status, source) \
    for (struct status_source *source = atomic_load_explicit(&(status)->first, memory_order_acquire); \
         source != NULL; source = atomic_load_explicit(&source->next, memory_order_acquire))

/* ---- status_view.c ---- */

struct shared_list *shared_list_keep(struct shared_list *list);
void shared_list_drop(struct shared_list *list);
struct shared_responder *shared_responder_keep(struct shared_responder *responder);
void shared_responder_drop(struct shared_responder *responder);

/* Publishes source->now to the loops. Outbound thread, or before it exists. */
void status_publish(struct status_source *source);

/* ---- status_list.c ---- */

/* Reads the chains, in a load, then goes on with `then`. One at a time for each `chains`. */
void status_load_chains(struct status_source *source, struct status_chains *chains,
                        void (*then)(struct status_source *source));

/* Returns every certificate that may be above this issuer's leaves, as PEM: those that the CA lists, and
 * those that came with certificates. Bounded; the oldest are left out first. */
struct bytes status_candidates(const struct status_source *source, const struct status_chains *chains,
                               struct arena *arena);

/* A list of the serving issuer's CA, held once. NULL with `fault`. */
[[gnu::warn_unused_result]] struct shared_list *status_list_read(const struct status_source *source,
                                                                 struct bytes der,
                                                                 struct bytes candidates_pem,
                                                                 struct fault *fault);

/* Writes the one in use to the database. */
void status_list_save(struct status_source *source);
/* At the start: takes the newest one of the database that is the serving issuer's CA's, if there is any. */
void status_list_load(struct status_source *source, struct store_reader *reader);

/* ---- revocation.c ---- */

/* The one that serves now; see issuers_find for how long it is good. */
struct issuer *status_issuer(const struct status_source *source);

/* A warning is logged when its words are not those of the last. */
void status_warn(const struct status_source *source, struct fault *last, const char *what, const char *words);

/* ---- status_responder.c ---- */

/* Prepares the responder, when the source is made. */
void status_responder_prepare(struct status_source *source);
/* Sees to it that there is a responder, now and from time to time; called again, it looks at once. */
void status_responder_begin(struct status_source *source);
