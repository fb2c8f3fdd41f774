/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/jobs/job_shares.h"

enum { RESERVED_PART = 4 };

uint64_t job_target(const char *host)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *host != '\0'; host++)
        hash = (hash ^ (uint8_t)*host) * UINT64_C(0x100000001b3);
    return hash;
}

bool job_shares_contain(const struct job_shares *shares, int64_t id)
{
    for (size_t i = 0; i < shares->count; i++)
        if (shares->held[i].id == id)
            return true;
    return false;
}

bool job_shares_admit(const struct job_shares *shares, const struct job_holder *holder)
{
    size_t of_account = 0, of_target = 0;
    size_t free = shares->count < shares->slots ? shares->slots - shares->count : 0;
    for (size_t i = 0; i < shares->count; i++) {
        of_account += shares->held[i].account_id == holder->account_id;
        of_target += shares->held[i].target == holder->target;
    }
    bool is_reserved = free <= shares->slots / RESERVED_PART;
    return of_account < free && of_target < free && (holder->is_known || !is_reserved);
}

void job_shares_take(struct job_shares *shares, const struct job_holder *holder)
{
    shares->held[shares->count++] = *holder;
}

void job_shares_give_back(struct job_shares *shares, const struct job_holder *holder)
{
    for (size_t i = 0; i < shares->count; i++) {
        if (shares->held[i].id != holder->id)
            continue;
        shares->held[i] = shares->held[--shares->count];
        return;
    }
}
