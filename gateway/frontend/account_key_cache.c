/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/frontend/exchange.h"

enum { CACHE_SLOTS = 1024 };

/* Direct-mapped: a key that meets another in its slot replaces it. So it is bounded without bookkeeping. */
struct account_key_cache {
    struct {
        struct arena *arena; /* NULL: empty */
        struct jwk key;
    } slot[CACHE_SLOTS];
};

struct account_key_cache *account_key_cache_new(void)
{
    struct account_key_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        end_without("memory");
    return cache;
}

void account_key_cache_free(struct account_key_cache *cache)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        arena_free(cache->slot[i].arena);
    free(cache);
}

/* FNV-1a. The keys are ours, from the database, so clients gain nothing from chosen collisions. */
static size_t slot_of(struct bytes canonical)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < canonical.n; i++)
        hash = (hash ^ canonical.p[i]) * 16777619U;
    return (hash ^ (hash >> 16)) % CACHE_SLOTS;
}

const struct jwk *account_key_cache_get(struct account_key_cache *cache, struct bytes canonical)
{
    size_t at = slot_of(canonical);
    if (cache->slot[at].arena != NULL && bytes_equal(cache->slot[at].key.canonical, canonical))
        return &cache->slot[at].key;
    struct arena *arena = arena_new();
    struct jose_error error;
    struct jwk key;
    const struct json *json = json_parse(arena, canonical, &json_limits_request, NULL);
    if (json == NULL || !jwk_parse_public(arena, json, &key, &error)) {
        arena_free(arena);
        return NULL;
    }
    arena_free(cache->slot[at].arena);
    cache->slot[at].arena = arena;
    cache->slot[at].key = key;
    return &cache->slot[at].key;
}
