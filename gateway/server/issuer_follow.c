/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/issuer_follow.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/ca/issuer_overrides.h"
#include "gateway/runtime/log.h"

/* A list of overrides, in an arena of its own. */
struct sealed_list {
    struct arena *arena;
    struct issuer_override *items;
    size_t count;
};

struct issuer_follow {
    struct issuer_follow_parts parts;
    struct issuers *issuers;
    struct loads *loads;
    struct background *background;
    struct outbound_timer timer;
    struct outbound_message back;
    struct background_task task;
    struct sealed_list seen;  /* by the look under way */
    bool is_seen;             /* it was read */
    bool refused;             /* a change could not be taken over: the background thread's */
    pthread_mutex_t lock;     /* protects `known` */
    struct sealed_list known; /* the changes that are in force here */
};

/* ---- lists ---- */

static void list_free(struct sealed_list *list)
{
    if (list->arena != NULL)
        arena_free(list->arena);
    *list = (struct sealed_list){0};
}

static struct bytes sealed_of(const struct sealed_list *list, const char *issuer)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].issuer, issuer) == 0)
            return list->items[i].sealed;
    return (struct bytes){0};
}

/* True when an issuer of this gateway has changed. The database may have others. */
static bool differ(const struct config *config, const struct sealed_list *one,
                   const struct sealed_list *other)
{
    for (size_t i = 0; i < config->issuer_count; i++)
        if (!bytes_equal(sealed_of(one, config->issuers[i].id), sealed_of(other, config->issuers[i].id)))
            return true;
    return false;
}

static void add(struct sealed_list *list, const char *issuer, struct bytes sealed)
{
    list->items[list->count++] = (struct issuer_override){.issuer = arena_duplicate(list->arena, issuer),
                                                          .sealed = arena_copy(list->arena, sealed)};
}

/* The same list, but for one issuer. */
static struct sealed_list list_with(const struct sealed_list *list, const char *issuer, struct bytes sealed)
{
    struct sealed_list out = {.arena = arena_new()};
    out.items = arena_alloc_array(out.arena, list->count + 1, sizeof *out.items);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].issuer, issuer) != 0)
            add(&out, list->items[i].issuer, list->items[i].sealed);
    if (sealed.n != 0)
        add(&out, issuer, sealed);
    return out;
}

void issuer_follow_note(struct issuer_follow *follow, const char *issuer, struct bytes sealed)
{
    if (follow == NULL)
        return;
    pthread_mutex_lock(&follow->lock);
    struct sealed_list next = list_with(&follow->known, issuer, sealed);
    list_free(&follow->known);
    follow->known = next;
    pthread_mutex_unlock(&follow->lock);
}

/* ---- on the background thread: taking a change over ---- */

static bool keep(struct issuer_change *change, struct issuer *serving, struct issuer *fresh)
{
    (void)change;
    (void)serving;
    (void)fresh;
    return true;
}

static void refuse(struct issuer_follow *follow, const char *issuer, const char *why)
{
    follow->refused = true;
    log_warning("issuer %s: the change that another gateway has made is not taken over: %s", issuer, why);
}

static bool read_section(struct issuer_follow *follow, struct arena *arena,
                         const struct issuer_override *sealed, const struct issuer_config **section)
{
    const struct issuer_follow_parts *parts = &follow->parts;
    struct config_errors errors = {0};
    struct config_override override = {.issuer = sealed->issuer};
    struct fault fault;
    if (sealed->sealed.n != 0 &&
        !issuer_override_open(arena, config_now(parts->config), sealed, &override, &fault)) {
        refuse(follow, sealed->issuer, fault.message);
        return false;
    }
    *section = issuer_section_read(arena, parts->config_path, &override, &errors);
    if (*section == NULL)
        refuse(follow, sealed->issuer, errors.lines[0]);
    return *section != NULL;
}

static bool change(struct issuer_follow *follow, struct arena *arena, const struct issuer_override *sealed)
{
    const struct issuer_config *section;
    if (!read_section(follow, arena, sealed, &section))
        return false;
    if (section->type != ISSUER_STEPCA) {
        refuse(follow, sealed->issuer, "an issuer's type can change only at a restart");
        return false;
    }
    struct issuer_change wanted = {.arena = arena, .section = section, .keep = keep};
    if (issuers_change(follow->issuers, &wanted))
        return true;
    refuse(follow, sealed->issuer, wanted.fault_count == 0 ? "its preflight failed" : wanted.faults[0]);
    return false;
}

