/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "acme/base/unconst.h"
#include "acme/seeded_hash.h"
#include "gateway/status/status_internal.h"

enum {
    RESPONSE_SETS = 256,
    RESPONSES_PER_SET = 4,
    RESPONSES_PER_ISSUER = RESPONSE_SETS * RESPONSES_PER_SET, /* about 1.5 MB a loop when full */
    SLOW_SIGNATURES_A_SECOND = 60,    /* with RSA-2048, 5 % of a loop's time; with RSA-4096, 30 % */
    UNKNOWN_SIGNATURES_A_SECOND = 32, /* of these */
};

/* ---- shared state ---- */

struct shared_list *shared_list_keep(struct shared_list *list)
{
    if (list != NULL)
        atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
    return list;
}

void shared_list_drop(struct shared_list *list)
{
    if (list != NULL && atomic_fetch_sub_explicit(&list->references, 1, memory_order_acq_rel) == 1)
        arena_free(list->arena);
}

struct shared_responder *shared_responder_keep(struct shared_responder *responder)
{
    if (responder != NULL)
        atomic_fetch_add_explicit(&responder->references, 1, memory_order_relaxed);
    return responder;
}

void shared_responder_drop(struct shared_responder *responder)
{
    if (responder != NULL &&
        atomic_fetch_sub_explicit(&responder->references, 1, memory_order_acq_rel) == 1) {
        ocsp_responder_close(&responder->responder);
        free(responder);
    }
}

static void published_copy(struct published *to, const struct published *from)
{
    *to = *from;
    shared_list_keep(to->list);
    shared_responder_keep(to->responder);
}

static void published_drop(struct published *published)
{
    shared_list_drop(published->list);
    shared_responder_drop(published->responder);
    *published = (struct published){0};
}

void status_publish(struct status_source *source)
{
    struct published before;
    pthread_mutex_lock(&source->lock);
    before = source->published;
    published_copy(&source->published, &source->now);
    atomic_fetch_add_explicit(&source->version, 1, memory_order_release);
    pthread_mutex_unlock(&source->lock);
    published_drop(&before);
}

/* ---- a loop's own state ---- */

struct kept_response {
    uint8_t id[OCSP_ID_MAX_BYTES];
    size_t id_bytes;
    int64_t good_until;
    uint64_t used;                 /* the reader's count at its last use; 0: free */
    bool known;                    /* about a certificate, not a made-up number */
    struct ocsp_response response; /* its octets are of malloc */
};

struct seen {
    struct seen *next;
    struct status_source *source;
    uint_fast64_t version; /* 0: nothing read yet */
    struct published published;
    struct status_view view;
    struct kept_response *responses; /* NULL before the first response */
};

struct status_reader {
    struct status *status;
    struct seen *seen; /* one for each source that was asked for */
    struct seen *last; /* the last that was asked for */
    struct hash_seed seed;
    uint64_t uses;       /* of the cached responses */
    int64_t slow_second; /* the second that slow_signatures counts in */
    size_t slow_signatures;
    size_t unknown_signatures; /* of these */
};

static void forget_responses(struct seen *seen)
{
    for (size_t i = 0; seen->responses != NULL && i < RESPONSES_PER_ISSUER; i++)
        free(UNCONST(void *, seen->responses[i].response.der.p));
    free(seen->responses);
    seen->responses = NULL;
}

struct status_reader *status_reader_new(struct status *status)
{
    struct status_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        end_without("memory");
    reader->status = status;
    hash_seed_make(&reader->seed);
    return reader;
}

void status_reader_free(struct status_reader *reader)
{
    while (reader->seen != NULL) {
        struct seen *seen = reader->seen;
        reader->seen = seen->next;
        forget_responses(seen);
        published_drop(&seen->published);
        free(seen);
    }
    free(reader);
}

static void look_again(struct seen *seen)
{
    struct status_source *source = seen->source;
    forget_responses(seen);
    published_drop(&seen->published);
    pthread_mutex_lock(&source->lock);
    published_copy(&seen->published, &source->published);
    seen->version = atomic_load_explicit(&source->version, memory_order_relaxed);
    pthread_mutex_unlock(&source->lock);
    const struct published *published = &seen->published;
    seen->view = (struct status_view){
        .issuer = source->id,
        .crl = published->list == NULL ? NULL : &published->list->crl,
        .etag = published->list == NULL ? NULL : published->list->etag,
        .crl_is_kept = published->crl_is_kept,
        .trouble = published->trouble.message,
        .wants_responder = published->wants_responder,
        .responder = published->responder == NULL ? NULL : &published->responder->responder,
    };
}

static struct seen *see(struct status_reader *reader, struct status_source *source)
{
    struct seen *seen = calloc(1, sizeof *seen);
    if (seen == NULL)
        end_without("memory");
    seen->source = source;
    seen->next = reader->seen;
    return reader->seen = seen;
}

