/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares of the slots of one type of job: neither an account nor a target can hold them all. A slot is given
 * while more slots are free than its account holds, and than its target holds. One account alone holds at
 * most half of them. Each of n busy accounts holds 1/(n + 1), and as much stays free for another one. Anybody
 * can make many accounts: the last quarter of the slots is for accounts that have had a certificate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOB_SHARES_SLOTS_MAX = 256 };

/* The object, the account and the target that a slot is for. */
struct job_holder {
    int64_t id;
    int64_t account_id;
    uint64_t target; /* job_target's */
    bool is_known;   /* the account has had a certificate */
};

struct job_shares {
    size_t slots; /* JOB_SHARES_SLOTS_MAX at most; may become fewer than are held */
    size_t count; /* held now */
    struct job_holder held[JOB_SHARES_SLOTS_MAX];
};

/* A name or an address as a number. Two that share one share its slots. */
uint64_t job_target(const char *host);

/* True when a slot is taken for the object. */
bool job_shares_contain(const struct job_shares *shares, int64_t id);

bool job_shares_admit(const struct job_shares *shares, const struct job_holder *holder);

/* Takes a slot, after admission only. Each slot is given back once. */
void job_shares_take(struct job_shares *shares, const struct job_holder *holder);
void job_shares_give_back(struct job_shares *shares, const struct job_holder *holder);
