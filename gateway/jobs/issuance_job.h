/* SPDX-License-Identifier: Apache-2.0 */
/* The issuance of one order. issuance_job.c takes it up and makes an attempt; issuance_job_outcome.c writes
 * the result. */
#pragma once

#include "gateway/issuance/issuance_check.h"
#include "gateway/issuance/issuance_plan.h"
#include "gateway/jobs/jobs_internal.h"

/* The state of its job. */
struct issuance_state {
    struct order order;
    struct issuer *issuer;
    const struct profile_config *profile; /* the order's, as of the attempt's beginning */
    struct attempt attempt;
    struct issuer_sign_request request;
    struct issued issued;
    const struct problem *problem; /* the problem that the order ends with */
    bool gone; /* before the attempt: the order is not in processing any more, or cannot be read */
    struct issuance_wanted wanted;
    int64_t began_us;         /* of the call to the issuer, with the wait for its turn */
    int64_t signing_ms;       /* how long it took; 0: there was none */
    bool may_call;            /* as its turn came: read by load_permit */
    struct attempt *attempts; /* of its order: read by issuance_load_attempts */
    size_t attempt_count;     /* none when they cannot be read */
    bool attempts_are_read;
};

/* The attempt under way has its answer; everything that follows from it is done. For
 * issuer_sign_request.done. */
void issuance_take_answer(struct issuer_sign_request *request);

/* Reads the attempts of the job's order, then goes on with `step`. */
void issuance_load_attempts(struct job *job, void (*step)(struct job *job));

/* The order ends with this problem, and with it the attempt, if one is under way. */
void issuance_fail(struct job *job, const struct problem *problem);