/* NULL when no issuer has this id. */
static struct seen *find_seen(struct status_reader *reader, struct bytes issuer_id)
{
    for (struct seen *seen = reader->seen; seen != NULL; seen = seen->next)
        if (bytes_equal_string(issuer_id, seen->source->id))
            return seen;
    FOR_EACH_SOURCE(reader->status, source)
    if (bytes_equal_string(issuer_id, source->id))
        return see(reader, source);
    return NULL;
}

const struct status_view *status_view(struct status_reader *reader, struct bytes issuer_id)
{
    struct seen *seen = find_seen(reader, issuer_id);
    if (seen == NULL)
        return NULL;
    reader->last = seen;
    /* The lock is taken only after a change. */
    if (seen->version != atomic_load_explicit(&seen->source->version, memory_order_acquire))
        look_again(seen);
    return &seen->view;
}

/* ---- cached responses ---- */

/* Returns the places for responses to a question. Nobody outside knows the seed, so nobody can choose a
 * set. */
static struct kept_response *set_of(const struct status_reader *reader, struct bytes id)
{
    uint64_t hash = seeded_hash_of_bytes(&reader->seed, id);
    return &reader->last->responses[hash % RESPONSE_SETS * RESPONSES_PER_SET];
}

static struct kept_response *find_kept(struct kept_response *set, struct bytes id)
{
    for (size_t i = 0; i < RESPONSES_PER_SET; i++)
        if (set[i].used != 0 && bytes_equal(bytes_of(set[i].id, set[i].id_bytes), id))
            return &set[i];
    return NULL;
}

bool status_response_find(struct status_reader *reader, const struct ocsp_question *question, int64_t now,
                          struct ocsp_response *out)
{
    uint8_t id[OCSP_ID_MAX_BYTES];
    size_t n;
    if (reader->last->responses == NULL || !ocsp_question_key(question, id, &n))
        return false;
    struct bytes wanted = bytes_of(id, n);
    struct kept_response *kept = find_kept(set_of(reader, wanted), wanted);
    if (kept == NULL || now >= kept->good_until)
        return false;
    kept->used = ++reader->uses;
    *out = kept->response;
    return true;
}

/* True when `a` is dropped before `b`: an expired one first, then one about a made-up number, then the one
 * used longer ago. */
static bool goes_before(const struct kept_response *a, const struct kept_response *b, int64_t now)
{
    bool a_is_over = now >= a->good_until, b_is_over = now >= b->good_until;
    if (a_is_over != b_is_over)
        return a_is_over;
    return a->known != b->known ? !a->known : a->used < b->used;
}

/* Returns NULL for a response about a made-up number when all others are about certificates. */
static struct kept_response *place_for(struct kept_response *set, const struct kept_response *fresh,
                                       int64_t now)
{
    struct kept_response *place = find_kept(set, bytes_of(fresh->id, fresh->id_bytes));
    if (place != NULL)
        return place;
    place = &set[0];
    for (size_t i = 1; i < RESPONSES_PER_SET; i++)
        if (goes_before(&set[i], place, now))
            place = &set[i];
    return fresh->known || !place->known || now >= place->good_until ? place : NULL;
}

void status_response_keep(struct status_reader *reader, const struct ocsp_question *question, bool known,
                          int64_t now, const struct ocsp_response *response)
{
    struct seen *seen = reader->last;
    struct kept_response fresh = {.good_until = now + (response->next_update - now) / 2,
                                  .used = ++reader->uses,
                                  .known = known,
                                  .response = *response};
    if (!ocsp_question_key(question, fresh.id, &fresh.id_bytes))
        return;
    if (seen->responses == NULL)
        seen->responses = calloc(RESPONSES_PER_ISSUER, sizeof *seen->responses);
    if (seen->responses == NULL)
        end_without("memory");
    struct kept_response *place = place_for(set_of(reader, bytes_of(fresh.id, fresh.id_bytes)), &fresh, now);
    if (place == NULL)
        return;
    uint8_t *copy = malloc(response->der.n);
    if (copy == NULL)
        end_without("memory");
    memcpy(copy, response->der.p, response->der.n);
    fresh.response.der.p = copy;
    free(UNCONST(void *, place->response.der.p));
    *place = fresh;
}

/* ---- slow signatures ---- */

bool status_may_sign_slowly(struct status_reader *reader, int64_t now, bool known)
{
    if (reader->slow_second != now) {
        reader->slow_second = now;
        reader->slow_signatures = reader->unknown_signatures = 0;
    }
    if (reader->slow_signatures == SLOW_SIGNATURES_A_SECOND ||
        (!known && reader->unknown_signatures == UNKNOWN_SIGNATURES_A_SECOND))
        return false;
    reader->slow_signatures++;
    reader->unknown_signatures += !known;
    return true;
}
