/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which refusals are recorded, so that a client that only gets refused cannot fill the audit trail. Within a
 * window of an hour a client's first refusal for each reason is recorded, for a few reasons; after those, one
 * refusal each time the client's count has doubled. Memory is fixed. For one thread at a time.
 */
#pragma once

#include "acme/problem.h"

enum {
    REFUSAL_WINDOW_S = 3600,
    REFUSAL_REASONS = 8,  /* recorded of one client in a window before only counts are */
    REFUSAL_DOUBLING = 16 /* the first count that is recorded whatever the reason */
};

struct refusal {
    const char *client; /* the account, or the network of a client without one */
    const char *what;   /* the name of the event's type, or the words of a line of the log */
    const struct problem *problem;
};

struct refusal_register;

struct refusal_register *refusal_register_new(void);
/* NULL is ignored. */
void refusal_register_free(struct refusal_register *reg);

/*
 * Counts the refusal. The words to record, the problem's detail among them; NULL when it is only counted.
 * Words of counts say how many refusals there were.
 */
const char *refusal_register_count(struct refusal_register *reg, struct arena *arena,
                                   const struct refusal *refusal, int64_t now_s);
