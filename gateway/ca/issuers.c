/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ca/issuers.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/base/thread.h"
#include "gateway/ca/issuer_overrides.h"
#include "gateway/ca/issuer_roots.h"
#include "gateway/runtime/log.h"

enum { SETTLE_MAX_MS = 10 * 1000 };

struct issuer_set {
    struct issuers *owner;
    struct issuer_set *next_replaced;
    size_t count;
    struct issuer *issuers[];
};

struct issuers {
    struct issuers_parts parts;
    _Atomic(struct issuer_set *) current;
    pthread_mutex_t change_lock; /* held for one change from its beginning to its end */
    struct issuer_list list;
    pthread_mutex_t replaced_lock;
    pthread_cond_t replaced_changed;
    struct issuer_set *replaced; /* sets that some thread may still use */
};

/* ---- sets ---- */

static struct issuer_set *set_new(struct issuers *issuers, size_t count)
{
    struct issuer_set *set = calloc(1, sizeof *set + count * sizeof(struct issuer *));
    if (set == NULL)
        end_without("memory");
    set->owner = issuers;
    set->count = count;
    return set;
}

static struct issuer *find_in(const struct issuer_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->issuers[i]->id, id) == 0)
            return set->issuers[i];
    return NULL;
}

struct issuer *issuers_find(const struct issuers *issuers, const char *id)
{
    return find_in(atomic_load_explicit(&issuers->current, memory_order_acquire), id);
}

struct issuer *issuers_of_profile(const struct issuers *issuers, const char *name,
                                  const struct profile_config **profile_out)
{
    const struct profile_config *profile = config_profile(issuers->parts.config, name);
    if (profile_out != NULL)
        *profile_out = profile;
    return profile == NULL ? NULL : issuers_find(issuers, profile->issuer);
}

void issuers_profile_limits(const struct issuers *issuers, const struct profile_config *profile,
                            struct validity_limits *out)
{
    struct issuer_status status;
    issuer_read_status(issuers_find(issuers, profile->issuer), &status);
    *out = status.limits;
    out->profile_max_s = profile->max_ttl_s;
}

/* A set has one reference to each of its issuers. */
static void unref_all(const struct issuer_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->issuers[i] != NULL)
            issuer_unref(set->issuers[i]);
}

static void leave_behind(void *what)
{
    struct issuer_set *set = what;
    struct issuers *issuers = set->owner;
    pthread_mutex_lock(&issuers->replaced_lock);
    struct issuer_set **at = &issuers->replaced;
    while (*at != set)
        at = &(*at)->next_replaced;
    *at = set->next_replaced;
    pthread_cond_signal(&issuers->replaced_changed);
    pthread_mutex_unlock(&issuers->replaced_lock);
    unref_all(set);
    free(set);
}

/* From here on `set` serves. The previous set is freed when no thread uses it any more. */
static void publish(struct issuers *issuers, struct issuer_set *set)
{
    struct issuer_set *replaced = atomic_exchange(&issuers->current, set);
    for (size_t i = 0; i < replaced->count; i++)
        if (find_in(set, replaced->issuers[i]->id) != replaced->issuers[i])
            issuer_stop_refreshing(replaced->issuers[i]);
    pthread_mutex_lock(&issuers->replaced_lock);
    replaced->next_replaced = issuers->replaced;
    issuers->replaced = replaced;
    pthread_mutex_unlock(&issuers->replaced_lock);
    issuers->parts.after_all_threads(issuers->parts.context, leave_behind, replaced);
}

/* ---- making one ---- */

/* Frees an issuer with one reference, meant for the set. */
static void discard(struct issuer *issuer)
{
    issuer_stop_refreshing(issuer);
    issuer_unref(issuer);
}

static void enlist(struct issuers *issuers, struct issuer *issuer)
{
    pthread_mutex_lock(&issuers->list.lock);
    issuer->list = &issuers->list;
    issuer->next = issuers->list.first;
    issuers->list.first = issuer;
    pthread_mutex_unlock(&issuers->list.lock);
}

static struct issuer *open_one(struct issuers *issuers, const struct issuer_config *config,
                               struct fault *fault)
{
    struct issuer *issuer = issuer_new(config, issuers->parts.outbound, fault);
    bool good = issuer != NULL;
    if (good) {
        enlist(issuers, issuer);
        good = issuer_open_ocsp(issuer, config, fault);
    }
    if (good && issuer->ocsp.issuer != NULL)
        enlist(issuers, issuer->ocsp.issuer);
    if (good)
        return issuer;
    fault_prefix(fault, "issuers.%s: ", config->id);
    if (issuer != NULL)
        discard(issuer);
    return NULL;
}

struct issuers *issuers_new(const struct issuers_parts *parts)
{
    struct issuers *issuers = calloc(1, sizeof *issuers);
    if (issuers == NULL)
        end_without("memory");
    issuers->parts = *parts;
    pthread_mutex_init(&issuers->change_lock, NULL);
    pthread_mutex_init(&issuers->list.lock, NULL);
    pthread_mutex_init(&issuers->replaced_lock, NULL);
    pthread_cond_init(&issuers->replaced_changed, NULL);
    atomic_init(&issuers->current, set_new(issuers, 0));
    return issuers;
}

