#include "gateway/issuers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/cli_check.h"
#include "gateway/log.h"

struct issuer_set {
    struct issuer_set *replaced; /* the one before, kept for what is under way */
    size_t count;
    struct issuer *issuers[];
};

struct issuers {
    struct outbound *outbound;
    _Atomic(struct issuer_set *) current;
};

static struct issuer_set *set_new(size_t count)
{
    struct issuer_set *set = calloc(1, sizeof(*set) + count * sizeof(struct issuer *));
    if (set == NULL)
        abort();
    set->count = count;
    return set;
}

static struct issuer *find_in(const struct issuer_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; ++i)
        if (strcmp(set->issuers[i]->id, id) == 0)
            return set->issuers[i];
    return NULL;
}

struct issuer *issuers_find(const struct issuers *issuers, const char *id)
{
    return find_in(atomic_load_explicit(&issuers->current, memory_order_acquire), id);
}

static bool is_in(const struct issuer_set *set, const struct issuer *issuer)
{
    for (size_t i = 0; set != NULL && i < set->count; ++i)
        if (set->issuers[i] == issuer)
            return true;
    return false;
}

static bool is_in_older(const struct issuer_set *set, const struct issuer *issuer)
{
    for (const struct issuer_set *older = set->replaced; older != NULL; older = older->replaced)
        if (is_in(older, issuer))
            return true;
    return false;
}

/* An issuer of type local stands in several sets: it goes with the oldest. */
static void set_stop(struct issuer_set *set)
{
    for (size_t i = 0; i < set->count; ++i)
        if (set->issuers[i] != NULL && !is_in_older(set, set->issuers[i]))
            issuer_stop(set->issuers[i]);
    free(set);
}

struct issuers *issuers_new(struct outbound *outbound)
{
    struct issuers *issuers = calloc(1, sizeof(*issuers));
    if (issuers == NULL)
        abort();
    issuers->outbound = outbound;
    atomic_init(&issuers->current, set_new(0));
    return issuers;
}

static bool open_one(const struct issuers *issuers, const struct issuer_config *config, struct issuer **out,
                     char why[static 512])
{
    char reason[ISSUER_WHY_BYTES];
    *out = issuer_new(config, issuers->outbound, reason);
    if (*out == NULL)
        snprintf(why, 512, "issuers.%.64s: %s", config->id, reason);
    else if (!issuer_open_ocsp(*out, config, reason))
        snprintf(why, 512, "issuers.%.64s: %s", config->id, reason);
    else
        return true;
    return false;
}

static void publish(struct issuers *issuers, struct issuer_set *set)
{
    set->replaced = atomic_load(&issuers->current);
    atomic_store_explicit(&issuers->current, set, memory_order_release);
}

bool issuers_open(struct issuers *issuers, const struct config *config, char why[static 512])
{
    struct issuer_set *set = set_new(config->issuer_count);
    bool good = true;
    for (size_t i = 0; good && i < config->issuer_count; ++i)
        good = open_one(issuers, &config->issuers[i], &set->issuers[i], why);
    if (good) {
        publish(issuers, set);
        return true;
    }
    /* Whoever opened has posted its first message: it rests with the rest until the outbound thread has
     * stopped. */
    for (set->count = 0; set->issuers[set->count] != NULL; ++set->count)
        ;
    publish(issuers, set);
    return false;
}

/* ---- reloading ---- */

static void log_line(const char *verdict, const char *line)
{
    if (strcmp(verdict, "ok") == 0)
        log_debug("preflight: %s", line);
    else
        log_warning("preflight: %s", line);
}

/* The same questions as `acmegate check`, down to a token that the CA must accept. */
static bool preflight(const struct issuers *issuers, const struct config *config,
                      const struct issuer_config *issuer, char why[static 512])
{
    struct check check = {
        .arena = arena_new(), .config = config, .outbound = issuers->outbound, .print = log_line};
    check_stepca(&check, issuer);
    arena_free(check.arena);
    if (check.failed)
        snprintf(why, 512, "issuers.%.64s: the preflight failed, see the lines above", issuer->id);
    return !check.failed;
}

static bool replace_one(const struct issuers *issuers, const struct config *fresh,
                        const struct issuer_config *config, struct issuer **out, char why[static 512])
{
    struct issuer *serving = issuers_find(issuers, config->id);
    if (serving == NULL) {
        snprintf(why, 512, "issuers.%.64s is new: a restart takes it in", config->id);
        return false;
    }
    if (config->type == ISSUER_LOCAL) {
        *out = serving;
        return true;
    }
    if (!preflight(issuers, fresh, config, why) || !open_one(issuers, config, out, why))
        return false;
    if (strcmp((*out)->root_fingerprint, serving->root_fingerprint) == 0)
        return true;
    snprintf(why, 512, "issuers.%.64s: another root, so another CA: give it an id of its own", config->id);
    return false;
}

static void retire_all(const struct issuer_set *set, const struct issuer_set *unless_in)
{
    for (size_t i = 0; i < set->count; ++i)
        if (set->issuers[i] != NULL && !is_in(unless_in, set->issuers[i]))
            issuer_retire(set->issuers[i]);
}

bool issuers_reload(struct issuers *issuers, const struct config *fresh, char why[static 512])
{
    struct issuer_set *serving = atomic_load(&issuers->current);
    if (fresh->issuer_count != serving->count) {
        snprintf(why, 512, "issuers were added or removed: a restart takes that in");
        return false;
    }
    struct issuer_set *set = set_new(fresh->issuer_count);
    bool good = true;
    for (size_t i = 0; good && i < fresh->issuer_count; ++i)
        good = replace_one(issuers, fresh, &fresh->issuers[i], &set->issuers[i], why);
    if (good) {
        publish(issuers, set);
        retire_all(serving, set);
        return true;
    }
    /* The new ones that did open go the way of replaced ones: below the set that goes on serving. */
    retire_all(set, serving);
    set->replaced = serving->replaced;
    serving->replaced = set;
    return false;
}

void issuers_stop(struct issuers *issuers)
{
    if (issuers == NULL)
        return;
    struct issuer_set *set = atomic_load(&issuers->current);
    while (set != NULL) {
        struct issuer_set *replaced = set->replaced;
        set_stop(set);
        set = replaced;
    }
    free(issuers);
}
