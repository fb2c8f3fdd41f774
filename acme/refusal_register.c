/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/refusal_register.h"

#include <stdlib.h>

#include "acme/base/time_text.h"
#include "acme/seeded_hash.h"

/* Clients beyond the places of their row share one entry, as if they were one client. */
enum { ROWS = 1024, PLACES = 4 };

struct entry {
    uint64_t client; /* 0: free */
    int64_t began_at;
    uint64_t count;
    uint64_t unrecorded; /* since the last recorded one */
    uint64_t reasons[REFUSAL_REASONS];
    size_t reason_count;
};

struct refusal_register {
    struct hash_seed seed;
    struct entry row[ROWS][PLACES];
    struct entry others;
};

struct refusal_register *refusal_register_new(void)
{
    struct refusal_register *reg = calloc(1, sizeof *reg);
    if (reg == NULL)
        end_without("memory");
    hash_seed_make(&reg->seed);
    return reg;
}

void refusal_register_free(struct refusal_register *reg)
{
    free(reg);
}

static bool is_over(const struct entry *entry, int64_t now_s)
{
    return entry->client == 0 || now_s >= entry->began_at + REFUSAL_WINDOW_S || now_s < entry->began_at;
}

static struct entry *find(struct refusal_register *reg, uint64_t client, int64_t now_s)
{
    struct entry *row = reg->row[client % ROWS];
    struct entry *free_place = NULL;
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].client == client)
            return &row[i];
        if (free_place == NULL && is_over(&row[i], now_s))
            free_place = &row[i];
    }
    if (free_place == NULL)
        return &reg->others;
    *free_place = (struct entry){0};
    return free_place;
}

/* Removes the digits of a rate limit's words, which tell how long to wait. All refusals of one limit then
 * count as one reason. */
static const char *reason_words(struct arena *arena, const struct problem *problem)
{
    if (problem->type != PROBLEM_RATE_LIMITED)
        return problem->detail;
    char *words = arena_duplicate(arena, problem->detail);
    for (char *c = words; *c != '\0'; c++)
        if (*c >= '0' && *c <= '9')
            *c = '#';
    return words;
}

static bool is_new_reason(struct entry *entry, uint64_t reason)
{
    for (size_t i = 0; i < entry->reason_count; i++)
        if (entry->reasons[i] == reason)
            return false;
    if (entry->reason_count == REFUSAL_REASONS)
        return false;
    entry->reasons[entry->reason_count++] = reason;
    return true;
}

static bool has_doubled(uint64_t count)
{
    return count >= REFUSAL_DOUBLING && (count & (count - 1)) == 0;
}

static const char *words_of(struct arena *arena, const char *detail, uint64_t unrecorded)
{
    return unrecorded == 0
               ? detail
               : arena_printf(
                     arena, "%s (%llu more refusals of this client were counted since the last recorded one)",
                     detail, (unsigned long long)unrecorded);
}

const char *refusal_register_count(struct refusal_register *reg, struct arena *arena,
                                   const struct refusal *refusal, int64_t now_s)
{
    uint64_t client = seeded_hash(&reg->seed, arena, &refusal->client, 1);
    const char *why[] = {refusal->what, reason_words(arena, refusal->problem)};
    uint64_t reason = seeded_hash(&reg->seed, arena, why, 2);
    struct entry *entry = find(reg, client, now_s);
    if (is_over(entry, now_s))
        *entry = (struct entry){.client = client, .began_at = now_s, .unrecorded = entry->unrecorded};
    entry->count++;
    if (!is_new_reason(entry, reason) && !has_doubled(entry->count)) {
        entry->unrecorded++;
        return NULL;
    }
    const char *words = words_of(arena, refusal->problem->detail, entry->unrecorded);
    entry->unrecorded = 0;
    return words;
}
