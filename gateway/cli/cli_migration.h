/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate migration status`: the advice for each name. */
#pragma once

#include "acme/migration.h"
#include "gateway/config/config.h"
#include "stepca/provisioner_extension.h"

/* A name and its advice. The texts are in the arena of the row. */
struct migration_row {
    const struct name_history *history;
    enum migration_state state;
    struct stepca_signed_by by; /* of the newest certificate; type NULL: unknown */
    const char *next;           /* a sentence */
};

/* True for the server's own certificate, by its name and its provisioner: it comes without ACME, and belongs
 * to no host. */
bool migration_is_own(const struct config *config, const struct migration_row *row);

/* The next step for a name, with the directory that it may order from. A sentence in the arena. */
const char *migration_next(struct arena *arena, const struct config *config, const struct migration_row *row);
