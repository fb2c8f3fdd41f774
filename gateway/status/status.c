/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/pki/certificate.h"
#include "gateway/runtime/backoff.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/status/status_internal.h"

enum {
    REFRESH_MS = 5 * 60 * 1000,
    REFRESH_LEAST_MS = 1000, /* the least time between requests, however soon a list ends and however many
                              * revocations are confirmed */
    RETRY_FIRST_MS = 2 * 1000,
    RETRY_MOST_MS = 30 * 1000,
};

void status_warn(const struct status_source *source, struct fault *last, const char *what, const char *words)
{
    struct fault line;
    fault_set(&line, "%s: %s", what, words);
    if (strcmp(line.message, last->message) == 0)
        return;
    *last = line;
    log_warning("issuer %s: %s", source->id, line.message);
}

struct issuer *status_issuer(const struct status_source *source)
{
    return issuers_find(source->status->parts.issuers, source->id);
}

/* ---- asking the issuer ---- */

static void set_list_timer(struct status_source *source, int64_t delay_ms)
{
    outbound_timer_set(source->status->parts.outbound, &source->list_timer, delay_ms);
}

/* Returns half of the rest of the list's life, so that a short-lived list is renewed in time. */
static int64_t next_look_ms(const struct status_source *source)
{
    if (source->now.list == NULL)
        return REFRESH_MS;
    int64_t half_ms = (source->now.list->crl.next_update - clock_now()) * 500;
    return half_ms > REFRESH_MS ? REFRESH_MS : half_ms < REFRESH_LEAST_MS ? REFRESH_LEAST_MS : half_ms;
}

static int64_t retry_ms(const struct status_source *source)
{
    return backoff_wait((int64_t)source->failures, RETRY_FIRST_MS, RETRY_MOST_MS);
}

/* Warns once, though they are in every later list. */
static void warn_of_left_out(struct status_source *source, const struct crl *crl)
{
    if (crl->left_out != 0 && crl->left_out != source->last_left_out)
        log_warning(
            "issuer %s: the revocation list has %zu entries that are left out: no certificate can have "
            "their serial numbers",
            source->id, crl->left_out);
    source->last_left_out = crl->left_out;
}

static void use_list(struct status_source *source, struct shared_list *list)
{
    char until[TIME_TEXT_BYTES];
    time_format(until, list->crl.next_update);
    /* A responder that did not fit the previous CA may fit this one. */
    if (source->now.list != NULL && !bytes_equal(source->now.list->crl.signer, list->crl.signer))
        source->responder_waits_until_ms = 0;
    shared_list_drop(source->now.list);
    source->now.list = list;
    log_info("issuer %s: revocation list 0x%s with %zu entries, good until %s", source->id, list->crl.number,
             list->crl.count, until);
    warn_of_left_out(source, &list->crl);
    status_list_save(source);
}

/* Writes a list again that the database did not take, with the next look at the CA. */
static void save_again(struct status_source *source)
{
    if (source->now.list != NULL && atomic_load(&source->unsaved))
        status_list_save(source);
}

/* True when the CA's list is another than the one in use. */
static bool is_another_list(const struct status_source *source)
{
    return source->request.outcome == ISSUER_LIST_READ &&
           (source->now.list == NULL || !bytes_equal(source->now.list->crl.der, source->request.crl));
}

/* False with `fault` when the list is not accepted. */
static bool take_list(struct status_source *source, struct fault *fault)
{
    struct arena *arena = source->work;
    const struct shared_list *current = source->now.list;
    if (!is_another_list(source)) {
        save_again(source);
        return true;
    }
    struct bytes candidates = status_candidates(source, &source->list_chains, arena);
    struct shared_list *fresh = status_list_read(source, source->request.crl, candidates, fault);
    if (fresh == NULL)
        return false;
    if (crl_may_replace(arena, current == NULL ? NULL : &current->crl, &fresh->crl, clock_now(), fault)) {
        use_list(source, fresh);
        return true;
    }
    shared_list_drop(fresh);
    return false;
}

