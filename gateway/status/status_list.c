/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer's list from the CA or from the database: finding its signer, and storing it. */
#include <stdio.h>

#include "acme/base/buffer.h"
#include "acme/pki/certificate_pool.h"
#include "gateway/runtime/clock.h"
#include "gateway/runtime/log.h"
#include "gateway/status/status_internal.h"
#include "store/certificates.h"
#include "store/revocation_lists.h"

enum { CANDIDATES_MAX_BYTES = 1024 * 1024 };

/* ---- candidates for the signer ---- */

/* A certificate without room is left out; the others stay. */
static void gather(struct buffer *all, struct bytes pem)
{
    if (all->n + pem.n <= CANDIDATES_MAX_BYTES)
        buffer_append(all, pem);
}

static void load_chains(void *argument, struct store_reader *reader)
{
    struct status_chains *chains = argument;
    if (store_chains(reader, chains->arena, &chains->pem, &chains->count) != STORE_OK)
        chains->count = 0;
}

static void go_on(void *argument)
{
    const struct status_chains *chains = argument;
    chains->then(chains->source);
}

void status_load_chains(struct status_source *source, struct status_chains *chains,
                        void (*then)(struct status_source *source))
{
    arena_free(chains->arena);
    *chains = (struct status_chains){.source = source, .arena = arena_new(), .then = then};
    loads_run(source->status->parts.loads, load_chains, go_on, chains);
}

struct bytes status_candidates(const struct status_source *source, const struct status_chains *chains,
                               struct arena *arena)
{
    struct buffer all;
    const struct status_parts *parts = &source->status->parts;
    buffer_init(&all, arena, CANDIDATES_MAX_BYTES);
    gather(&all, source->intermediates_pem);
    if (source->now.list != NULL)
        gather(&all, source->now.list->chain_pem);
    gather(&all, parts->own_intermediates(parts->context, arena));
    for (size_t i = 0; i < chains->count; i++)
        gather(&all, chains->pem[i]);
    return buffer_bytes(&all);
}

/* Returns the signer and the path to the root: nothing else is needed to verify the list again. */
static struct bytes path_of(struct arena *arena, struct bytes signer, struct bytes candidates_pem,
                            X509_STORE *roots)
{
    struct bytes above = {0};
    struct certificate_pool *pool = certificate_pool_new();
    certificate_pool_add_pem(pool, candidates_pem);
    if (!certificate_pool_find_chain(pool, arena, signer, roots, &above))
        above = (struct bytes){0};
    certificate_pool_free(pool);
    return bytes_from_string(arena_printf(arena, "%s%.*s", certificate_to_pem(arena, signer), (int)above.n,
                                          (const char *)above.p));
}

/* ---- one list ---- */

struct shared_list *status_list_read(const struct status_source *source, struct bytes der,
                                     struct bytes candidates_pem, struct fault *fault)
{
    X509_STORE *roots = status_issuer(source)->roots;
    struct arena *own = arena_new();
    struct shared_list *list = arena_alloc(own, sizeof *list);
    list->arena = own;
    atomic_init(&list->references, 1);
    if (!crl_read(own, arena_copy(own, der), candidates_pem, roots, clock_now(), &list->crl, fault)) {
        arena_free(own);
        return NULL;
    }
    list->crl.signer = arena_copy(own, list->crl.signer);
    list->chain_pem = path_of(own, list->crl.signer, candidates_pem, roots);
    snprintf(list->etag, sizeof list->etag, "\"%s\"", certificate_fingerprint(own, list->crl.der));
    return list;
}

/* ---- in the database ---- */

struct list_write {
    struct store_operation operation; /* first */
    struct arena *arena;
    struct status_source *source;
    struct shared_list *list;
    struct revocation_list_row row;
};

static enum store_apply_result apply_list(struct store_operation *operation, struct store_writer *writer)
{
    const struct list_write *write = (const struct list_write *)operation;
    return store_applied(store_revocation_list_save(writer, &write->row));
}

/* On the committer thread. A list that was not written is written again with the next look at the CA. */
static void on_list_written(struct store_operation *operation, enum store_outcome outcome)
{
    struct list_write *write = (struct list_write *)operation;
    if (outcome != STORE_COMMITTED)
        atomic_store(&write->source->unsaved, true);
    shared_list_drop(write->list);
    arena_free(write->arena);
}

void status_list_save(struct status_source *source)
{
    struct arena *arena = arena_new();
    struct list_write *write = arena_alloc(arena, sizeof *write);
    struct shared_list *list = shared_list_keep(source->now.list);
    const char *root_fingerprint = status_issuer(source)->root_fingerprint;
    *write = (struct list_write){.operation = {.apply = apply_list, .done = on_list_written},
                                 .arena = arena,
                                 .source = source,
                                 .list = list,
                                 .row = {.issuer = source->id,
                                         .root_fingerprint = arena_duplicate(arena, root_fingerprint),
                                         .fetched_at = clock_now(),
                                         .next_update = list->crl.next_update,
                                         .crl = list->crl.der,
                                         .chain_pem = list->chain_pem}};
    atomic_store(&source->unsaved, false);
    store_submit(source->status->parts.store, &write->operation);
}

/* Returns NULL when the row is not accepted; a line is then logged. */
static struct shared_list *read_row(const struct status_source *source, const struct revocation_list_row *row)
{
    struct fault fault;
    struct shared_list *list = status_list_read(source, row->crl, row->chain_pem, &fault);
    if (list != NULL && crl_is_of_the_future(&list->crl, clock_now())) {
        shared_list_drop(list);
        list = NULL;
        fault_set(&fault, "it was made in the future: the clock was ahead");
    }
    if (list == NULL)
        log_warning("issuer %s: a revocation list in the database is rejected: %s", source->id,
                    fault.message);
    return list;
}

void status_list_load(struct status_source *source, struct store_reader *reader)
{
    struct arena *arena = arena_new();
    struct revocation_list_row *rows = NULL;
    struct shared_list *list = NULL;
    size_t count = 0;
    if (store_revocation_lists_load(reader, arena, source->id, &rows, &count) != STORE_OK)
        count = 0;
    for (size_t i = 0; i < count && list == NULL; i++) {
        list = read_row(source, &rows[i]);
        /* A chain with more certificates than needed is written again. */
        atomic_store(&source->unsaved, list != NULL && !bytes_equal(list->chain_pem, rows[i].chain_pem));
    }
    source->now.list = list;
    arena_free(arena);
}
