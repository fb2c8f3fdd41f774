/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations and their challenge (RFC 8555 §7.1.4). Functions that write are called only inside `apply`.
 */
#pragma once

#include "acme/objects.h"
#include "store/store.h"

void store_authorization_ask(struct store_reader *reader, int64_t id); /* store_read_ahead_end */
[[gnu::warn_unused_result]] enum store_result store_authorization_load(struct store_reader *reader,
                                                                       struct arena *arena, int64_t id,
                                                                       struct authorization *out);
/* Inserts an authorization and sets its id. STORE_REFUSED unless a new authorization may have this status. */
[[gnu::warn_unused_result]] enum store_result store_authorization_insert(struct store_writer *writer,
                                                                         struct authorization *authorization);
struct authorization_wanted {
    int64_t account_id;
    const char *name; /* without "*." */
    bool wildcard;
    bool subdomains; /* it must cover the names below it; else either */
    bool proven;     /* it must be proven by a challenge of its own; else any basis */
    int64_t until;   /* it must not expire before */
};
/* Finds a valid authorization. Of several it prefers a proven one, then the one that lasts longest. */
[[gnu::warn_unused_result]] enum store_result store_authorization_find_valid(
    struct store_reader *reader, struct arena *arena, const struct authorization_wanted *wanted,
    struct authorization *out);
/* Writes the status, the basis, the chosen challenge's fields and the error; STORE_LOST_RACE unless the row
 * still has the states `was` and `challenge_was` (0 for no chosen challenge). STORE_REFUSED when the new
 * states may not follow them (authorization_may_be_written). */
[[gnu::warn_unused_result]] enum store_result store_authorization_update(
    struct store_writer *writer, const struct authorization *authorization, enum authorization_status was,
    enum challenge_status challenge_was);
/* Returns the next account behind `after` with a challenge in processing. STORE_NOT_FOUND: none. */
[[gnu::warn_unused_result]] enum store_result store_validation_queue_after(struct store_reader *reader,
                                                                           int64_t after,
                                                                           int64_t *account_id);
struct due_validation {
    int64_t id;       /* the authorization's */
    const char *name; /* its identifier */
};
/* Reads an account's authorizations whose challenge is processing and due, oldest first, at most `max`. */
[[gnu::warn_unused_result]] enum store_result store_validations_due(struct store_reader *reader,
                                                                    struct arena *arena, int64_t account_id,
                                                                    int64_t now, size_t max,
                                                                    struct due_validation **out,
                                                                    size_t *count);
/* Reads the ids of orders that rest on the authorization and are pending or ready. */
[[gnu::warn_unused_result]] enum store_result store_orders_waiting_on(struct store_reader *reader,
                                                                      struct arena *arena,
                                                                      int64_t authorization_id, int64_t **ids,
                                                                      size_t *count);

/* Reads those of a loaded order, one for each identifier, in the arena. Id 0: it is gone. */
void store_authorizations_of_order_ask(struct store_reader *reader, int64_t order_id);
[[gnu::warn_unused_result]] enum store_result store_authorizations_of_order(struct store_reader *reader,
                                                                            struct arena *arena,
                                                                            const struct order *order,
                                                                            struct authorization **out);

/* Reads the valid authorizations that rest on another (RFC 9444). */
[[gnu::warn_unused_result]] enum store_result store_authorizations_inherited(struct store_reader *reader,
                                                                             struct arena *arena,
                                                                             int64_t parent_id, int64_t now,
                                                                             struct authorization **out,
                                                                             size_t *count);