static void keep_intermediates(struct status_source *source)
{
    if (source->request.intermediates_pem.n == 0)
        return;
    struct arena *arena = arena_new();
    source->intermediates_pem = arena_copy(arena, source->request.intermediates_pem);
    arena_free(source->intermediates_arena);
    source->intermediates_arena = arena;
}

/* True when the issuer works normally. */
static bool take_outcome(struct status_source *source)
{
    const char *words = source->request.message == NULL ? "" : source->request.message;
    struct fault fault;
    switch (source->request.outcome) {
    case ISSUER_LIST_READ:
        source->now.crl_is_kept = true;
        if (take_list(source, &fault))
            break;
        status_warn(source, &source->last_warning, "the CA's revocation list is rejected", fault.message);
        fault_set(&source->now.trouble, "the CA's list is rejected: %s", fault.message);
        return false;
    case ISSUER_LIST_UNCHANGED:
        save_again(source);
        break;
    case ISSUER_LIST_NONE:
        /* The last list holds until its end. */
        source->now.crl_is_kept =
            source->now.list != NULL && !crl_is_over(&source->now.list->crl, clock_now());
        fault_set(&source->now.trouble, "the CA says: %s", words);
        return true;
    case ISSUER_LIST_FAILED:
        status_warn(source, &source->last_warning, "the CA's revocation list cannot be fetched", words);
        fault_set(&source->now.trouble, "it cannot be fetched: %s", words);
        return false;
    }
    source->now.trouble.message[0] = source->last_warning.message[0] = '\0';
    return true;
}

static void take_answer(struct status_source *source)
{
    const struct published before = source->now;
    bool good = take_outcome(source);
    arena_free(source->work);
    source->work = NULL;
    source->under_way = false;
    source->failures = good ? 0 : source->failures + 1;
    /* The loops that hear of it drop their cached responses. */
    if (before.list != source->now.list || before.crl_is_kept != source->now.crl_is_kept ||
        strcmp(before.trouble.message, source->now.trouble.message) != 0)
        status_publish(source);
    /* The responder belongs to the CA that signs the lists. The first answer also shows the CAs above it. */
    if (before.list != source->now.list || source->responder_timer.run == NULL)
        status_responder_begin(source);
    bool again = source->again;
    source->again = false;
    set_list_timer(source, again ? REFRESH_LEAST_MS : good ? next_look_ms(source) : retry_ms(source));
}

static void on_list(struct issuer_list_request *request)
{
    struct status_source *source = request->owner;
    keep_intermediates(source);
    if (is_another_list(source))
        status_load_chains(source, &source->list_chains, take_answer);
    else
        take_answer(source);
}

/* Another CA may have had this issuer's id before: its list proves nothing, and the next is not compared with
 * it. */
static void let_go_of_foreign_list(struct status_source *source)
{
    struct shared_list *list = source->now.list;
    if (list == NULL ||
        certificate_chains_to(list->crl.signer, list->chain_pem, status_issuer(source)->roots))
        return;
    source->now.list = NULL;
    shared_list_drop(list);
    status_publish(source);
}

/* Returns NULL when a new list is wanted. */
static const struct crl *current_list(const struct status_source *source)
{
    const struct shared_list *list = source->now.list;
    return list == NULL || crl_is_of_the_future(&list->crl, clock_now()) ? NULL : &list->crl;
}

/* Makes one request at a time: a request that comes meanwhile is made afterwards. */
static void ask(void *argument)
{
    struct status_source *source = argument;
    struct issuer *issuer = status_issuer(source);
    if (source->under_way) {
        source->again = true;
        return;
    }
    outbound_timer_cancel(source->status->parts.outbound, &source->list_timer);
    let_go_of_foreign_list(source);
    source->under_way = true;
    source->asked_at_ms = clock_now_ms();
    source->work = arena_new();
    issuer_ref_with(issuer, source->work);
    source->request = (struct issuer_list_request){
        .arena = source->work, .current = current_list(source), .done = on_list, .owner = source};
    issuer_list(issuer, &source->request);
}