static void take_over(struct issuer_follow *follow, const char *issuer, struct bytes sealed)
{
    struct arena *arena = arena_new();
    const struct issuer_override wanted = {.issuer = issuer, .sealed = sealed};
    if (change(follow, arena, &wanted)) {
        issuer_follow_note(follow, issuer, sealed);
        log_info("issuer %s: took over the change that another gateway has made", issuer);
        follow->parts.changed(follow->parts.context, issuer);
    }
    arena_free(arena);
}

/* The look may be older than a change of our own: it is read again. */
static void take_over_all(struct issuer_follow *follow, const struct sealed_list *now)
{
    const struct config *config = config_now(follow->parts.config);
    for (size_t i = 0; i < config->issuer_count; i++) {
        const char *issuer = config->issuers[i].id;
        struct bytes sealed = sealed_of(now, issuer);
        if (!bytes_equal(sealed, sealed_of(&follow->known, issuer)))
            take_over(follow, issuer, sealed);
    }
}

static void run_task(struct background_task *task)
{
    struct issuer_follow *follow =
        (struct issuer_follow *)((char *)task - offsetof(struct issuer_follow, task));
    struct sealed_list now = {.arena = arena_new()};
    struct fault fault;
    follow->refused =
        !issuer_overrides_load(now.arena, follow->parts.location, &now.items, &now.count, &fault);
    if (!follow->refused)
        take_over_all(follow, &now);
    list_free(&now);
    outbound_post(follow->parts.outbound, &follow->back);
}

/* ---- on the outbound thread: looks ---- */

static void set_timer(struct issuer_follow *follow, int64_t delay_ms)
{
    outbound_timer_set(follow->parts.outbound, &follow->timer, delay_ms);
}

static void on_back(struct outbound_message *message)
{
    struct issuer_follow *follow =
        (struct issuer_follow *)((char *)message - offsetof(struct issuer_follow, back));
    set_timer(follow, follow->refused ? ISSUER_FOLLOW_AGAIN_MS : ISSUER_FOLLOW_EVERY_MS);
}

static void load(void *argument, struct store_reader *reader)
{
    struct issuer_follow *follow = argument;
    follow->is_seen = store_issuer_overrides(reader, follow->seen.arena, &follow->seen.items,
                                             &follow->seen.count) == STORE_OK;
}

static bool sees_a_change(struct issuer_follow *follow)
{
    pthread_mutex_lock(&follow->lock);
    bool changed = follow->is_seen && differ(config_now(follow->parts.config), &follow->seen, &follow->known);
    pthread_mutex_unlock(&follow->lock);
    return changed;
}

static void go_on(void *argument)
{
    struct issuer_follow *follow = argument;
    bool changed = sees_a_change(follow);
    list_free(&follow->seen);
    if (!changed || !background_post(follow->background, &follow->task))
        set_timer(follow, ISSUER_FOLLOW_EVERY_MS);
}

static void look(void *argument)
{
    struct issuer_follow *follow = argument;
    follow->seen = (struct sealed_list){.arena = arena_new()};
    follow->is_seen = false;
    loads_run(follow->loads, load, go_on, follow);
}

/* ---- life ---- */

struct issuer_follow *issuer_follow_new(const struct issuer_follow_parts *parts, struct fault *fault)
{
    struct issuer_follow *follow = calloc(1, sizeof *follow);
    if (follow == NULL)
        end_without("memory");
    follow->parts = *parts;
    follow->timer = (struct outbound_timer){.run = look, .argument = follow};
    follow->back.run = on_back;
    follow->task.run = run_task;
    pthread_mutex_init(&follow->lock, NULL);
    follow->known.arena = arena_new();
    if (issuer_overrides_load(follow->known.arena, parts->location, &follow->known.items,
                              &follow->known.count, fault))
        return follow;
    issuer_follow_free(follow);
    return NULL;
}

void issuer_follow_begin(struct issuer_follow *follow, struct issuers *issuers, struct loads *loads,
                         struct background *background)
{
    follow->issuers = issuers;
    follow->loads = loads;
    follow->background = background;
    outbound_post(follow->parts.outbound, &follow->back);
}

void issuer_follow_free(struct issuer_follow *follow)
{
    if (follow == NULL)
        return;
    list_free(&follow->seen);
    list_free(&follow->known);
    pthread_mutex_destroy(&follow->lock);
    free(follow);
}