/* ---- a replacement ---- */

/* The faults of a replacement, in an arena. */
struct faults {
    struct arena *arena;
    const char **lines;
    size_t count;
    bool unread; /* the database could not be read */
};

static void add_fault(struct faults *faults, const char *line)
{
    const char **longer = arena_alloc_array(faults->arena, faults->count + 1, sizeof *longer);
    if (faults->count != 0)
        memcpy(longer, faults->lines, faults->count * sizeof *longer);
    longer[faults->count++] = line;
    faults->lines = longer;
}

/* Makes the checks of `acmegate check`, down to a token that the CA must accept. Returns the id by which the
 * CA knows the key; NULL when a check fails. */
static const char *preflight(const struct issuers *issuers, const struct issuer_config *section,
                             struct faults *faults)
{
    struct issuer_preflight found = {.arena = faults->arena};
    issuers->parts.preflight(issuers->parts.context, section, &found);
    for (size_t i = 0; i < found.fault_count; i++)
        add_fault(faults, found.faults[i]);
    return found.key_id;
}

static void take_fault(void *context, const char *line)
{
    add_fault(context, line);
}

static void log_warning_line(void *context, const char *line)
{
    (void)context;
    log_warning("%s", line);
}

/* At the start an issuer cannot keep its previous roots: the operator is warned. */
static void warn_of_roots(const struct issuers *issuers, const struct issuer *issuer)
{
    struct arena *arena = arena_new();
    if (issuer_roots_check(issuers->parts.location, issuer, issuer->roots_pem, arena, log_warning_line,
                           NULL) != ISSUER_ROOTS_SUFFICE)
        log_warning("issuer %s serves nevertheless; those certificates cannot be revoked", issuer->id);
    arena_free(arena);
}

bool issuers_open(struct issuers *issuers, const struct issuer_config *sections, size_t count,
                  struct fault *fault)
{
    struct issuer_set *set = set_new(issuers, count);
    for (size_t i = 0; i < count; i++) {
        set->issuers[i] = open_one(issuers, &sections[i], fault);
        if (set->issuers[i] == NULL) {
            /* The list has the issuers that opened: issuers_stop frees them. */
            free(set);
            return false;
        }
    }
    free(atomic_exchange(&issuers->current, set));
    for (size_t i = 0; i < count; i++)
        warn_of_roots(issuers, set->issuers[i]);
    return true;
}

/* Makes an issuer for the section that may replace the one that serves, with a reference. `serving` is NULL
 * for a new issuer: as at a start, its roots are no reason to refuse it. NULL with the faults. */
static struct issuer *make_replacement(struct issuers *issuers, const struct issuer_config *section,
                                       const struct issuer *serving, struct faults *faults)
{
    struct fault fault;
    const char *key_id = preflight(issuers, section, faults);
    if (key_id == NULL)
        return NULL;
    struct issuer *issuer = open_one(issuers, section, &fault);
    if (issuer == NULL) {
        add_fault(faults, arena_duplicate(faults->arena, fault.message));
        return NULL;
    }
    issuer_set_key_id(issuer, key_id);
    if (serving == NULL) {
        warn_of_roots(issuers, issuer);
        return issuer;
    }
    enum issuer_roots roots = issuer_roots_check(issuers->parts.location, issuer, serving->roots_pem,
                                                 faults->arena, take_fault, faults);
    if (roots == ISSUER_ROOTS_SUFFICE)
        return issuer;
    faults->unread = roots == ISSUER_ROOTS_UNKNOWN;
    discard(issuer);
    return NULL;
}

/* ---- all at once ---- */

/* Returns the issuer that will serve for this section, with a reference; NULL with `fault`. */
static struct issuer *issuer_for(struct issuers *issuers, const struct issuer_config *section,
                                 struct fault *fault)
{
    struct issuer *serving = issuers_find(issuers, section->id);
    if (serving == NULL && section->type == ISSUER_LOCAL)
        return open_one(issuers, section, fault);
    if (serving != NULL && serving->config->overridden)
        log_info("issuer %s still follows the admin API", section->id);
    if (serving != NULL && (serving->config->overridden || section->type == ISSUER_LOCAL)) {
        issuer_ref(serving);
        return serving;
    }
    struct faults faults = {.arena = arena_new()};
    struct issuer *issuer = make_replacement(issuers, section, serving, &faults);
    if (issuer == NULL && faults.count == 1)
        fault_set(fault, "%s", faults.lines[0]);
    else if (issuer == NULL && faults.count > 1)
        fault_set(fault, "%s (the log has %zu more faults of issuer %s)", faults.lines[0], faults.count - 1,
                  section->id);
    else if (issuer == NULL)
        fault_set(fault, "issuers.%s: the preflight failed", section->id);
    arena_free(faults.arena);
    return issuer;
}

static void discard_set(struct issuers *issuers, struct issuer_set *set)
{
    for (size_t i = 0; i < set->count && set->issuers[i] != NULL; i++) {
        if (issuers_find(issuers, set->issuers[i]->id) == set->issuers[i])
            issuer_unref(set->issuers[i]);
        else
            discard(set->issuers[i]);
    }
    free(set);
}

