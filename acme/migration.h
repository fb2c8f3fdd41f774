/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a name gets its certificates: by ACME here, or still the way it did before. Decided from the
 * certificates in the inventory, by the time at which each begins (an imported one came into it later than it
 * was signed).
 */
#pragma once

#include "acme/objects.h"

/* One certificate of a name. */
struct name_certificate {
    const char *name;
    int64_t id;
    enum certificate_origin origin;
    int64_t not_before;
    int64_t not_after;
    int64_t created_at;
};

struct name_history {
    struct name_certificate newest;
    int64_t last_acme; /* beginning of the last one by ACME; 0: none */
    int64_t certificates;
};

/* Adds a certificate of the same name; a history of zeros is that of none. */
void name_history_add(struct name_history *history, const struct name_certificate *certificate);

enum migration_state {
    MIGRATION_MOVED = 1, /* its newest certificate came by ACME */
    MIGRATION_OLD_WAY,   /* it has never had one by ACME */
    MIGRATION_WENT_BACK, /* it had, and got one the old way after that */
    MIGRATION_OVER,      /* its newest certificate has ended: nobody renews it */
    MIGRATION_OWN,       /* of the server itself: not among what migration_state_of() tells */
    MIGRATION_STATE_END,
};
/* "moved", "old way", "went back", "over", "own". */
const char *migration_state_name(enum migration_state state);

enum migration_state migration_state_of(const struct name_history *history, int64_t now);
