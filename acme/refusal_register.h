/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which refusals are recorded, so that a client that is always refused cannot fill the audit trail.
 * Within a window of an hour, a client's first refusal for each reason is recorded, for a few reasons. After
 * those, one refusal is recorded each time the client's count has doubled. Memory is fixed. One thread at a
 * time.
 */
#pragma once

#include "acme/problem.h"

enum {
    REFUSAL_WINDOW_S = 3600,
    REFUSAL_REASONS = 8,  /* reasons recorded of one client in a window; further refusals are only counted */
    REFUSAL_DOUBLING = 16 /* the first count that is recorded whatever the reason */
};

struct refusal {
    const char *client; /* the account, or the network of a client without an account */
    const char *what;   /* the name of the event's type, or the words of a log line */
    const struct problem *problem;
};

struct refusal_register;

struct refusal_register *refusal_register_new(void);
/* Frees the register. NULL is ignored. */
void refusal_register_free(struct refusal_register *reg);

/*
 * Counts the refusal. Returns the words to record, which include the problem's detail and the number of
 * refusals. NULL when the refusal is only counted.
 */
const char *refusal_register_count(struct refusal_register *reg, struct arena *arena,
                                   const struct refusal *refusal, int64_t now_s);
