/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/jobs/job_shares.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(job_shares);

/* Of the n-th object of an account. */
static int64_t id_of(int64_t account_id, size_t n)
{
    return account_id << 32 | (int64_t)n;
}

/* Takes as many as are admitted, each for a target of its own unless `target` is set. */
static size_t take_all(struct job_shares *shares, int64_t account_id, uint64_t target)
{
    size_t taken = 0;
    struct job_holder holder = {.account_id = account_id, .target = target};
    while (true) {
        if (target == 0)
            holder.target = (uint64_t)account_id << 32 | (taken + 1);
        holder.id = id_of(account_id, taken + 1);
        if (!job_shares_admit(shares, &holder))
            return taken;
        job_shares_take(shares, &holder);
        taken++;
    }
}

/* However many slots there are: one alone gets half, and whoever comes next gets one. */
Test(job_shares, S8_one_account_leaves_room_for_the_next)
{
    for (size_t slots = 2; slots <= JOB_SHARES_SLOTS_MAX; slots++) {
        struct job_shares shares = {.slots = slots};
        cr_expect_eq(take_all(&shares, 1, 0), (slots + 1) / 2, "%zu slots", slots);
        cr_expect_geq(take_all(&shares, 2, 0), 1, "%zu slots", slots);
        cr_assert_leq(shares.count, slots);
    }
}

Test(job_shares, S8_the_only_slot_is_used)
{
    struct job_shares shares = {.slots = 1};
    cr_expect_eq(take_all(&shares, 1, 0), 1);
    cr_expect_eq(take_all(&shares, 2, 0), 0);
}

/* Many accounts that all ask for one name hold no more of them than one account does. */
Test(job_shares, S8_one_target_leaves_room_for_others)
{
    struct job_shares shares = {.slots = 100};
    size_t taken = 0;
    for (int64_t account = 1; account <= 100; account++)
        taken += take_all(&shares, account, job_target("slow.test"));
    cr_expect_eq(taken, 50);
    cr_expect_geq(take_all(&shares, 101, job_target("quick.test")), 25);
}

/* Slots that come free go to those who hold less. */
Test(job_shares, S8_shares_become_even)
{
    struct job_shares shares = {.slots = 100};
    size_t first = take_all(&shares, 1, 0), second = 0;
    for (size_t i = 1; i <= first; i++) {
        job_shares_give_back(&shares, &(struct job_holder){.id = id_of(1, i)});
        const struct job_holder of_second = {.id = id_of(2, i), .account_id = 2, .target = 1000 + i},
                                of_first = {.id = id_of(1, 1000 + i), .account_id = 1, .target = 2000 + i};
        if (job_shares_admit(&shares, &of_second)) {
            job_shares_take(&shares, &of_second);
            second++;
        } else if (job_shares_admit(&shares, &of_first)) {
            job_shares_take(&shares, &of_first);
        }
    }
    cr_expect_geq(second, 33);
    cr_expect_leq(shares.count, 100);
}

/* However many accounts strangers make, and however many names they ask for. */
Test(job_shares, S8_strangers_leave_room_for_accounts_that_have_had_a_certificate)
{
    for (size_t slots = 4; slots <= JOB_SHARES_SLOTS_MAX; slots++) {
        struct job_shares shares = {.slots = slots};
        for (int64_t account = 1; account <= 1000; account++)
            (void)take_all(&shares, account, 0);
        cr_expect_eq(slots - shares.count, slots / 4, "%zu slots", slots);
        const struct job_holder known = {.account_id = 2000, .target = 1, .is_known = true};
        cr_expect(job_shares_admit(&shares, &known), "%zu slots", slots);
    }
}

/* A reload lowers their number below those that are held. */
Test(job_shares, fewer_slots_than_are_held_admit_nobody)
{
    struct job_shares shares = {.slots = 16};
    struct job_holder other = {.id = 7, .account_id = 7, .target = 7, .is_known = true};
    cr_assert_eq(take_all(&shares, 1, 0), 8);
    for (shares.slots = 8;; shares.slots--) {
        cr_expect_not(job_shares_admit(&shares, &other), "%zu slots", shares.slots);
        if (shares.slots == 1)
            break;
    }
    shares.slots = 9;
    cr_expect(job_shares_admit(&shares, &other), "one is free again");
}

Test(job_shares, what_is_given_back_is_free_again)
{
    struct job_shares shares = {.slots = 3};
    const struct job_holder one = {.id = 11, .account_id = 1, .target = 1},
                            two = {.id = 12, .account_id = 1, .target = 1};
    job_shares_take(&shares, &one);
    job_shares_take(&shares, &two);
    job_shares_give_back(&shares, &one);
    cr_expect_eq(shares.count, 1);
    cr_expect(!job_shares_contain(&shares, 11));
    cr_expect(job_shares_contain(&shares, 12));
    job_shares_give_back(&shares, &one);
    cr_expect_eq(shares.count, 1);
}
