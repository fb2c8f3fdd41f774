#include <stdio.h>
#include <stdlib.h>

#include "acme/base/buffer.h"
#include "acme/base/time_text.h"
#include "gateway/log.h"
#include "gateway/own_certificate.h"
#include "gateway/revocation/revocation_internal.h"

enum {
    REFRESH_MS = 5 * 60 * 1000,
    REFRESH_LEAST_MS = 1000, /* however soon a list ends, and however many revocations are confirmed */
    RETRY_FIRST_MS = 2 * 1000,
    RETRY_MOST_MS = 30 * 1000,
    CANDIDATES_MAX_BYTES = 1024 * 1024,
};

void revocation_warn(const struct revocation_source *source, char last[static REVOCATION_WORDS_BYTES],
                     const char *what, const char *words)
{
    char line[REVOCATION_WORDS_BYTES];
    snprintf(line, sizeof line, "%s: %s", what, words);
    if (strcmp(line, last) == 0)
        return;
    snprintf(last, REVOCATION_WORDS_BYTES, "%s", line);
    log_warning("issuer %s: %s", source->id, line);
}

/* ---- lists ---- */

struct bytes revocation_candidates(struct revocation_source *source, struct arena *arena)
{
    struct buffer all;
    struct bytes *chains = NULL;
    size_t count = 0;
    buffer_init(&all, arena, CANDIDATES_MAX_BYTES);
    buffer_append(&all, source->intermediates_pem);
    if (source->now.list != NULL)
        buffer_append(&all, source->now.list->chain_pem);
    buffer_append(&all, own_certificate_intermediates(source->revocation->server, arena));
    if (store_chains(source->revocation->session, arena, &chains, &count) != STORE_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        buffer_append(&all, chains[i]);
    return buffer_overflowed(&all) ? source->intermediates_pem : buffer_bytes(&all);
}

/* Everything of it in an arena of its own. NULL with `why` in `arena`. */
static struct shared_list *read_list(struct arena *arena, struct bytes der, struct bytes candidates_pem,
                                     X509_STORE *roots, const char **why)
{
    struct arena *own = arena_new();
    struct shared_list *list = arena_alloc(own, sizeof *list);
    const char *fault = NULL;
    list->arena = own;
    atomic_init(&list->references, 1);
    if (!crl_read(own, arena_copy(own, der), candidates_pem, roots, clock_now(), &list->crl, &fault)) {
        *why = arena_duplicate(arena, fault);
        arena_free(own);
        return NULL;
    }
    list->crl.signer = arena_copy(own, list->crl.signer);
    snprintf(list->etag, sizeof list->etag, "\"%s\"", certificate_fingerprint(own, list->crl.der));
    return list;
}

static struct issuer *issuer_of(const struct revocation_source *source)
{
    return server_issuer(source->revocation->server, source->id);
}

/* ---- keeping them in the database ---- */

struct list_write {
    struct store_operation operation; /* first */
    struct arena *arena;
    struct revocation_source *source;
    struct shared_list *list;
    struct revocation_list_row row;
};

static enum store_apply_result apply_list(struct store_operation *operation, struct store_session *session)
{
    const struct list_write *write = (const struct list_write *)operation;
    return store_revocation_list_save(session, &write->row) == STORE_OK ? STORE_APPLIED : STORE_DISCARD;
}

/* On the committer thread. What was not kept is written again with the next look at the CA. */
static void on_list_written(struct store_operation *operation, enum store_outcome outcome)
{
    struct list_write *write = (struct list_write *)operation;
    if (outcome != STORE_COMMITTED)
        atomic_store(&write->source->unsaved, true);
    shared_list_drop(write->list);
    arena_free(write->arena);
}

static void save_list(struct revocation_source *source)
{
    struct arena *arena = arena_new();
    struct list_write *write = arena_alloc(arena, sizeof *write);
    struct shared_list *list = shared_list_keep(source->now.list);
    *write = (struct list_write){.operation = {.apply = apply_list, .done = on_list_written},
                                 .arena = arena,
                                 .source = source,
                                 .list = list,
                                 .row = {.issuer = source->id,
                                         .root_fingerprint = source->root_fingerprint,
                                         .fetched_at = clock_now(),
                                         .next_update = list->crl.next_update,
                                         .crl = list->crl.der,
                                         .chain_pem = list->chain_pem}};
    atomic_store(&source->unsaved, false);
    store_submit(source->revocation->server->store, &write->operation);
}

static void load_list(struct revocation_source *source, struct arena *arena)
{
    struct revocation_list_row row;
    const char *why = "";
    if (store_revocation_list_load(source->revocation->session, arena, source->id, source->root_fingerprint,
                                   &row) != STORE_OK)
        return;
    struct shared_list *list = read_list(arena, row.crl, row.chain_pem, issuer_of(source)->roots, &why);
    if (list == NULL) {
        log_warning("issuer %s: the revocation list in the database is not taken: %s", source->id, why);
        return;
    }
    list->chain_pem = arena_copy(list->arena, row.chain_pem);
    source->now.list = list;
    source->now.crl_is_kept = true;
}

/* ---- asking the issuer ---- */

static void set_list_timer(struct revocation_source *source, int64_t delay_ms)
{
    outbound_timer_set(source->revocation->server->outbound, &source->list_timer, delay_ms);
}

/* Half of what is left of the list's life, so that a short-lived one is renewed in time. */
static int64_t next_look_ms(const struct revocation_source *source)
{
    if (source->now.list == NULL)
        return REFRESH_MS;
    int64_t half_ms = (source->now.list->crl.next_update - clock_now()) * 500;
    return half_ms > REFRESH_MS ? REFRESH_MS : half_ms < REFRESH_LEAST_MS ? REFRESH_LEAST_MS : half_ms;
}

static int64_t retry_ms(const struct revocation_source *source)
{
    int64_t delay_ms = RETRY_FIRST_MS;
    for (size_t i = 1; i < source->failures && delay_ms < RETRY_MOST_MS; i++)
        delay_ms *= 2;
    return delay_ms < RETRY_MOST_MS ? delay_ms : RETRY_MOST_MS;
}

static const char *signer_and(struct arena *arena, const struct shared_list *list, struct bytes others)
{
    return arena_printf(arena, "%s%.*s", certificate_to_pem(arena, list->crl.signer), (int)others.n,
                        (const char *)others.p);
}

static void use_list(struct revocation_source *source, struct shared_list *list, struct bytes candidates)
{
    char until[TIME_TEXT_BYTES];
    time_format(until, list->crl.next_update);
    struct bytes others = source->intermediates_pem.n != 0 ? source->intermediates_pem : candidates;
    list->chain_pem = bytes_from_string(signer_and(list->arena, list, others));
    shared_list_drop(source->now.list);
    source->now.list = list;
    log_info("issuer %s: revocation list 0x%s with %zu entries, good until %s", source->id, list->crl.number,
             list->crl.count, until);
    save_list(source);
}

/* False with `why` when what came is not taken. */
static bool take_list(struct revocation_source *source, const char **why)
{
    struct arena *arena = source->work;
    struct shared_list *current = source->now.list;
    if (current != NULL && bytes_equal(current->crl.der, source->job.crl)) {
        if (atomic_load(&source->unsaved))
            save_list(source);
        return true;
    }
    struct bytes candidates = revocation_candidates(source, arena);
    struct shared_list *fresh = read_list(arena, source->job.crl, candidates, issuer_of(source)->roots, why);
    if (fresh == NULL)
        return false;
    if (crl_may_replace(arena, current == NULL ? NULL : &current->crl, &fresh->crl, clock_now(), why)) {
        use_list(source, fresh, candidates);
        return true;
    }
    shared_list_drop(fresh);
    return false;
}

static void keep_intermediates(struct revocation_source *source)
{
    if (source->job.intermediates_pem.n == 0)
        return;
    struct arena *arena = arena_new();
    source->intermediates_pem = arena_copy(arena, source->job.intermediates_pem);
    arena_free(source->intermediates_arena);
    source->intermediates_arena = arena;
}

/* True when the issuer is as it should be. */
static bool take_outcome(struct revocation_source *source)
{
    const char *why = source->job.message == NULL ? "" : source->job.message;
    switch (source->job.outcome) {
    case ISSUER_LIST_READ:
        source->now.crl_is_kept = true;
        if (take_list(source, &why))
            break;
        revocation_warn(source, source->last_warning,
                        "the revocation list that the CA gives out is not taken", why);
        snprintf(source->now.trouble, sizeof source->now.trouble,
                 "the list that the CA gives out is not taken: %s", why);
        return false;
    case ISSUER_LIST_UNCHANGED:
        break;
    case ISSUER_LIST_NONE:
        /* What it gave out before holds until its end. */
        source->now.crl_is_kept =
            source->now.list != NULL && !crl_is_over(&source->now.list->crl, clock_now());
        snprintf(source->now.trouble, sizeof source->now.trouble, "the CA says: %s", why);
        return true;
    case ISSUER_LIST_FAILED:
        revocation_warn(source, source->last_warning, "the CA's revocation list cannot be fetched", why);
        snprintf(source->now.trouble, sizeof source->now.trouble, "it cannot be fetched: %s", why);
        return false;
    }
    source->now.trouble[0] = source->last_warning[0] = '\0';
    return true;
}

static void on_list(struct issuer_list_job *job)
{
    struct revocation_source *source = job->owner;
    struct shared_list *before = source->now.list;
    bool was_kept = source->now.crl_is_kept;
    bool was_in_trouble = source->now.trouble[0] != '\0';
    keep_intermediates(source);
    bool good = take_outcome(source);
    arena_free(source->work);
    source->work = NULL;
    source->under_way = false;
    source->failures = good ? 0 : source->failures + 1;
    if (before != source->now.list || was_kept != source->now.crl_is_kept || was_in_trouble ||
        source->now.trouble[0] != '\0')
        revocation_publish(source);
    /* A responder is of the CA that signs the lists; the first answer also tells who is above it. */
    if (before != source->now.list || source->responder_timer.run == NULL)
        revocation_responder_begin(source);
    bool again = source->again;
    source->again = false;
    set_list_timer(source, again ? REFRESH_LEAST_MS : good ? next_look_ms(source) : retry_ms(source));
}

static void ask(void *argument)
{
    struct revocation_source *source = argument;
    struct issuer *issuer = issuer_of(source);
    source->under_way = true;
    source->asked_at_ms = clock_now_ms();
    source->work = arena_new();
    issuer_hold_with(issuer, source->work);
    source->job =
        (struct issuer_list_job){.arena = source->work,
                                 .current = source->now.list == NULL ? NULL : &source->now.list->crl,
                                 .done = on_list,
                                 .owner = source};
    issuer_list(issuer, &source->job);
}

void revocation_changed(struct revocation *revocation, const char *issuer_id)
{
    for (size_t i = 0; i < revocation->count; i++) {
        struct revocation_source *source = &revocation->sources[i];
        if (strcmp(source->id, issuer_id) != 0)
            continue;
        revocation_publish(source);
        int64_t delay_ms = source->asked_at_ms + REFRESH_LEAST_MS - clock_now_ms();
        if (source->under_way)
            source->again = true;
        else
            set_list_timer(source, delay_ms > 0 ? delay_ms : 0);
    }
}

/* ---- life ---- */

static void run_begin(struct outbound_message *message)
{
    struct revocation *revocation =
        (struct revocation *)((char *)message - offsetof(struct revocation, begin));
    atomic_store(&revocation->begin_posted, false);
    for (size_t i = 0; i < revocation->count; i++) {
        struct revocation_source *source = &revocation->sources[i];
        if (source->now.list != NULL || source->responder_timer.run != NULL)
            revocation_responder_begin(source);
        if (!source->under_way)
            ask(source);
    }
}

static void open_source(struct revocation *revocation, struct revocation_source *source, const char *id)
{
    const struct issuer *issuer = server_issuer(revocation->server, id);
    struct arena *scratch = arena_new();
    source->revocation = revocation;
    source->id = id;
    source->root_fingerprint = arena_duplicate(revocation->arena, issuer->root_fingerprint);
    source->list_timer = (struct outbound_timer){.run = ask, .argument = source};
    pthread_mutex_init(&source->lock, NULL);
    /* Until the CA has said otherwise nobody can say that a certificate is good. */
    source->now.crl_is_kept = true;
    source->now.wants_responder = issuer->ocsp.certificate_path != NULL || issuer->ocsp.issuer != NULL ||
                                  issuer->operations->make_responder != NULL;
    load_list(source, scratch);
    revocation_publish(source);
    arena_free(scratch);
}

struct revocation *revocation_new(struct server *server, char why[static 256])
{
    struct store_error error;
    const struct config *config = server->config;
    struct arena *arena = arena_new();
    struct revocation *revocation = arena_alloc(arena, sizeof *revocation);
    *revocation = (struct revocation){.server = server, .arena = arena, .begin = {.run = run_begin}};
    revocation->session = store_session_open(config->database, &error);
    if (revocation->session == NULL) {
        snprintf(why, 256, "%.250s", error.message);
        arena_free(arena);
        return NULL;
    }
    revocation->sources = arena_alloc_array(arena, config->issuer_count, sizeof *revocation->sources);
    for (; revocation->count < config->issuer_count; revocation->count++)
        open_source(revocation, &revocation->sources[revocation->count],
                    config->issuers[revocation->count].id);
    return revocation;
}

void revocation_begin(struct revocation *revocation)
{
    if (!atomic_exchange(&revocation->begin_posted, true))
        outbound_post(revocation->server->outbound, &revocation->begin);
}

void revocation_free(struct revocation *revocation)
{
    if (revocation == NULL)
        return;
    for (size_t i = 0; i < revocation->count; i++) {
        struct revocation_source *source = &revocation->sources[i];
        revocation_responder_end(source);
        shared_list_drop(source->now.list);
        shared_responder_drop(source->now.responder);
        shared_list_drop(source->published.list);
        shared_responder_drop(source->published.responder);
        arena_free(source->work);
        arena_free(source->intermediates_arena);
        pthread_mutex_destroy(&source->lock);
    }
    store_session_close(revocation->session);
    arena_free(revocation->arena);
}
