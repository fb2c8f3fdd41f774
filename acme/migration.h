/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides how a name gets its certificates: by ACME here, or still the old way. It looks at the certificates
 * in the inventory, by the time at which each begins: an imported certificate came into it later than it was
 * signed.
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

/* Adds a certificate of the same name. A history of zeros is that of a name without certificates. */
void name_history_add(struct name_history *history, const struct name_certificate *certificate);

enum migration_state {
    MIGRATION_MOVED = 1, /* its newest certificate came by ACME */
    MIGRATION_OLD_WAY,   /* it has never had one by ACME */
    MIGRATION_WENT_BACK, /* it had one, and got one the old way after that */
    MIGRATION_OVER,      /* its newest certificate has ended: nobody renews it */
    MIGRATION_OWN,       /* of the server itself; migration_state_of() never returns it */
    MIGRATION_STATE_END,
};
/* Returns "moved", "old way", "went back", "over" or "own". */
const char *migration_state_name(enum migration_state state);

enum migration_state migration_state_of(const struct name_history *history, int64_t now);