/* Sections of the database (issuer_overrides.h) count for new issuers, as at a start. False with `fault`. */
static bool take_overrides(struct issuers *issuers, struct arena *arena, const struct config *fresh,
                           const struct issuer_config **sections, struct fault *fault)
{
    bool adds = false;
    for (size_t i = 0; i < fresh->issuer_count; i++)
        adds = adds || issuers_find(issuers, fresh->issuers[i].id) == NULL;
    *sections = fresh->issuers;
    return !adds || issuer_overrides_take(arena, fresh, issuers->parts.location, sections, fault);
}

/* NULL with `fault`. */
static struct issuer_set *make_all(struct issuers *issuers, const struct config *fresh,
                                   const struct issuer_config *overridden, struct fault *fault)
{
    struct issuer_set *set = set_new(issuers, fresh->issuer_count);
    for (size_t i = 0; i < fresh->issuer_count; i++) {
        bool is_new = issuers_find(issuers, fresh->issuers[i].id) == NULL;
        set->issuers[i] = issuer_for(issuers, is_new ? &overridden[i] : &fresh->issuers[i], fault);
        if (set->issuers[i] == NULL) {
            discard_set(issuers, set);
            return NULL;
        }
    }
    return set;
}

struct issuers_plan {
    struct issuers *issuers;
    struct issuer_set *set;
};

struct issuers_plan *issuers_plan(struct issuers *issuers, const struct config *fresh, struct fault *fault)
{
    struct issuers_plan *plan = malloc(sizeof *plan);
    struct arena *arena = arena_new();
    const struct issuer_config *overridden = NULL;
    if (plan == NULL)
        end_without("memory");
    *plan = (struct issuers_plan){.issuers = issuers};
    pthread_mutex_lock(&issuers->change_lock);
    if (take_overrides(issuers, arena, fresh, &overridden, fault))
        plan->set = make_all(issuers, fresh, overridden, fault);
    arena_free(arena);
    if (plan->set != NULL)
        return plan;
    issuers_abandon(plan);
    return NULL;
}

static void end_plan(struct issuers_plan *plan)
{
    pthread_mutex_unlock(&plan->issuers->change_lock);
    free(plan);
}

void issuers_commit(struct issuers_plan *plan)
{
    publish(plan->issuers, plan->set);
    end_plan(plan);
}

void issuers_abandon(struct issuers_plan *plan)
{
    if (plan == NULL)
        return;
    if (plan->set != NULL)
        discard_set(plan->issuers, plan->set);
    end_plan(plan);
}

/* ---- one ---- */

static void replace(struct issuers *issuers, const struct issuer *serving, struct issuer *fresh)
{
    const struct issuer_set *current = atomic_load(&issuers->current);
    struct issuer_set *set = set_new(issuers, current->count);
    for (size_t i = 0; i < current->count; i++) {
        set->issuers[i] = current->issuers[i] == serving ? fresh : current->issuers[i];
        if (set->issuers[i] != fresh)
            issuer_ref(set->issuers[i]);
    }
    publish(issuers, set);
}

static bool change_one(struct issuers *issuers, struct issuer_change *change)
{
    struct faults faults = {.arena = change->arena};
    struct issuer *serving = issuers_find(issuers, change->section->id);
    struct issuer *fresh = make_replacement(issuers, change->section, serving, &faults);
    change->faults = faults.lines;
    change->fault_count = faults.count;
    change->unread = faults.unread;
    if (fresh == NULL)
        return false;
    if (!change->keep(change, serving, fresh)) {
        discard(fresh);
        return false;
    }
    replace(issuers, serving, fresh);
    return true;
}

bool issuers_change(struct issuers *issuers, struct issuer_change *change)
{
    pthread_mutex_lock(&issuers->change_lock);
    bool changed = change_one(issuers, change);
    pthread_mutex_unlock(&issuers->change_lock);
    return changed;
}

/* ---- the end ---- */

void issuers_settle(struct issuers *issuers)
{
    if (issuers == NULL)
        return;
    const struct timespec deadline = thread_deadline(SETTLE_MAX_MS);
    pthread_mutex_lock(&issuers->replaced_lock);
    while (issuers->replaced != NULL &&
           thread_wait_until(&issuers->replaced_changed, &issuers->replaced_lock, &deadline))
        ;
    pthread_mutex_unlock(&issuers->replaced_lock);
}

void issuers_stop(struct issuers *issuers)
{
    if (issuers == NULL)
        return;
    while (issuers->list.first != NULL)
        issuer_free(issuers->list.first);
    free(atomic_load(&issuers->current));
    while (issuers->replaced != NULL) {
        struct issuer_set *set = issuers->replaced;
        issuers->replaced = set->next_replaced;
        free(set);
    }
    pthread_mutex_destroy(&issuers->change_lock);
    pthread_mutex_destroy(&issuers->list.lock);
    pthread_mutex_destroy(&issuers->replaced_lock);
    pthread_cond_destroy(&issuers->replaced_changed);
    free(issuers);
}
