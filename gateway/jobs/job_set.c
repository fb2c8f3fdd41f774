/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/jobs/jobs_internal.h"

static size_t find(const struct job_set *set, int64_t id)
{
    size_t at = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 51) % JOB_SET_SLOTS;
    while (set->slot[at] != 0 && set->slot[at] != id)
        at = (at + 1) % JOB_SET_SLOTS;
    return at;
}

bool job_set_contains(const struct job_set *set, int64_t id)
{
    return set->slot[find(set, id)] == id;
}

void job_set_add(struct job_set *set, int64_t id)
{
    set->slot[find(set, id)] = id;
    set->count++;
}

/* Removes an id. The ids that follow in the same run are put in again, so that no look-up stops at the
 * gap. */
void job_set_remove(struct job_set *set, int64_t id)
{
    size_t at = find(set, id);
    if (set->slot[at] != id)
        return;
    set->slot[at] = 0;
    set->count--;
    for (at = (at + 1) % JOB_SET_SLOTS; set->slot[at] != 0; at = (at + 1) % JOB_SET_SLOTS) {
        int64_t moved = set->slot[at];
        set->slot[at] = 0;
        set->slot[find(set, moved)] = moved;
    }
}
