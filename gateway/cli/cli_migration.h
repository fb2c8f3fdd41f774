/* SPDX-License-Identifier: Apache-2.0 */
/* `acmegate migration status`: what the names' certificates tell, in words. */
#pragma once

#include "acme/migration.h"
#include "gateway/config/config.h"
#include "stepca/provisioner_extension.h"

/* One name as it is shown. Texts belong to the arena of the row. */
struct migration_row {
    const struct name_history *history;
    enum migration_state state;
    struct stepca_signed_by by; /* of the newest certificate; type NULL: it does not say */
    const char *next;           /* a sentence */
};

/* The server's own certificate, by its name and its provisioner: it is asked for without ACME, and is no
 * host's. */
bool migration_is_own(const struct config *config, const struct migration_row *row);

/* What to change next for a name, with the directory that it may order from. */
const char *migration_next(struct arena *arena, const struct config *config, const struct migration_row *row);