void status_changed(struct status *status, const char *issuer_id)
{
    FOR_EACH_SOURCE(status, source)
    {
        if (strcmp(source->id, issuer_id) != 0)
            continue;
        status_publish(source);
        int64_t delay_ms = source->asked_at_ms + REFRESH_LEAST_MS - clock_now_ms();
        if (source->under_way)
            source->again = true;
        else
            set_list_timer(source, delay_ms > 0 ? delay_ms : 0);
    }
}

/* ---- life ---- */

static void open_source(struct status *status, const char *id, struct store_reader *reader)
{
    struct status_source *source = arena_alloc(status->arena, sizeof *source);
    const struct issuer *issuer = issuers_find(status->parts.issuers, id);
    source->status = status;
    source->id = id;
    source->list_timer = (struct outbound_timer){.run = ask, .argument = source};
    pthread_mutex_init(&source->lock, NULL);
    /* Until the CA has answered, no certificate is certainly good. */
    source->now.crl_is_kept = true;
    source->now.wants_responder = issuer->ocsp.certificate_path != NULL || issuer->ocsp.issuer != NULL ||
                                  issuer->operations->make_responder != NULL;
    status_responder_prepare(source);
    if (reader != NULL)
        status_list_load(source, reader);
    status_publish(source);
    atomic_store_explicit(status->last == NULL ? &status->first : &status->last->next, source,
                          memory_order_release);
    status->last = source;
}

static bool has_source(struct status *status, const char *id)
{
    FOR_EACH_SOURCE(status, source)
    if (strcmp(source->id, id) == 0)
        return true;
    return false;
}

/* At the start, and for issuers that a reload has added. Those get their list from the CA: `reader` is NULL.
 */
static void add_sources(struct status *status, struct store_reader *reader)
{
    const struct config *config = config_now(status->parts.config);
    for (size_t i = 0; i < config->issuer_count; i++)
        if (!has_source(status, config->issuers[i].id))
            open_source(status, config->issuers[i].id, reader);
}

static void run_begin(struct outbound_message *message)
{
    struct status *status = (struct status *)((char *)message - offsetof(struct status, begin));
    atomic_store(&status->begin_posted, false);
    add_sources(status, NULL);
    FOR_EACH_SOURCE(status, source)
    {
        source->responder_waits_until_ms = 0;
        /* The issuer's roots decide which certificates are ours. */
        status_publish(source);
        if (source->now.list != NULL || source->responder_timer.run != NULL)
            status_responder_begin(source);
        ask(source);
    }
}

struct status *status_new(const struct status_parts *parts, struct fault *fault)
{
    struct store_reader *reader = store_reader_open(parts->location, fault);
    if (reader == NULL)
        return NULL;
    struct arena *arena = arena_new();
    struct status *status = arena_alloc(arena, sizeof *status);
    *status = (struct status){.parts = *parts, .arena = arena, .begin = {.run = run_begin}};
    add_sources(status, reader);
    store_reader_close(reader);
    return status;
}

void status_begin(struct status *status)
{
    if (!atomic_exchange(&status->begin_posted, true))
        outbound_post(status->parts.outbound, &status->begin);
}

void status_free(struct status *status)
{
    if (status == NULL)
        return;
    FOR_EACH_SOURCE(status, source)
    {
        kept_certificate_end(&source->kept);
        shared_list_drop(source->now.list);
        shared_responder_drop(source->now.responder);
        shared_list_drop(source->published.list);
        shared_responder_drop(source->published.responder);
        arena_free(source->work);
        arena_free(source->intermediates_arena);
        arena_free(source->list_chains.arena);
        arena_free(source->responder_chains.arena);
        pthread_mutex_destroy(&source->lock);
    }
    arena_free(status->arena);
}
